//! Determinants, whatever words they are: symbolic replay passes them, waits, or says which is none.
#![no_main]

use ftmb_fuzz::Input;
use ftmb_runtime::log::{Log, LogKind, LogSpec, MIN_CAPACITY};
use ftmb_runtime::release::{Cursor, Tables};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (variables, cut) = (usize::from(input.byte()), usize::from(input.byte()));
    let spec = LogSpec { kind: LogKind::Det, capacity: MIN_CAPACITY, fingerprint: 0 };
    let logs = [(); 2].map(|()| Log::anonymous(spec).expect("there is room"));
    let mut writers = [logs[0].word_writer(), logs[1].word_writer()];
    let mut count = 0;
    while !input.is_empty() && count < 1000 {
        writers[usize::from(count >= cut)].push(input.long());
        count += 1;
    }
    writers.iter_mut().for_each(|writer| writer.publish());
    let tables = Tables::new(variables);
    let mut cursors = [Cursor::new(0), Cursor::new(0)];
    loop {
        let mut passed = 0;
        for (cursor, log) in cursors.iter_mut().zip(&logs) {
            match cursor.advance(&tables, &log.word_reader(), log.tail()) {
                Ok(words) => passed += words,
                Err(_) => return,
            }
            assert!(cursor.position() <= log.tail());
        }
        if passed == 0 {
            return;
        }
    }
});
