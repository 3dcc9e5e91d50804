//! A checkpoint's content: every variable with its counts, and every core, at a packet boundary.

use crate::log::Word;
use crate::program::{CORES, Program, VARIABLES};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) value: u32,
    /// A map of up to four keys, one byte each, in the order of iteration (which is that of insertion).
    pub(crate) map: u32,
    pub(crate) acq: u32,
    pub(crate) base: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoreImage {
    pub(crate) input: usize,
    pub(crate) det: usize,
    pub(crate) ordinal: usize,
    pub(crate) hash: u32,
    pub(crate) register: u32,
}

#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) number: u32,
    pub(crate) variables: [Variable; VARIABLES],
    pub(crate) cores: [CoreImage; CORES],
    /// The words of the whole past, for the final check only.
    pub(crate) history: [Vec<Word>; CORES],
}

impl Image {
    /// The state as constructed: checkpoint 0.
    pub(crate) fn initial(program: &Program) -> Self {
        let mut variables = [Variable::default(); VARIABLES];
        for (variable, (acq, base)) in variables.iter_mut().zip(program.counts) {
            variable.acq = acq;
            variable.base = base;
        }
        Self { number: 0, variables, cores: Default::default(), history: Default::default() }
    }
}

/// Inserts `key` (1 to 255) at the end of `map`, the oldest key making room, unless it is there.
pub(crate) fn insert_key(map: u32, key: u8) -> u32 {
    if map.to_le_bytes().contains(&key) { map } else { (map << 8) | u32::from(key) }
}

/// The map as an index that forgot the order of insertion would restore it.
pub(crate) fn sort_keys(map: u32) -> u32 {
    let mut keys = map.to_be_bytes();
    keys.sort_unstable();
    u32::from_be_bytes(keys)
}
