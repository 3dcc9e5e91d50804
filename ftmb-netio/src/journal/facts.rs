//! What the group record and the files beside it say, as a journal keeps it. Invariant: facts are of one instant at which the epoch
//! did not change, and were read before the logs' tails up to which the journal holds everything when it holds the facts: so what
//! they say has left can be made again from what is before them.

use ftmb_runtime::log::Log;

use crate::group_dir::LogSizes;
use crate::group_record::{Birth, GroupRecord, MAX_PORTS, Released};
use crate::input_logger::MARKS;

/// Words, one after the other.
#[derive(Debug, Default)]
struct Words(Vec<u8>);

impl Words {
    fn put(&mut self, word: u64) -> &mut Words {
        self.0.extend_from_slice(&word.to_le_bytes());
        self
    }

    fn all(&mut self, words: impl IntoIterator<Item = u64>) -> &mut Words {
        words.into_iter().for_each(|word| _ = self.put(word));
        self
    }
}

/// Takes words off.
#[derive(Debug)]
struct Reading<'a>(&'a [u8]);

impl Reading<'_> {
    fn take(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn array<const N: usize>(&mut self) -> Option<[u64; N]> {
        let mut words = [0; N];
        for word in &mut words {
            *word = self.take()?;
        }
        Some(words)
    }

    fn cores(&mut self) -> Option<usize> {
        self.take().map(|cores| cores as usize).filter(|cores| (1..=crate::group_record::MAX_CORES).contains(cores))
    }
}

/// What one core has released, and what its `in` log's writer notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CoreFacts {
    pub(super) released: Released,
    pub(super) marks: [u64; MARKS],
}

/// The group at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The last active epoch.
    pub(super) epoch: u64,
    /// Its set of `det` and `out` logs.
    pub(super) set: usize,
    /// The committed checkpoint.
    pub(super) committed: u64,
    pub(super) variables: u64,
    /// The group has ended in good order: there is nothing to go on with.
    pub(super) ended: bool,
    pub(super) stamped: [u64; MAX_PORTS],
    pub(super) cores: Vec<CoreFacts>,
}

impl Facts {
    /// Reads them; `None` before checkpoint 0, and while an epoch begins.
    pub(super) fn read(record: &GroupRecord, input: &[Log]) -> Option<Facts> {
        let (epoch, active) = (record.epoch(), record.active());
        // In this order: what is committed has left, what has left is of an epoch that is active, what is committed was stamped.
        let committed = record.committed()?;
        let cores: Vec<_> = input
            .iter()
            .enumerate()
            .map(|(core, log)| CoreFacts {
                released: record.released(core),
                // Acquire; pairs with the Release of the input logger.
                marks: std::array::from_fn(|mark| log.mark(mark).load(std::sync::atomic::Ordering::Acquire)),
            })
            .collect();
        let stamped = std::array::from_fn(|port| record.stamped(port));
        let current = record.current()?;
        let set = match current.from {
            _ if current.number == active => current.set,
            Some(from) if from.epoch == active => from.set,
            _ => return None,
        };
        let variables = record.variables() as u64;
        let same = record.epoch() == epoch && record.active() == active && current.number == epoch;
        same.then_some(Facts { epoch: active, set, committed, variables, ended: false, stamped, cores })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut words = Words::default();
        let head = [self.epoch, self.set as u64, self.committed, self.variables, self.ended.into()];
        words.all(head).all(self.stamped).put(self.cores.len() as u64);
        for core in &self.cores {
            words.all([core.released.ordinal, core.released.hash, core.released.epoch]).all(core.marks);
        }
        words.0
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Facts> {
        let mut words = Reading(bytes);
        let [epoch, set, committed, variables, ended] = words.array()?;
        let stamped = words.array()?;
        let cores = (0..words.cores()?)
            .map(|_| {
                let [ordinal, hash, epoch] = words.array()?;
                Some(CoreFacts { released: Released { ordinal, hash, epoch }, marks: words.array()? })
            })
            .collect::<Option<_>>()?;
        let sound = epoch > 0 && set <= 1 && committed < u64::MAX && variables <= u32::MAX.into();
        sound.then_some(Facts { epoch, set: set as usize, committed, variables, ended: ended != 0, stamped, cores })
    }
}

/// The `det` logs of one epoch, as far as they are in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) epoch: u64,
    /// Per core, the next word.
    pub(super) cores: Vec<u64>,
}

/// How far a journal has come: with this every segment begins, so that whoever continues reads only the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    /// Per core, the next byte of `in`.
    pub(super) input: Vec<u64>,
    /// Of at most two epochs: the current one, and the one that it takes over from.
    pub(super) det: Vec<Reached>,
    /// The last checkpoint that is whole: its epoch and number.
    pub(super) checkpoint: Option<(u64, u64)>,
    /// The next one has begun: its first part is in an earlier segment.
    pub(super) begun: bool,
}

impl Positions {
    /// The next word of a core's `det` log in an epoch.
    pub(super) fn det(&self, core: usize, epoch: u64) -> Option<u64> {
        self.det.iter().find(|reached| reached.epoch == epoch).map(|reached| reached.cores[core])
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut words = Words::default();
        words.put(self.input.len() as u64).all(self.input.iter().copied());
        let (epoch, number) = self.checkpoint.map_or((0, 0), |(epoch, number)| (epoch, number + 1));
        words.all([epoch, number, self.begun.into(), self.det.len() as u64]);
        for reached in &self.det {
            words.put(reached.epoch).all(reached.cores.iter().copied());
        }
        words.0
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Positions> {
        let mut words = Reading(bytes);
        let cores = words.cores()?;
        let input = (0..cores).map(|_| words.take()).collect::<Option<_>>()?;
        let [epoch, number, begun, epochs] = words.array()?;
        let mut det = Vec::new();
        for _ in 0..epochs {
            let epoch = words.take()?;
            det.push(Reached { epoch, cores: (0..cores).map(|_| words.take()).collect::<Option<_>>()? });
        }
        let checkpoint = number.checked_sub(1).map(|number| (epoch, number));
        Some(Positions { input, det, checkpoint, begun: begun != 0 })
    }
}

/// What is fixed when a journal begins: the whole of the file `birth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) fingerprint: u64,
    pub(super) birth: Birth,
    pub(super) sizes: LogSizes,
    /// Whether the group has memory ports.
    pub(super) ports: bool,
    /// The configuration as it is stored.
    pub(super) config: Vec<u8>,
}

impl Origin {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut words = Words::default();
        let Birth { cores, wall, seed, .. } = self.birth;
        let LogSizes { input, det, out, ckpt, port } = self.sizes;
        words.all([self.fingerprint, cores as u64, wall as u64, seed]).all([input, det, out, ckpt, port]);
        words.all([self.ports.into(), self.config.len() as u64]);
        words.0.extend_from_slice(&self.config);
        words.0
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Origin> {
        let mut words = Reading(bytes);
        let fingerprint = words.take()?;
        let cores = words.cores()?;
        let [wall, seed] = words.array()?;
        let [input, det, out, ckpt, port] = words.array()?;
        let [ports, length] = words.array()?;
        let config = words.0.get(..usize::try_from(length).ok()?)?.to_vec();
        let birth = Birth { cores, clock_base: 0, wall: wall as i64, seed };
        let sizes = LogSizes { input, det, out, ckpt, port };
        Some(Origin { fingerprint, birth, sizes, ports: ports != 0, config })
    }
}
