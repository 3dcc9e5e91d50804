//! Runs a scenario against a middlebox, one packet at a time, for the tests of the examples.
//!
//! Invariant: what one core released comes out in order; the cores overtake each other at random.

use std::collections::VecDeque;

use ftmb::prelude::*;
use rand::{Rng, SeedableRng, rngs::ChaCha12Rng};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the scenario objected to first.
    pub(crate) contradiction: Option<String>,
    /// What it missed in the end.
    pub(crate) missing: Missing,
    /// Packets that came out.
    pub(crate) released: usize,
}

/// Feeds `packets` packets of `scenario` to `process` and what comes out back to the scenario, through the hands of
/// `meddle`, which gets each released packet with its number and the packet that it stems from.
pub(crate) fn run(
    scenario: &mut impl Scenario,
    packets: usize,
    mut process: impl FnMut(&Frame) -> Vec<Frame>,
    mut meddle: impl FnMut(usize, Frame, Frame) -> Vec<(Frame, Frame)>,
) -> Outcome {
    let mut traffic = ChaCha12Rng::seed_from_u64(1);
    let mut schedule = ChaCha12Rng::seed_from_u64(2);
    let mut cores: [VecDeque<(Frame, Frame)>; 2] = Default::default();
    let (mut sent, mut released) = (0, 0);
    while sent < packets || cores.iter().any(|queue| !queue.is_empty()) {
        let waiting: usize = cores.iter().map(VecDeque::len).sum();
        let chance = if waiting > 300 { 30 } else { 60 };
        if sent < packets && schedule.next_u32() % 100 < chance {
            sent += 1;
            let Some((port, bytes)) = scenario.next(&mut traffic) else { continue };
            let frame = Frame::new(port, bytes, sent as u64);
            let core = core_of(frame.bytes());
            cores[core].extend(process(&frame).into_iter().map(|out| (frame.clone(), out)));
        } else if let Some((sent, out)) = cores[schedule.next_u32() as usize % 2].pop_front() {
            for (sent, out) in meddle(released, sent, out) {
                if let Err(contradiction) = scenario.observe(&sent, &out) {
                    let contradiction = Some(contradiction.to_string());
                    return Outcome { contradiction, missing: scenario.finish(), released };
                }
            }
            released += 1;
        }
    }
    Outcome { contradiction: None, missing: scenario.finish(), released }
}

/// Runs a scenario three times with one fault each: a packet is lost, comes out twice, comes out with a byte changed.
/// Each must be noticed.
pub(crate) fn assert_faults_are_noticed<S: Scenario + Default, P: FnMut(&Frame) -> Vec<Frame>>(make: impl Fn() -> P) {
    let victim = 2000;
    let lost =
        run(&mut S::default(), 2500, make(), |n, sent, out| if n == victim { vec![] } else { vec![(sent, out)] });
    assert_eq!((lost.contradiction, lost.missing.packets), (None, 1), "a lost packet");

    let twice = run(&mut S::default(), 2500, make(), |n, sent, out| {
        let again = (n == victim).then(|| (sent.clone(), out.clone()));
        std::iter::once((sent, out)).chain(again).collect()
    });
    assert!(twice.contradiction.is_some(), "a packet came out twice, and nobody noticed");

    for at in 0.. {
        let mut length = 0;
        let altered = run(&mut S::default(), 2500, make(), |n, sent, out| {
            if n != victim {
                return vec![(sent, out)];
            }
            let mut bytes = out.bytes().to_vec();
            length = bytes.len();
            bytes[at] ^= 0x10;
            vec![(sent, Frame::new(out.port(), bytes, out.number()))]
        });
        assert!(altered.contradiction.is_some(), "byte {at} changed, and nobody noticed");
        if at + 1 == length {
            break;
        }
    }
}

/// Both directions of a flow go to the same core, as far as addresses tell.
fn core_of(frame: &[u8]) -> usize {
    let at = if frame[12] == 0x81 { 30 } else { 26 };
    let mixed = frame[at..at + 4].iter().zip(&frame[at + 4..at + 8]).map(|(a, b)| u32::from(a ^ b));
    mixed.fold(0, u32::wrapping_add).count_ones() as usize % 2
}
