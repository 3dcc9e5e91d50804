//! What a checkpoint says of itself, of the cores and of the variables, apart from their contents. Invariant: a core
//! point encodes to the same bytes in a delta and in an image.
//!
//! ```text
//! core   0 in  8 det  16 out  24 ordinal  32 hash  40 arrival  48 length of state  52 zero  56 state, padded to 8
//! count  0 variable  4 acq  8 base
//! ```

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

/// One core at the flip.
///
/// ```
/// use ftmb_runtime::checkpoint::CorePoint;
/// let fresh = CorePoint::default();
/// assert_eq!((fresh.in_pos, fresh.ordinal, fresh.core_state.len()), (0, 0, 0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorePoint {
    /// Position in its `in` log, bytes: replay starts here.
    pub in_pos: u64,
    /// Position in its `det` log of the delta's epoch, words.
    pub det_pos: u64,
    /// Position in its `out` log of the delta's epoch, bytes.
    pub out_pos: u64,
    /// Ordinal of its last output; 0 for none.
    pub ordinal: u64,
    /// Hash chain over its outputs.
    pub hash: u64,
    /// Arrival of its last input, ns since the group was created.
    pub arrival: u64,
    /// What else belongs to the core (its random generator); opaque here.
    pub core_state: Vec<u8>,
}

/// What a delta says of itself.
///
/// ```
/// use ftmb_runtime::checkpoint::{CorePoint, Summary};
/// let cores = vec![CorePoint::default(); 2];
/// let first = Summary { epoch: 1, number: 0, base: None, fingerprint: 7, variables: 3, cores };
/// assert!(first.is_complete());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The epoch whose master took the checkpoint.
    pub epoch: u64,
    /// Its number, from 0.
    pub number: u64,
    /// The checkpoint that it is relative to; `None` if it is complete.
    pub base: Option<u64>,
    /// Build, configuration and layout of the state.
    pub fingerprint: u64,
    /// Tracked variables in all; their ids are below.
    pub variables: u32,
    /// One point a core.
    pub cores: Vec<CorePoint>,
}

impl Summary {
    /// Whether the delta holds everything, relative to nothing.
    ///
    /// ```
    /// use ftmb_runtime::checkpoint::Summary;
    /// assert!(!Summary { base: Some(4), ..Summary::default() }.is_complete());
    /// ```
    pub fn is_complete(&self) -> bool {
        self.base.is_none()
    }
}

/// The two counts of one variable (protocol, section 3).
///
/// ```
/// use ftmb_runtime::checkpoint::Count;
/// assert_eq!(Count { id: 3, acq: 9, base: 8 }.id, 3);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The variable.
    pub id: u32,
    /// Acquisitions so far.
    pub acq: u32,
    /// Acquisitions just after the last exclusive one.
    pub base: u32,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawCore {
    positions: [le::U64; 6],
    state: le::U32,
    zero: le::U32,
}

const _: () = assert!(size_of::<RawCore>() == 56);

/// Appends the points.
pub(super) fn encode_cores(cores: &[CorePoint], out: &mut Vec<u8>) {
    for core in cores {
        let positions = [core.in_pos, core.det_pos, core.out_pos, core.ordinal, core.hash, core.arrival];
        let state = u32::try_from(core.core_state.len()).expect("the state of a core stays below 4 GiB");
        let raw = RawCore { positions: positions.map(le::U64::new), state: state.into(), zero: 0.into() };
        out.extend_from_slice(raw.as_bytes());
        out.extend_from_slice(&core.core_state);
        out.resize(out.len() + core.core_state.len().next_multiple_of(8) - core.core_state.len(), 0);
    }
}

/// Reads `count` points and says how many bytes they take; the error is the offset at which they end too early.
pub(super) fn decode_cores(bytes: &[u8], count: u32) -> Result<(Vec<CorePoint>, usize), usize> {
    let mut cores = Vec::new();
    let mut at = 0;
    for _ in 0..count {
        let (raw, rest) = RawCore::ref_from_prefix(&bytes[at..]).map_err(|_| at)?;
        let length = raw.state.get() as usize;
        let padded = length.next_multiple_of(8);
        let state = rest.get(..padded).ok_or(at + 48)?;
        let [in_pos, det_pos, out_pos, ordinal, hash, arrival] = raw.positions.map(le::U64::get);
        let core_state = state[..length].to_vec();
        cores.push(CorePoint { in_pos, det_pos, out_pos, ordinal, hash, arrival, core_state });
        at += size_of::<RawCore>() + padded;
    }
    Ok((cores, at))
}
