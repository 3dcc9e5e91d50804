//! Every interleaving, under the C11 memory model, of two release threads that each own a core: they reach the same fixed point.
//! Runs under `RUSTFLAGS="--cfg loom" cargo test --release -p ftmb-runtime --test loom_release_threads_agree`; loom does not check
//! the logs (plain memory here, written before the threads start).
#![cfg(loom)]

use ftmb_runtime::determinant::Word;
use ftmb_runtime::log::{Log, LogKind, LogSpec};
use ftmb_runtime::release::{Cursor, Tables};

fn log(words: &[Word]) -> Log {
    let log = Log::anonymous(LogSpec { kind: LogKind::Det, capacity: 1 << 17, fingerprint: 0 }).unwrap();
    let writer = log.word_writer();
    words.iter().for_each(|word| writer.push(word.0));
    writer.publish();
    log
}

/// Runs both cores on threads of their own, then once more each: what one could not see yet, it sees now.
fn check(first: &[Word], second: &[Word], counts: &[(u32, u32)]) {
    let logs = [log(first), log(second)];
    let (lens, counts) = ([first.len() as u64, second.len() as u64], counts.to_vec());
    loom::model(move || {
        let tables = loom::sync::Arc::new(Tables::new(counts.len()));
        let threads: Vec<_> = (0..2)
            .map(|core| {
                let (tables, log) = (tables.clone(), logs[core].clone());
                loom::thread::spawn(move || {
                    let mut cursor = Cursor::new(0);
                    cursor.advance(&tables, &log.word_reader(), log.tail()).unwrap();
                    cursor
                })
            })
            .collect();
        let mut cursors: Vec<Cursor> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        for _ in 0..lens[0] + lens[1] {
            for core in 0..2 {
                cursors[core].advance(&tables, &logs[core].word_reader(), logs[core].tail()).unwrap();
            }
        }
        assert_eq!([cursors[0].position(), cursors[1].position()], lens);
        for (id, expected) in counts.iter().enumerate() {
            assert_eq!(tables.counts(id as u32), *expected);
        }
    });
}

#[test]
fn writers_and_concurrent_readers() {
    // Core 0 writes, both read, core 1 writes: the reads close in any order, the last write waits for both.
    check(&[Word::write(0, 0), Word::read(0, 1)], &[Word::read(0, 1), Word::write(0, 3)], &[(4, 4)]);
}

#[test]
fn wide_sections_hold_back_what_depends_on_them() {
    check(
        &[Word::write(0, 0).widen(), Word::write(1, 0), Word::exit(0, 1)],
        &[Word::write(1, 1), Word::read(0, 1)],
        &[(2, 1), (2, 2)],
    );
}

#[test]
fn wide_readers_close_beside_each_other() {
    check(
        &[Word::read(0, 0).widen(), Word::write(1, 0), Word::exit(0, 0)],
        &[Word::read(0, 0), Word::write(0, 2)],
        &[(3, 3), (1, 1)],
    );
}
