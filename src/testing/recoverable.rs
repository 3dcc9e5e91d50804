//! One line for a user's own test suite: does this middlebox survive crashes? Invariant: a failure names the crash that showed it.

use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::group::Group;
use super::output::{Crash, GroupError};

/// One input of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A packet that comes in by a port.
    Packet(PortId, Vec<u8>),
    /// A packet that comes in by a port and leaves something for the interface to do.
    Offloaded(PortId, Vec<u8>, Offload),
    /// A tick on every core.
    Tick,
    /// A control request.
    Control(Vec<u8>),
}

/// Runs a trace on two cores once for each of `crashes` random crashes (a crash at a random tracked access, at times a second one
/// while the first is being recovered from; checkpoints in between), and checks that recovery is exact: nothing released is
/// contradicted, every input is processed once, replay of the logs gives the recovered state, variable by variable.
///
/// ```
/// use ftmb::prelude::*;
/// use ftmb::testing::{Input, assert_recoverable};
///
/// #[ftmb::shared]
/// struct Totals { packets: u64, bytes: u64 }
///
/// #[ftmb::middlebox]
/// impl Totals {
///     fn new() -> Self {
///         Self { packets: 0, bytes: 0 }
///     }
/// }
///
/// #[ftmb::middlebox]
/// impl Middlebox for Totals {
///     fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
///         self.packets += 1;
///         self.bytes += packet.bytes().len() as u64;
///         Verdict::Forward(PortId(1))
///     }
/// }
///
/// let trace: Vec<Input> = (0..200_u8).map(|i| Input::Packet(PortId(0), vec![i; 64])).collect();
/// assert_recoverable(Totals::new, &trace, 3);
/// ```
///
/// # Panics
/// If recovery is not exact, naming the crash (its seed) and the variable, output, or divergence.
#[track_caller]
pub fn assert_recoverable<M: Middlebox>(make: impl Fn() -> M + Clone + 'static, trace: &[Input], crashes: usize) {
    for seed in 0..crashes as u64 {
        if let Err(error) = crash_once(make.clone(), trace, seed) {
            panic!("crash {seed} of {crashes}: {error}");
        }
    }
}

fn crash_once<M: Middlebox>(make: impl Fn() -> M + 'static, trace: &[Input], seed: u64) -> Result<(), GroupError> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut group = Group::seeded(2, seed, make)?;
    let (mut at, crash_in) = (0, rng.random_range(0..trace.len().max(1)));
    for (number, input) in trace.iter().enumerate() {
        match input {
            Input::Packet(port, bytes) => group.send(*port, bytes),
            Input::Offloaded(port, bytes, offload) => group.send_with(*port, bytes, *offload),
            Input::Tick => group.tick(),
            Input::Control(request) => {
                group.control(request);
            }
        }
        if number == crash_in {
            // The accesses to come are some few per input; beyond the end the crash comes at quiescence.
            let accesses = rng.random_range(0..4 * (trace.len() - number) as u64 + 1);
            group.crash(Crash::AtAccess(accesses));
            at = number;
        }
        if number + 1 == trace.len() || (number > at && rng.random_ratio(1, 50)) && number > crash_in {
            break_and_mend(&mut group, &mut rng, number + 1 == trace.len())?;
        } else if number < crash_in && rng.random_ratio(1, 40) {
            group.checkpoint()?;
        }
        if rng.random_ratio(1, 8) {
            group.poll()?;
        }
    }
    group.settle()?;
    group.verify()
}

/// Recovers from the crash that has been armed; now and then crashes again before the new epoch is active.
fn break_and_mend<M: Middlebox>(group: &mut Group<M>, rng: &mut SmallRng, last: bool) -> Result<(), GroupError> {
    if !last && rng.random_ratio(1, 2) {
        return Ok(());
    }
    for _ in 0..rng.random_range(0..3) {
        group.start_recovery()?;
        group.crash(Crash::AtAccess(rng.random_range(0..200)));
    }
    group.recover()
}
