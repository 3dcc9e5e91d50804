//! A set of numbers in which the next member from any number on is found by looking at a few words.
//!
//! Invariant: a bit of a level is set exactly if the word below it that it stands for is not zero; on the lowest level, if the
//! number is a member.
//!
//! ```text
//! level 2     1 word                     bit 0 ──┐
//! level 1     64 words     word 0: bits 0 1 2 3 ...
//! level 0     4096 words   word 0: numbers 0..64, word 1: numbers 64..128, ...
//! ```

const WORD: usize = u64::BITS as usize;

/// Numbers below a bound that is fixed when the set is made.
#[derive(Debug, Clone)]
pub(super) struct FreeBits {
    /// The last one is a single word.
    levels: Vec<Vec<u64>>,
}

impl FreeBits {
    /// All numbers below `capacity`. `None`: no memory.
    pub(super) fn all_below(capacity: u32) -> Option<Self> {
        let mut levels = Vec::new();
        let mut bits = capacity as usize;
        loop {
            let words = bits.div_ceil(WORD).max(1);
            let mut level = Vec::new();
            level.try_reserve_exact(words).ok()?;
            level.extend((0..words).map(|word| match bits.saturating_sub(word * WORD) {
                rest @ 0..WORD => (1 << rest) - 1,
                _ => u64::MAX,
            }));
            levels.push(level);
            if words == 1 {
                return Some(Self { levels });
            }
            bits = words;
        }
    }

    #[inline]
    pub(super) fn insert(&mut self, number: u32) {
        let mut at = number as usize;
        for level in &mut self.levels {
            let word = &mut level[at / WORD];
            let was_empty = *word == 0;
            *word |= 1 << (at % WORD);
            if !was_empty {
                return;
            }
            at /= WORD;
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, number: u32) {
        let mut at = number as usize;
        for level in &mut self.levels {
            let word = &mut level[at / WORD];
            *word &= !(1 << (at % WORD));
            if *word != 0 {
                return;
            }
            at /= WORD;
        }
    }

    /// The lowest member that is not below `number`.
    #[inline]
    pub(super) fn at_or_after(&self, number: u32) -> Option<u32> {
        let mut at = number as usize;
        for (height, level) in self.levels.iter().enumerate() {
            let rest = level.get(at / WORD)? >> (at % WORD);
            if rest != 0 {
                at += rest.trailing_zeros() as usize;
                let below = self.levels[..height].iter().rev();
                return Some(below.fold(at, |at, level| at * WORD + level[at].trailing_zeros() as usize) as u32);
            }
            at = at / WORD + 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::FreeBits;

    proptest! {
        #[test]
        fn it_behaves_as_a_set(
            capacity in prop_oneof![0_u32..200, 4000_u32..4200, 262_000_u32..263_000],
            changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 1_u32..5000), 0..40),
            asked in prop::collection::vec(any::<prop::sample::Index>(), 20),
        ) {
            let mut bits = FreeBits::all_below(capacity).unwrap();
            let mut set: BTreeSet<u32> = (0..capacity).collect();
            for (insert, start, len) in changes.iter().filter(|_| capacity > 0) {
                let start = start.index(capacity as usize) as u32;
                for number in start..capacity.min(start + len) {
                    if *insert {
                        bits.insert(number);
                        set.insert(number);
                    } else {
                        bits.remove(number);
                        set.remove(&number);
                    }
                }
            }
            let asked = asked.iter().map(|index| index.index(capacity as usize + 1) as u32);
            for number in asked.chain([0, capacity, u32::MAX]) {
                prop_assert_eq!(bits.at_or_after(number), set.range(number..).next().copied());
            }
        }
    }
}
