//! The real locks: nobody sleeps for ever, nobody enters beside a writer.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::*;

/// Four threads, some of which keep the lock long enough for the others to fall asleep.
fn crowd(rounds: u32, section: impl Fn(u32, u32) + Sync) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let section = &section;
            scope.spawn(move || (0..rounds).for_each(|round| section(thread, round)));
        }
    });
    start.elapsed()
}

fn dawdle(round: u32) {
    if round.is_multiple_of(16) {
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn sleepers_of_a_mutex_are_woken() {
    let (mutex, inside) = (RawMutex::new(), AtomicU32::new(0));
    let took = crowd(400, |by, round| {
        mutex.lock(by);
        assert_eq!(mutex.owner(), by);
        assert_eq!(inside.swap(by, Ordering::SeqCst), 0);
        dawdle(round);
        inside.store(0, Ordering::SeqCst);
        mutex.unlock();
    });
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(mutex.owner(), FREE);
}

#[test]
fn sleepers_of_a_reader_writer_lock_are_woken() {
    let (word, sleepers, inside) = (AtomicU64::new(0), Sleepers::new(), AtomicU32::new(0));
    let lock = RawRwLock { word: &word, sleepers: &sleepers };
    let took = crowd(400, |by, round| {
        if (by + round).is_multiple_of(3) {
            lock.write(by, SECTION);
            assert_eq!((lock.writer(), inside.swap(by, Ordering::SeqCst)), (by, 0));
            dawdle(round);
            inside.store(0, Ordering::SeqCst);
            if round.is_multiple_of(2) {
                return lock.unlock_write();
            }
            lock.downgrade();
        } else {
            lock.read(|| false, SECTION);
        }
        assert_eq!(inside.load(Ordering::SeqCst), 0);
        dawdle(round);
        lock.unlock_read();
    });
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(word.load(Ordering::SeqCst), 1600 * SECTION, "all left, all counted");
}

#[test]
fn a_reader_inside_may_enter_beside_a_waiting_writer() {
    let (word, sleepers) = (AtomicU64::new(0), Sleepers::new());
    let lock = RawRwLock { word: &word, sleepers: &sleepers };
    lock.read(|| false, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            lock.write(1, 0);
            lock.unlock_write();
        });
        while !sleepers.is_wanted() {
            std::thread::yield_now();
        }
        assert!(!lock.try_read(false, 0));
        assert!(lock.try_read(true, 0));
        lock.unlock_read();
        lock.unlock_read();
    });
}
