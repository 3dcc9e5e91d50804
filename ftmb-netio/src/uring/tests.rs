//! Both engines against a plain model of a file, and what happens at their edges.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;

use proptest::prelude::*;

use super::*;

fn engines() -> Vec<fn(File) -> Box<dyn FileIo>> {
    let mut engines: Vec<fn(File) -> Box<dyn FileIo>> = vec![|file| Box::new(PlainFile::new(file))];
    if probe().is_ok() {
        engines.push(|file| Box::new(probe().unwrap().serve(file)));
    }
    engines
}

fn drain(engine: &mut dyn FileIo) -> Vec<Completion> {
    let mut all = Vec::new();
    while let Some(completion) = engine.finish(true).unwrap() {
        all.push(completion);
    }
    assert_eq!(engine.in_flight(), 0);
    all.sort_by_key(|completion| completion.token);
    all
}

#[test]
fn probe_passes_or_says_why() {
    if let Err(error) = probe() {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn refusals_name_their_likely_cause() {
    let refused = |errno| UringUnavailable::Setup { source: std::io::Error::from_raw_os_error(errno) }.to_string();
    assert!(refused(rustix::io::Errno::PERM.raw_os_error()).contains("io_uring_disabled"));
    assert!(refused(rustix::io::Errno::NOSYS.raw_os_error()).contains("does not have it"));
}

#[test]
fn more_requests_than_fit_are_handed_back() {
    for open in engines() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 100]).unwrap();
        let mut engine = open(file);
        for token in 0..DEPTH as u64 {
            engine.start(Request::read(token, 0, vec![0; 10], 0..10)).unwrap();
        }
        let back = engine.start(Request::read(99, 0, vec![1; 3], 0..3)).unwrap_err();
        assert_eq!(back.into_buffer(), vec![1; 3]);
        assert_eq!(drain(&mut *engine).len(), DEPTH);
    }
}

#[test]
fn a_read_past_the_end_is_short_and_the_rest_of_the_buffer_untouched() {
    for open in engines() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let mut engine = open(file);
        engine.start(Request::read(0, 1, vec![9; 8], 2..8)).unwrap();
        engine.start(Request::read(1, 3, vec![9; 8], 0..8)).unwrap();
        engine.start(Request::read(2, 0, vec![9; 8], 4..4)).unwrap();
        let done = drain(&mut *engine);
        assert_eq!((done[0].result.as_ref().unwrap(), &done[0].buffer[..]), (&2, &b"\x09\x09bc\x09\x09\x09\x09"[..]));
        assert_eq!(*done[1].result.as_ref().unwrap(), 0);
        assert_eq!(*done[2].result.as_ref().unwrap(), 0);
    }
}

#[test]
fn a_failed_request_gives_its_buffer_back() {
    let path = tempfile::NamedTempFile::new().unwrap();
    for open in engines() {
        let mut engine = open(File::open(path.path()).unwrap());
        engine.start(Request::write(5, 0, vec![3; 4], 0..4)).unwrap();
        let done = drain(&mut *engine).pop().unwrap();
        assert_eq!((done.token, done.operation, done.buffer), (5, Operation::Write, vec![3; 4]));
        assert!(done.result.is_err());
    }
}

#[test]
fn requests_survive_the_thread_that_started_them() {
    for open in engines() {
        // In memory, where io_uring hands reads to its workers; the kernel may cancel those not begun when the thread ends.
        let memory = rustix::fs::memfd_create("requests", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(memory);
        file.write_all(&vec![5; DEPTH << 18]).unwrap();
        for _ in 0..20 {
            let mut engine = open(file.try_clone().unwrap());
            let mut engine = std::thread::spawn(move || {
                for token in 0..DEPTH as u64 {
                    engine.start(Request::read(token, token << 18, vec![0; 1 << 18], 0..1 << 18)).unwrap();
                }
                engine
            })
            .join()
            .unwrap();
            for done in drain(&mut *engine) {
                assert_eq!(*done.result.as_ref().unwrap(), 1 << 18);
                assert!(done.buffer == vec![5; 1 << 18]);
            }
        }
    }
}

#[test]
fn dropped_engine_waits_for_its_buffers() {
    for open in engines() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let mut engine = open(named.reopen().unwrap());
        for token in 0..DEPTH as u64 {
            engine.start(Request::write(token, token << 16, vec![token as u8 + 1; 1 << 16], 0..1 << 16)).unwrap();
        }
        drop(engine);
        let written = std::fs::read(named.path()).unwrap();
        assert_eq!(written.len(), DEPTH << 16);
        assert!(written.chunks(1 << 16).enumerate().all(|(i, chunk)| chunk.iter().all(|&byte| byte == i as u8 + 1)));
    }
}

#[test]
fn the_environment_decides_only_where_nobody_else_did() {
    let kind = |choice: EngineChoice, variable: Option<&str>| {
        let variable = variable.map(OsString::from);
        choice.decide(tempfile::tempfile().unwrap(), || variable).map(|(engine, reason)| (engine.kind(), reason))
    };
    assert_eq!(
        kind(EngineChoice::Auto, Some("plain")).unwrap(),
        (EngineKind::Plain, "FTMB_FILE_IO says so".to_owned())
    );
    assert_eq!(kind(EngineChoice::Plain, Some("uring")).unwrap().0, EngineKind::Plain);
    assert!(matches!(kind(EngineChoice::Auto, Some("fast")), Err(EngineError::Unknown { found }) if found == "fast"));
    match probe() {
        Ok(_) => assert_eq!(kind(EngineChoice::Auto, None).unwrap().0, EngineKind::Uring),
        Err(_) => {
            assert_eq!(kind(EngineChoice::Auto, None).unwrap().0, EngineKind::Plain);
            assert!(matches!(kind(EngineChoice::Uring, None), Err(EngineError::Unavailable(_))));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_requests_move_the_same_bytes(
        writes in prop::collection::vec((0u64..5_000, prop::collection::vec(any::<u8>(), 0..3_000), 0usize..40), 1..20),
        reads in prop::collection::vec((0u64..9_000, 0usize..3_000), 1..DEPTH),
    ) {
        for open in engines() {
            let mut engine = open(tempfile::tempfile().unwrap());
            let mut model: Vec<u8> = Vec::new();
            for (token, (offset, bytes, head)) in writes.iter().enumerate() {
                let mut buffer = vec![0xaa; *head];
                buffer.extend_from_slice(bytes);
                let end = buffer.len();
                engine.start(Request::write(token as u64, *offset, buffer, *head..end)).unwrap();
                let done = engine.finish(true).unwrap().unwrap();
                prop_assert_eq!(done.result.unwrap(), bytes.len());
                let start = *offset as usize;
                if !bytes.is_empty() {
                    model.resize(model.len().max(start + bytes.len()), 0);
                    model[start..start + bytes.len()].copy_from_slice(bytes);
                }
            }
            for (token, (offset, length)) in reads.iter().enumerate() {
                engine.start(Request::read(token as u64, *offset, vec![0; *length], 0..*length)).unwrap();
            }
            for (done, (offset, length)) in drain(&mut *engine).iter().zip(&reads) {
                let start = model.len().min(*offset as usize);
                let expected = &model[start..model.len().min(start + length)];
                prop_assert_eq!(&done.buffer[..*done.result.as_ref().unwrap()], expected);
            }
        }
    }
}
