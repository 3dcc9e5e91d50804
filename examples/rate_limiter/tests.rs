//! What the limiter does to single packets and requests, and that the scenario notices what it must.

use std::net::SocketAddrV4;

use ftmb::prelude::*;

use crate::{
    middlebox::{LimiterConfig, RateLimiter},
    scenario::{self, LimiterScenario},
    traffic::{
        Headers, Identity, Transport,
        driver::{self, Single},
    },
};

const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);

fn make(config: &LimiterConfig) -> RateLimiter {
    RateLimiter::new(config, INSIDE, OUTSIDE).unwrap()
}

fn limiter(rate: u64, burst: u64, max_sources: usize) -> Single<RateLimiter> {
    let config = LimiterConfig { rate, burst, max_sources };
    Single::new(move || make(&config))
}

fn processor() -> impl FnMut(&Frame) -> Vec<Frame> {
    let mut group = Single::new(|| make(&LimiterConfig::default()));
    move |frame| group.process(frame)
}

/// A frame of so many bytes from a source.
fn packet(source: &str, bytes: usize) -> Vec<u8> {
    let source = SocketAddrV4::new(source.parse().unwrap(), 1000);
    let destination = SocketAddrV4::new([203, 0, 113, 1].into(), 443);
    let headers = Headers { vlan: None, source, destination, transport: Transport::Udp { checked: true } };
    let frame = headers.frame(&[], bytes - 42, &Identity::default());
    assert_eq!(frame.len(), bytes);
    frame
}

/// Whether a packet passes, which it does unchanged.
fn passes(limiter: &mut Single<RateLimiter>, port: PortId, bytes: Vec<u8>) -> bool {
    let sent = Frame::new(port, bytes, 0);
    let out = limiter.process(&sent);
    assert!(out.iter().all(|out| out.bytes() == sent.bytes() && out.port() != port));
    out.len() == 1
}

#[test]
fn a_crash_loses_repeats_and_contradicts_nothing() {
    driver::assert_survives::<_, LimiterScenario>(|| make(&LimiterConfig::default()));
}

#[test]
fn no_bucket_is_overspent_while_the_limit_changes_between_crashes() {
    // never above the default, which the scenario judges by, nor is the burst ever below it
    let requests = [
        ("limit 100 32000", Ok("100 bytes per second, 32000 at once\n")),
        ("limit 1 1", Err("a burst of 1 bytes, ")),
        ("bucket 203.0.113.200", Ok("203.0.113.200: 32000 of 32000 bytes\n")),
        ("limit 16000 32000", Ok("16000 bytes per second, 32000 at once\n")),
        ("limit 3", Err("expected limit, limit RATE BURST or bucket ADDRESS, found `limit 3`")),
        ("limit 7 32000", Ok("7 bytes per second, 32000 at once\n")),
        ("limit", Ok("7 bytes per second, 32000 at once\n")),
    ];
    driver::assert_survives_asked::<_, LimiterScenario>(|| make(&LimiterConfig::default()), &requests);
}

#[test]
fn a_run_without_faults_has_no_contradiction_and_nothing_missing() {
    driver::assert_clean::<LimiterScenario>(30_000, 18_000, processor());
}

#[test]
fn a_lost_a_repeated_and_an_altered_packet_are_noticed() {
    let must_come = |sent: &Frame| {
        let kind = Identity::of(sent.bytes()).map(|identity| identity.kind);
        matches!(kind, Some(scenario::FRUGAL | scenario::BACK))
    };
    driver::assert_faults_are_noticed_if::<LimiterScenario>(processor(), must_come);
}

#[test]
fn a_limiter_that_forgets_what_was_spent_is_noticed() {
    let (mut group, mut left) = (limiter(1, 32_000, 1000), 3000);
    let forgetful = |frame: &Frame| {
        left -= 1;
        if left == 0 {
            group = limiter(1, 32_000, 1000);
        }
        group.process(frame)
    };
    let outcome = driver::run(&mut LimiterScenario::new(1, 32_000), 6000, forgetful, driver::honest);
    assert!(outcome.contradiction.unwrap().contains("overspent"));
}

#[test]
fn a_limiter_that_lets_everything_through_is_noticed() {
    let open = |frame: &Frame| vec![Frame::new(PortId(1 - frame.port().0), frame.bytes().to_vec(), frame.number())];
    let outcome = driver::run(&mut LimiterScenario::new(1, 32_000), 6000, open, driver::honest);
    assert!(outcome.contradiction.unwrap().contains("overspent"));
}

#[test]
fn a_limiter_that_is_too_strict_is_noticed() {
    let mut group = limiter(1, 16_000, 1000);
    let strict = |frame: &Frame| group.process(frame);
    let outcome = driver::run(&mut LimiterScenario::new(1, 32_000), 30_000, strict, driver::honest);
    assert!(outcome.contradiction.is_none() && outcome.missing.packets > 100, "{outcome:?}");
}

#[test]
fn each_source_has_a_burst_of_its_own_and_the_way_back_is_free() {
    let mut limiter = limiter(1, 2000, 1000);
    for source in ["10.0.0.1", "10.0.0.2"] {
        assert!(passes(&mut limiter, INSIDE, packet(source, 1400)));
        assert!(!passes(&mut limiter, INSIDE, packet(source, 700)));
        assert!(passes(&mut limiter, INSIDE, packet(source, 500)));
        assert!(!passes(&mut limiter, INSIDE, packet(source, 200)));
        assert_eq!(limiter.control(&format!("bucket {source}")), Ok(format!("{source}: 100 of 2000 bytes\n")));
    }
    assert!((0..5).all(|_| passes(&mut limiter, OUTSIDE, packet("203.0.113.1", 1000))));
}

#[test]
fn sources_beyond_the_last_share_a_bucket_with_what_has_no_source() {
    let mut limiter = limiter(1, 2000, 1);
    let crowd = |n: u8| packet(&format!("10.0.0.{n}"), 1000);
    let passed = (0..250).filter(|&n| passes(&mut limiter, INSIDE, crowd(n))).count();
    // a bucket in each of the tables, and two packets out of the common one
    assert!((3..=18).contains(&passed), "{passed}");
    let mut arp = vec![0; 1000];
    arp[12..14].copy_from_slice(&[8, 6]);
    assert!(!passes(&mut limiter, INSIDE, arp.clone()));
    assert!(passes(&mut limiter, OUTSIDE, arp));
}

#[test]
fn buckets_that_are_full_again_are_forgotten() {
    let mut limiter = limiter(1, 2000, 1);
    let crowd = |n: u8| packet(&format!("10.0.0.{n}"), 1450);
    let refused: Vec<u8> = (0..250).filter(|&n| !passes(&mut limiter, INSIDE, crowd(n))).collect();
    assert!(!passes(&mut limiter, INSIDE, crowd(refused[0])));
    // at this rate the time since is long enough to fill any bucket
    limiter.control("limit 8589934592 2000").unwrap();
    (0..16).for_each(|_| limiter.tick());
    limiter.control("limit 1 2000").unwrap();
    // one that there was no room for has a bucket now, a full one
    assert!(passes(&mut limiter, INSIDE, crowd(refused[0])) && !passes(&mut limiter, INSIDE, crowd(refused[0])));
}

#[test]
fn the_limit_is_changed_by_a_request() {
    let mut limiter = limiter(1, 2000, 1000);
    assert_eq!(limiter.control("limit"), Ok("1 bytes per second, 2000 at once\n".into()));
    assert_eq!(limiter.control("limit 2 3000"), Ok("2 bytes per second, 3000 at once\n".into()));
    assert!(
        passes(&mut limiter, INSIDE, packet("10.0.0.1", 1400))
            && passes(&mut limiter, INSIDE, packet("10.0.0.1", 1400))
    );
    // what is in a bucket beyond the new burst is lost
    assert_eq!(limiter.control("limit 1 1600"), Ok("1 bytes per second, 1600 at once\n".into()));
    assert!(!passes(&mut limiter, INSIDE, packet("10.0.0.1", 300)));
    for (request, reason) in [
        ("", "expected limit, limit RATE BURST or bucket ADDRESS, found ``"),
        ("limit 5", "expected limit, limit RATE BURST or bucket ADDRESS, found `limit 5`"),
        ("limit 5 x", "expected a number of bytes, found `x`"),
        ("limit 0 2000", "a rate of 0 bytes per second, expected 1 to 8589934592"),
        ("limit 5 5", "a burst of 5 bytes, expected 1518 (a full Ethernet frame) to 8589934592"),
        ("bucket here", "expected an IPv4 address, found `here`"),
    ] {
        assert_eq!(limiter.control(request), Err(reason.into()), "{request}");
    }
    assert_eq!(limiter.control("limit"), Ok("1 bytes per second, 1600 at once\n".into()));
}
