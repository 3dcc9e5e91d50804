//! The per-core random generator that packet code draws from: seeded once per group, part of every checkpoint, so its draws
//! cost no determinant.
//!
//! Invariant: outside of packet, tick and control code the handle draws from the operating system's entropy.

use std::convert::Infallible;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng, TryRng};

use crate::sync::current;

/// A handle to the current core's generator. [`Context::rng`](crate::context::Context::rng) and what the macros make of
/// `rand::rng()` return it.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoreRng(());

/// The generator of the core that runs on this thread.
///
/// ```
/// use rand_core::Rng;
/// let _ = ftmb_runtime::rng::current().next_u64(); // here: entropy, no core runs on this thread
/// ```
pub fn current() -> CoreRng {
    CoreRng(())
}

fn draw<R>(from: impl FnOnce(&mut dyn Rng) -> R) -> R {
    current::with(|core| match core {
        Some(core) => from(&mut *core.rng.borrow_mut()),
        None => from(&mut ChaCha8Rng::from_seed(entropy())),
    })
}

impl TryRng for CoreRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(draw(|rng| rng.next_u32()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(draw(|rng| rng.next_u64()))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        draw(|rng| rng.fill_bytes(into));
        Ok(())
    }
}

/// 32 bytes that differ in every process and at every call.
pub(crate) fn entropy() -> [u8; 32] {
    use std::hash::{BuildHasher, RandomState};
    let mut seed = [0; 32];
    for (i, part) in seed.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&RandomState::new().hash_one(i).to_le_bytes());
    }
    seed
}

/// The generator of one core of a group.
pub(crate) fn seeded(group_seed: u64, core: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(group_seed);
    rng.set_stream(core as u64);
    rng
}

/// Bytes of a saved generator.
const SAVED: usize = 32 + 8 + 16;

pub(crate) fn save(rng: &ChaCha8Rng) -> Vec<u8> {
    let mut out = Vec::with_capacity(SAVED);
    out.extend_from_slice(&rng.get_seed());
    out.extend_from_slice(&rng.get_stream().to_le_bytes());
    out.extend_from_slice(&rng.get_word_pos().to_le_bytes());
    out
}

pub(crate) fn load(saved: &[u8]) -> Option<ChaCha8Rng> {
    let seed: [u8; 32] = saved.get(..32)?.try_into().ok()?;
    let stream = u64::from_le_bytes(saved.get(32..40)?.try_into().ok()?);
    let position = u128::from_le_bytes(saved.get(40..SAVED)?.try_into().ok()?);
    let mut rng = ChaCha8Rng::from_seed(seed);
    rng.set_stream(stream);
    rng.set_word_pos(position);
    Some(rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_generator_continues_where_the_saved_one_was() {
        let mut rng = seeded(7, 3);
        for _ in 0..13 {
            rng.next_u32();
        }
        let mut twin = load(&save(&rng)).unwrap();
        assert!((0..100).all(|_| rng.next_u32() == twin.next_u32()));
        assert!(load(&[0; 55]).is_none());
    }
}
