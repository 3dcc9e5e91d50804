//! Reader and writer on an engine that finishes in any order, late, or with an error.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::super::format::{FILE_HEADER, Format, RECORD_HEADER};
use super::super::reader::{CaptureReader, Peek};
use super::super::writer::CaptureWriter;
use super::*;
use crate::uring::{Completion, EngineKind, FileIo, PlainFile, Request};

/// A plain engine that obeys a list of orders: 0 is "not finished yet" unless one waits, 1 fails a request, anything
/// else picks which request finishes next.
#[derive(Debug)]
struct Whimsical {
    plain: PlainFile,
    held: Vec<Request>,
    orders: Arc<Mutex<VecDeque<u8>>>,
    failures: Arc<Mutex<u32>>,
}

impl Whimsical {
    fn new(file: std::fs::File, orders: Vec<u8>) -> (Whimsical, Arc<Mutex<u32>>) {
        let failures = Arc::new(Mutex::new(0));
        let orders = Arc::new(Mutex::new(orders.into()));
        (Whimsical { plain: PlainFile::new(file), held: Vec::new(), orders, failures: failures.clone() }, failures)
    }
}

impl FileIo for Whimsical {
    fn kind(&self) -> EngineKind {
        EngineKind::Plain
    }

    fn start(&mut self, request: Request) -> Result<(), Request> {
        self.held.push(request);
        Ok(())
    }

    fn finish(&mut self, wait: bool) -> io::Result<Option<Completion>> {
        let order = self.orders.lock().unwrap().pop_front().unwrap_or(2);
        if self.held.is_empty() || (order == 0 && !wait) {
            return Ok(None);
        }
        let request = self.held.swap_remove(usize::from(order) % self.held.len());
        self.plain.start(request).unwrap();
        let mut done = self.plain.finish(true)?.unwrap();
        if order == 1 {
            *self.failures.lock().unwrap() += 1;
            done.result = Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Some(done))
    }

    fn in_flight(&self) -> usize {
        self.held.len()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn records_come_whole_and_in_order_whatever_the_engine_does(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..40),
        chunk in 1usize..200,
        orders in prop::collection::vec(0u8..8, 0..200),
    ) {
        let form = Form::ALL[1];
        let mut bytes = form.header(90, 1);
        frames.iter().for_each(|frame| bytes.extend(form.record(0, 0, frame)));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();

        let format = Format::parse(file.path(), &bytes).unwrap();
        let (engine, failures) = Whimsical::new(file.reopen().unwrap(), orders);
        let length = bytes.len() as u64;
        let mut reader = CaptureReader::new(Box::new(engine), file.path(), format, length, 66 * 1024, chunk);
        let (mut seen, errors) = (Vec::new(), Cell::new(0));
        loop {
            match reader.peek(seen.len() % 2 == 0) {
                Ok(Peek::Record(header)) => {
                    seen.push(reader.bytes(&header).to_vec());
                    reader.consume(&header);
                    prop_assert_eq!(reader.consumed(), seen.len() as u64);
                }
                Ok(Peek::Pending) => prop_assert_eq!(seen.len() % 2, 1),
                Ok(Peek::End) => break,
                Err(PortError::Io { doing: "read", .. }) => errors.set(errors.get() + 1),
                Err(error) => panic!("{error}"),
            }
        }
        prop_assert_eq!(seen, frames);
        prop_assert_eq!(reader.offset(), length);
        prop_assert!(errors.get() <= *failures.lock().unwrap());
    }

    #[test]
    fn a_file_is_always_a_prefix_of_what_was_sent_and_failed_writes_are_made_up_for(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..60),
        flushes in prop::collection::vec(any::<bool>(), 60),
        buffer in 1usize..400,
        orders in prop::collection::vec(0u8..8, 0..200),
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (engine, _) = Whimsical::new(file.reopen().unwrap(), orders);
        let mut writer = CaptureWriter::new(Box::new(engine), file.path(), 0, 0, buffer);
        let mut expected = super::super::format::file_header().to_vec();
        for (frame, flush) in frames.iter().zip(flushes) {
            loop {
                match writer.push(7, frame) {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(PortError::Io { doing: "write", .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                prop_assert!(expected.starts_with(&std::fs::read(file.path()).unwrap()));
            }
            expected.extend(Form::ALL[1].record(0, 7, frame));
            prop_assert_eq!(writer.length(), expected.len() as u64);
            if flush && writer.flush().is_ok() {
                prop_assert_eq!(&std::fs::read(file.path()).unwrap(), &expected);
            }
        }
        while writer.flush().is_err() {}
        prop_assert_eq!(&std::fs::read(file.path()).unwrap(), &expected);
        prop_assert_eq!(expected.len(), FILE_HEADER + frames.iter().map(|frame| RECORD_HEADER + frame.len()).sum::<usize>());
    }
}
