//! stub tests
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ftmb::{Driver, prelude::*};
use rand_chacha::{ChaCha12Rng, rand_core::{Rng, SeedableRng}};

use crate::{middlebox::{Nat, NatConfig}, scenario::NatScenario};

fn driver() -> Driver<Nat> {
    Driver { mb: Nat::new(NatConfig::default(), PortId(0), PortId(1)), now: Duration::from_secs(1) }
}

/// releases from `lanes` queues in random order; `meddle` may change what is observed
fn run(n: usize, mut meddle: impl FnMut(usize, Frame, Frame) -> Vec<(Frame, Frame)>) -> (Result<(), Contradiction>, Missing, usize) {
    let mut s = NatScenario::default();
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let mut pick = ChaCha12Rng::seed_from_u64(8);
    let mut d = driver();
    let mut queues: [VecDeque<(Frame, Frame)>; 2] = Default::default();
    let mut released = 0;
    let mut i = 0;
    while i < n || queues.iter().any(|q| !q.is_empty()) {
        if i < n && pick.next_u32() % 100 < if queues[0].len() + queues[1].len() > 300 { 30 } else { 60 } {
            i += 1;
            if let Some((port, bytes)) = s.next(&mut rng) {
                let f = Frame::new(port, bytes, i as u64);
                let core = hash(f.bytes());
                for out in d.process(&f) { queues[core].push_back((f.clone(), out)); }
            }
            d.now += Duration::from_micros(50);
            if i % 2000 == 0 { d.tick(); }
        } else if let Some((sent, out)) = queues[(pick.next_u32() & 1) as usize].pop_front() {
            for (sent, out) in meddle(released, sent, out) {
                if let Err(e) = s.observe(&sent, &out) { return (Err(e), s.finish(), released); }
            }
            released += 1;
        }
    }
    (Ok(()), s.finish(), released)
}

fn hash(b: &[u8]) -> usize {
    let at = if b[12] == 0x81 { 30 } else { 26 };
    b[at..at + 8].iter().fold(0usize, |a, &x| a ^ usize::from(x)).count_ones() as usize & 1
}

#[test]
fn loss_free() {
    let (r, m, released) = run(300_000, |_, a, b| vec![(a, b)]);
    r.unwrap();
    assert_eq!(m.packets, 0, "{:?}", m.examples);
    assert!(released > 280_000, "{released}");
}
#[test]
fn dropped() {
    let (r, m, _) = run(30_000, |i, a, b| if i % 5000 == 4999 { vec![] } else { vec![(a, b)] });
    r.unwrap();
    assert!((1..7).contains(&m.packets), "{m:?}");
}
#[test]
fn duplicate() {
    let (r, _, _) = run(30_000, |i, a, b| if i == 5000 { vec![(a.clone(), b.clone()), (a, b)] } else { vec![(a, b)] });
    eprintln!("{}", r.unwrap_err());
}
#[test]
fn altered() {
    let mut seen = std::collections::BTreeMap::new();
    for at in 0..90 {
        let (r, _, _) = run(3000, |i, a, b| if i == 2500 {
            let mut bytes = b.bytes().to_vec(); let at = at.min(bytes.len() - 1); bytes[at] ^= 0x10;
            vec![(a, Frame::new(b.port(), bytes, b.number()))] } else { vec![(a, b)] });
        seen.insert(at, r.unwrap_err().to_string());
    }
    eprintln!("{seen:#?}");
}
#[test]
#[ignore]
fn speed() {
    // scenario cost
    let n = 2_000_000;
    let mut s = NatScenario::default();
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let mut d = driver();
    let (mut next, mut obs, mut proc_, mut bytes) = (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0);
    let mut done = 0;
    while done < n {
        let t = Instant::now();
        let batch: Vec<Frame> = (0..256).filter_map(|i| s.next(&mut rng).map(|(p, b)| Frame::new(p, b, done as u64 + i))).collect();
        next += t.elapsed();
        let t = Instant::now();
        let outs: Vec<(usize, Frame)> = batch.iter().enumerate().flat_map(|(i, f)| d.process(f).into_iter().map(move |o| (i, o))).collect();
        proc_ += t.elapsed();
        let t = Instant::now();
        for (i, o) in &outs { s.observe(&batch[*i], o).unwrap(); }
        obs += t.elapsed();
        done += batch.len();
        bytes += batch.iter().map(|f| f.bytes().len()).sum::<usize>();
        d.now += Duration::from_micros(800);
    }
    let per = |d: Duration| d.as_nanos() as f64 / done as f64;
    println!("next {:.0} ns, process with copies {:.0} ns, observe {:.0} ns, mean {} bytes", per(next), per(proc_), per(obs), bytes / done);
}
