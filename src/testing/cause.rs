//! Why runs of the same inputs differ, guessed from what one place holds in each of them. Invariant: a cause is named only if every
//! sample bears it out; what fits none is said to fit none.

use std::fmt;
use std::ops::Range;

/// What makes a middlebox come to another result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Address,
    Clock,
    Unordered,
    Static,
    /// Replay agrees from the start, not from a checkpoint.
    Hidden,
    /// Replay agrees on one core, not on several.
    Untracked,
    Unknown,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cause, evidence, help) = match self {
            Cause::Address => (
                "an address used as data",
                "the value lies in this process's memory, elsewhere in each run",
                "use an index or a key that stands in the state",
            ),
            Cause::Clock => (
                "a real clock",
                "the value grows from run to run as the clock does",
                "use `cx.now()`, or `Instant::now()` inside of an annotated block: they give the packet's arrival",
            ),
            Cause::Unordered => (
                "an unordered iteration",
                "each run has the same bytes in another order",
                "iterate over a `BTreeMap`, sort first, or use `ftmb::collections::HashMap`",
            ),
            Cause::Static => (
                "an untracked `static`",
                "the value goes on from one run to the next instead of starting anew",
                "put `#[ftmb::shared]` on the static, or make it a field of the `#[ftmb::shared]` struct",
            ),
            Cause::Hidden => (
                "an untracked `static` or `thread_local!`, or state that its `State` implementation does not save",
                "replay agrees from the start, but not from a checkpoint, which lacks something",
                "put `#[ftmb::shared]` on the static, or make it a field of the `#[ftmb::shared]` struct",
            ),
            Cause::Untracked => (
                "an untracked `static`, or a lock or atomic of a library, that the cores share",
                "replay agrees on one core, but not on several",
                "put `#[ftmb::shared]` on the static, or make it a field of the `#[ftmb::shared]` struct",
            ),
            Cause::Unknown => (
                "not recognised; most often an unordered iteration (a `HashMap` of std), an untracked `static`, a real \
                 clock, an address as data, or entropy",
                "the values follow no pattern, or there is none to look at",
                "write the suspect into a packet or a field of its own: this check then says more",
            ),
        };
        write!(f, "likely cause: {cause} ({evidence})\nhelp: {help}")
    }
}

/// What one run has at the place in question.
#[derive(Clone, Debug)]
pub(super) struct Sample<'a> {
    pub(super) bytes: &'a [u8],
    /// When it ran, ns of the monotonic clock.
    pub(super) during: (u64, u64),
}

/// What the causes are told from besides the samples.
pub(super) struct Surroundings {
    /// Memory of this process.
    pub(super) mapped: Vec<Range<u64>>,
    /// Unix time minus monotonic clock, ns.
    pub(super) wall: i64,
}

impl Surroundings {
    pub(super) fn now() -> Surroundings {
        let wall = ftmb_netio::group_record::unix_ns() - ftmb_netio::group_record::monotonic_ns() as i64;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let range = |line: &str| {
            let (start, end) = line.split(' ').next()?.split_once('-')?;
            let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
            Some(start.saturating_sub(NEAR)..end.saturating_add(NEAR))
        };
        Surroundings { mapped: maps.lines().filter_map(range).collect(), wall }
    }
}

/// Fewer samples agree with a pattern by chance.
const ENOUGH: usize = 4;
/// Bytes around what is mapped now in which other things were mapped before, such as stacks of threads that have ended.
const NEAR: u64 = 1 << 30;
/// What the real-time clock may be adjusted by between two looks at it, ns.
const SLACK: i128 = 1_000_000;

/// The likely cause of a difference first seen at byte `at`. The samples stand in the order of their runs.
pub(super) fn likely(samples: &[Sample<'_>], at: usize, around: &Surroundings) -> Cause {
    if samples.len() < ENOUGH {
        return Cause::Unknown;
    }
    let readings = readings(samples, at);
    let any = |fits: &dyn Fn(&Reading) -> bool| readings.iter().any(fits);
    if any(&|reading| reading.wide && reading.values.iter().all(|value| around.maps(*value))) {
        Cause::Address
    } else if any(&|reading| reading.wide && is_unix_time(&reading.values, samples, around.wall)) {
        Cause::Clock
    } else if are_permutations(samples) {
        Cause::Unordered
    } else if any(&|reading| reading.wide && !grows_in_equal_steps(reading) && follows_clock(&reading.values, samples))
    {
        Cause::Clock
    } else if any(&grows_in_equal_steps) || only_first_differs(samples) {
        Cause::Static
    } else {
        Cause::Unknown
    }
}

/// One way to read a number at one place of every sample.
struct Reading {
    values: Vec<u64>,
    bits: u32,
    /// Has room for a time or an address.
    wide: bool,
}

/// All ways that give different numbers: fixed widths in both byte orders, and variable-length ones as saved variables have.
fn readings(samples: &[Sample<'_>], at: usize) -> Vec<Reading> {
    let mut all = Vec::new();
    let mut add = |bits: u32, read: &dyn Fn(&[u8]) -> Option<u64>| {
        let values: Option<Vec<u64>> = samples.iter().map(|sample| read(sample.bytes)).collect();
        if let Some(values) = values
            && values.iter().any(|value| *value != values[0])
        {
            all.push(Reading { values, bits, wide: bits == 64 });
        }
    };
    for width in [8, 4, 2, 1] {
        for start in (at + 1).saturating_sub(width)..=at {
            let window = |bytes: &[u8]| Some(bytes.get(start..start + width)?.to_vec());
            let little = |bytes: &[u8]| Some(window(bytes)?.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)));
            let big = |bytes: &[u8]| Some(window(bytes)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
            add(8 * width as u32, &little);
            add(8 * width as u32, &big);
        }
    }
    // A saved variable's length may differ before its number does.
    for start in at.saturating_sub(9)..=at + 2 {
        add(64, &|bytes| {
            let bytes = bytes.get(start..)?;
            let len = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
            Some(bytes[..len].iter().rev().fold(0, |n, byte| n << 7 | u64::from(byte & 0x7f)))
        });
    }
    all
}

impl Surroundings {
    fn maps(&self, value: u64) -> bool {
        self.mapped.iter().any(|range| range.contains(&value))
    }
}

fn is_unix_time(values: &[u64], samples: &[Sample<'_>], wall: i64) -> bool {
    [1, 1_000, 1_000_000, 1_000_000_000_i128].into_iter().any(|unit| {
        values.iter().zip(samples).all(|(value, sample)| {
            let (from, to) = sample.during;
            let value = i128::from(*value) * unit;
            value >= i128::from(from) + i128::from(wall) - unit - SLACK
                && value <= i128::from(to) + i128::from(wall) + SLACK
        })
    })
}

/// Any clock in ns or us: it advances by as much as passed between the runs.
fn follows_clock(values: &[u64], samples: &[Sample<'_>]) -> bool {
    [1, 1_000_i128].into_iter().any(|unit| {
        let mut pairs = values.iter().zip(samples);
        let Some((first, begun)) = pairs.next() else { return false };
        pairs.all(|(value, sample)| {
            let passed = (i128::from(*value) - i128::from(*first)) * unit;
            let least = i128::from(sample.during.0) - i128::from(begun.during.1);
            let most = i128::from(sample.during.1) - i128::from(begun.during.0);
            passed > 0 && passed >= least - unit && passed <= most + unit
        })
    })
}

fn grows_in_equal_steps(reading: &Reading) -> bool {
    let mask = u64::MAX >> (64 - reading.bits);
    let mut steps = reading.values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]) & mask);
    let Some(first) = steps.next() else { return false };
    first != 0 && steps.all(|step| step == first)
}

fn only_first_differs(samples: &[Sample<'_>]) -> bool {
    samples[0].bytes != samples[1].bytes && samples[1..].iter().all(|sample| sample.bytes == samples[1].bytes)
}

fn are_permutations(samples: &[Sample<'_>]) -> bool {
    let sorted = |sample: &Sample<'_>| {
        let mut bytes = sample.bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    let first = sorted(&samples[0]);
    samples[1..].iter().all(|sample| sorted(sample) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(values: [Vec<u8>; 5]) -> Cause {
        let mapped = std::iter::once(0x7000_0000_0000..0x7000_0100_0000).collect();
        let around = Surroundings { mapped, wall: 1_700_000_000_000_000_000 };
        let sample = |(run, bytes): (usize, &'static [u8])| Sample {
            bytes,
            during: (run as u64 * 10_000_000_000, run as u64 * 10_000_000_000 + 1_000_000),
        };
        let leaked = values.map(|bytes| &*Box::leak(bytes.into_boxed_slice()));
        let samples: Vec<Sample<'_>> = leaked.into_iter().enumerate().map(sample).collect();
        let differs = |at: &usize| samples.iter().any(|sample| sample.bytes.get(*at) != samples[0].bytes.get(*at));
        likely(&samples, (0..99).find(differs).unwrap_or(0), &around)
    }

    fn numbers(value: impl Fn(u64) -> u64) -> Cause {
        cause(std::array::from_fn(|run| value(run as u64).to_be_bytes().to_vec()))
    }

    #[test]
    fn each_pattern_tells_its_cause() {
        assert_eq!(numbers(|run| 0x7000_0000_0000 + run * run * 77), Cause::Address);
        assert_eq!(numbers(|run| 1_700_000_000_000_000_000 + run * 10_000_000_000 + 9 * run * run), Cause::Clock);
        assert_eq!(numbers(|run| 1_700_000_000_000 + run * 10_000), Cause::Clock);
        assert_eq!(numbers(|run| 55_000_000 + run * 10_000_000_000 + 9 * run * run), Cause::Clock);
        assert_eq!(numbers(|run| 200 * run), Cause::Static);
        assert_eq!(numbers(|run| u64::from(run > 0)), Cause::Static);
        assert_eq!(
            numbers(|run| [0x9e37_79b9_7f4a_7c15, 0x51, 0xbf58_476d_1ce4_e5b9, 0x1d, 0x94d0_49bb][run as usize]),
            Cause::Unknown
        );
        let orders = [[1, 2, 3], [3, 2, 1], [2, 3, 1], [3, 1, 2], [2, 1, 3]];
        assert_eq!(cause(orders.map(|order| order.to_vec())), Cause::Unordered);
    }
}
