//! Deltas: what is built is what is read, what is damaged is an error that says where, and what is sent arrives.

use std::path::Path;

use proptest::prelude::*;

use super::head::{HEAD, RawHead, head_crc};
use super::*;
use crate::log::{Log, LogKind, LogSpec, MIN_CAPACITY};
use crate::state::{Piece, StateError, encode_piece};
use zerocopy::{FromBytes, IntoBytes};

/// A piece that a test can own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OwnPiece {
    Put(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Clear(Vec<u8>),
}

impl OwnPiece {
    fn lent(&self) -> Piece<'_> {
        match self {
            OwnPiece::Put(key, value) => Piece::Put { key, value },
            OwnPiece::Remove(key) => Piece::Remove { key },
            OwnPiece::Clear(prefix) => Piece::Clear { prefix },
        }
    }

    fn of(piece: Piece<'_>) -> OwnPiece {
        match piece {
            Piece::Put { key, value } => OwnPiece::Put(key.into(), value.into()),
            Piece::Remove { key } => OwnPiece::Remove(key.into()),
            Piece::Clear { prefix } => OwnPiece::Clear(prefix.into()),
        }
    }
}

/// The contents of a delta.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) counts: Vec<(u32, u32, u32)>,
    pub(super) runs: Vec<(u32, Vec<OwnPiece>)>,
    pub(super) cores: Vec<CorePoint>,
}

pub(super) fn build(summary: Summary, plan: &Plan) -> Delta {
    let mut builder = DeltaBuilder::new(Summary { cores: plan.cores.clone(), ..summary });
    for &(id, acq, base) in &plan.counts {
        builder.count(id, acq, base);
    }
    for (id, pieces) in &plan.runs {
        let encode = |out: &mut Vec<u8>| {
            pieces.iter().for_each(|piece| encode_piece(out, piece.lent()));
            Ok::<_, StateError>(())
        };
        builder.variable(*id, encode).unwrap();
    }
    builder.finish()
}

fn plan_of(delta: &Delta) -> Plan {
    let run = |(id, pieces): (u32, crate::state::PieceReader<'_>)| {
        (id, pieces.map(|piece| OwnPiece::of(piece.unwrap())).collect())
    };
    Plan {
        counts: delta.counts().map(|count| (count.id, count.acq, count.base)).collect(),
        runs: delta.variables().map(run).collect(),
        cores: delta.summary().cores.clone(),
    }
}

/// Few keys, so that they meet; values from empty to larger than a record's spare room.
fn piece() -> impl Strategy<Value = OwnPiece> {
    let key = || proptest::collection::vec(0_u8..3, 0..4);
    let value = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        8 => (key(), value).prop_map(|(key, value)| OwnPiece::Put(key, value)),
        2 => key().prop_map(OwnPiece::Remove),
        1 => proptest::collection::vec(0_u8..3, 0..3).prop_map(OwnPiece::Clear),
    ]
}

pub(super) fn plan(variables: u32) -> impl Strategy<Value = Plan> {
    let count = (0..variables, any::<u32>(), any::<u32>());
    let run = (0..variables, proptest::collection::vec(piece(), 1..12));
    let core = (any::<[u64; 6]>(), proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(words, core_state)| {
        let [in_pos, det_pos, out_pos, ordinal, hash, arrival] = words;
        CorePoint { in_pos, det_pos, out_pos, ordinal, hash, arrival, core_state }
    });
    (
        proptest::collection::vec(count, 0..6),
        proptest::collection::vec(run, 0..6),
        proptest::collection::vec(core, 0..4),
    )
        .prop_map(|(counts, runs, cores)| Plan { counts, runs, cores })
}

pub(super) fn summary(number: u64, base: Option<u64>) -> Summary {
    Summary { epoch: 3, number, base, fingerprint: 0xfeed, variables: 5, cores: Vec::new() }
}

/// Makes the checksums of damaged bytes agree again, so that what lies behind them is put to the test.
fn seal(bytes: &mut [u8]) {
    let Ok((raw, _)) = RawHead::read_from_prefix(bytes) else { return };
    let Ok(head_len) = usize::try_from(raw.head_len.get()) else { return };
    if (HEAD..=bytes.len()).contains(&head_len) {
        let body_crc = crc32fast::hash(&bytes[head_len..]);
        bytes[80..84].copy_from_slice(body_crc.as_bytes());
        let crc = head_crc(&bytes[..head_len]);
        bytes[12..16].copy_from_slice(crc.as_bytes());
    }
}

proptest! {
    #[test]
    fn a_delta_reads_back_as_it_was_built(plan in plan(5), number in 1..u64::MAX) {
        let built = build(summary(number, Some(number - 1)), &plan);
        prop_assert_eq!(plan_of(&built), plan.clone());
        let parsed = Delta::parse(built.to_bytes()).unwrap();
        prop_assert_eq!(parsed.summary(), built.summary());
        prop_assert_eq!(plan_of(&parsed), plan);
    }

    #[test]
    fn a_damaged_delta_is_an_error_and_no_other_delta(
        plan in plan(5),
        at in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let mut bytes = build(summary(4, Some(3)), &plan).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(Delta::parse(bytes.clone()).is_err());
        bytes.truncate(at);
        prop_assert!(Delta::parse(bytes).is_err());
    }

    #[test]
    fn malformed_bytes_behind_right_checksums_are_no_panic(
        plan in plan(5),
        pokes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = build(summary(4, Some(3)), &plan).to_bytes();
        for (at, byte) in pokes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        seal(&mut bytes);
        if let Ok(delta) = Delta::parse(bytes) {
            // Whatever it is now, it is well-formed.
            let seen = plan_of(&delta);
            prop_assert!(seen.counts.iter().all(|count| count.0 < delta.summary().variables));
            prop_assert!(seen.runs.iter().all(|run| run.0 < delta.summary().variables));
        }
    }
}

#[test]
fn a_failed_capture_leaves_no_bytes() {
    let mut builder = DeltaBuilder::new(summary(0, None));
    let failed = builder.variable(1, |out| {
        out.extend_from_slice(b"half a piece");
        Err("no")
    });
    assert_eq!(failed, Err("no"));
    builder.variable(2, |_| Ok::<_, ()>(())).unwrap();
    let delta = builder.finish();
    assert_eq!(delta.variables().count(), 0);
    assert!(Delta::parse(delta.to_bytes()).is_ok());
}

#[test]
fn errors_name_file_position_expected_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("3-4");
    let runs = vec![(1, vec![OwnPiece::Put(b"k".into(), b"v".into())])];
    let bytes = build(summary(4, Some(3)), &Plan { runs, ..Plan::default() }).to_bytes();
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Delta::open(&path).unwrap_err()
    };
    let poked = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        seal(&mut bytes);
        bytes
    };
    assert!(matches!(read(&poked(0, b'F')), CheckpointError::Foreign { path: p, .. } if p == path));
    assert!(matches!(read(&poked(8, 9)), CheckpointError::Mismatch { what: "version", expected: 1, found: 9, .. }));
    let whole = bytes.len() as u64;
    let cut = read(&bytes[..bytes.len() - 1]);
    assert!(
        matches!(cut, CheckpointError::Truncated { expected, found, .. } if expected == whole && found == whole - 1)
    );
    assert!(matches!(read(&bytes[..20]), CheckpointError::Truncated { expected: 88, found: 20, .. }));
    assert!(matches!(read(b""), CheckpointError::Truncated { .. }));
    assert!(matches!(read(&poked(HEAD, 5)), CheckpointError::Damaged { position: 88, found: 5, .. }));
    assert!(matches!(read(&poked(HEAD + 12, 7)), CheckpointError::Pieces { variable: 1, position: 88, .. }));
    assert!(matches!(read(&poked(48, 5)), CheckpointError::Damaged { position: 48, found: 5, .. }));
    let mut torn = bytes.clone();
    *torn.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&torn), CheckpointError::Damaged { position: 80, .. }));
    let message = read(&torn).to_string();
    assert!(
        message.starts_with(path.to_str().unwrap()) && message.contains("expected the crc of the body"),
        "{message}"
    );
    assert!(matches!(DeltaHead::open(Path::new("/nonexistent/3-4")), Err(CheckpointError::Io { step: "open", .. })));
}

#[test]
fn the_head_is_read_without_the_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("3-4");
    let runs = vec![(1, vec![OwnPiece::Put(b"k".into(), vec![1; 1 << 16])])];
    let plan = Plan { counts: vec![(2, 9, 8)], runs, cores: vec![CorePoint { in_pos: 77, ..CorePoint::default() }] };
    let mut bytes = build(summary(4, Some(3)), &plan).to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let head = DeltaHead::open(&path).unwrap();
    assert_eq!((head.summary().cores[0].in_pos, head.counts().next()), (77, Some(Count { id: 2, acq: 9, base: 8 })));
    assert!(Delta::open(&path).is_err());
}

#[test]
fn a_sender_never_waits_and_resumes_where_the_log_was_full() {
    let log = Log::anonymous(LogSpec { kind: LogKind::Ckpt, capacity: MIN_CAPACITY, fingerprint: 1 }).unwrap();
    let runs = vec![(1, vec![OwnPiece::Put(b"k".into(), (0..300_000_u32).map(|i| i as u8).collect())])];
    let delta = build(summary(4, Some(3)), &Plan { runs, ..Plan::default() });
    let (bytes, mut writer) = (delta.to_bytes(), log.writer().unwrap());
    let mut sender = DeltaSender::new(delta);
    let (mut reader, mut received, mut full) = (log.reader(0), Vec::new(), 0);
    loop {
        match sender.step(&mut writer) {
            Progress::Moved => {}
            Progress::Full => {
                full += 1;
                // The keeper takes one frame.
                let frame = reader.next().unwrap().expect("a full log has frames");
                if frame.kind == KIND_DATA {
                    assert!(frame.payload.len() <= CHUNK);
                    received.extend_from_slice(frame.payload);
                }
                let next = frame.next;
                log.trim(next);
            }
            Progress::Done => break,
        }
    }
    while let Some(frame) = reader.next().unwrap() {
        if frame.kind == KIND_DATA {
            received.extend_from_slice(frame.payload);
        }
    }
    assert!(full > 2);
    assert_eq!(received, bytes);
    assert_eq!(sender.step(&mut writer), Progress::Done);
}
