//! What a generated crate runs: an annotated program with crashes beside the plain one. Copied into the crate as it is.

use ftmb::prelude::*;
use ftmb::sync::{Shared, Walker};
use ftmb::testing::{Crash, Group, Input, assert_deterministic, assert_recoverable};

/// Where the number that a program is given lies in its packets, and where it writes its answer.
pub const NUMBER: std::ops::Range<usize> = 48..56;

fn packet(number: u64) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[17] = 46;
    frame[23] = 17;
    frame[26..34].copy_from_slice(&[10, 0, 0, (number % 16) as u8, 10, 0, 1, 1]);
    frame[34..38].copy_from_slice(&[4, (number % 16) as u8, 0, 53]);
    frame[NUMBER].copy_from_slice(&number.to_be_bytes());
    frame
}

/// Any program: what runs it is compiled once, not once for each.
struct Any(Box<dyn Middlebox>);

impl Shared for Any {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        self.0.walk(walker);
    }
}

impl Middlebox for Any {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        self.0.process(packet, cx)
    }
}

/// Runs the program of this seed; says what went wrong by panicking.
pub fn check(seed: u64, make: fn() -> Box<dyn Middlebox>, plain: &mut dyn FnMut(u64) -> u64) {
    let make = move || Any(make());
    println!("program {seed}");
    let numbers: Vec<u64> = (0..60).map(|i: u64| (seed + i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (20 + i % 40)).collect();
    let expected: Vec<u64> = numbers.iter().map(|number| plain(*number)).collect();
    for crashes in [0, 2] {
        let found = outputs(seed, make, &numbers, crashes);
        for (at, (expected, found)) in expected.iter().zip(&found).enumerate() {
            let number = numbers[at];
            assert_eq!(expected, found, "program {seed}, input {at} ({number}), with {crashes} crashes: plain, annotated");
        }
        assert_eq!(expected.len(), found.len(), "program {seed}: outputs with {crashes} crashes");
    }
    let trace: Vec<Input> = numbers.iter().map(|number| Input::Packet(PortId(0), packet(*number))).collect();
    assert_recoverable(make, &trace, 1);
    assert_deterministic(make, &trace);
}

/// What an annotated program answers on one core.
fn outputs(seed: u64, make: impl Fn() -> Any + 'static, numbers: &[u64], crashes: u64) -> Vec<u64> {
    let run = || -> Result<Vec<u64>, ftmb::testing::GroupError> {
        let mut group = Group::seeded(1, seed, make)?;
        for (at, number) in numbers.iter().enumerate() {
            group.send(PortId(0), &packet(*number));
            if crashes > 0 && at % 25 == 24 {
                group.crash(Crash::AtAccess((seed + at as u64) % 100));
                group.recover()?;
            } else if at % 10 == 9 {
                group.checkpoint()?;
            }
        }
        group.settle()?;
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes[NUMBER].try_into().expect("8 bytes"));
        let found = group.released(PortId(1)).map(|output| number(&output.bytes)).collect();
        group.verify()?;
        Ok(found)
    };
    run().unwrap_or_else(|error| panic!("program {seed} with {crashes} crashes: {error}"))
}
