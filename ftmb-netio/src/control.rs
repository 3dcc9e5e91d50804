//! Requests of operators on their way into a group, and answers on their way back. Invariant: a request whose number is in the
//! group record is there, whole, until its operator stops waiting; it is stamped at most once, whoever dies meanwhile, and
//! exactly once if its operator waits; an answer is there before its release is recorded.
//!
//! ```text
//! control/lock          held by an operator while it takes a number
//! control/N.request     numbered from 1 without gaps
//! control/N.reply       what the middlebox answered        control/N.refusal     why it refused
//!
//! operator   write | lock | rename to the next number | record: asked = N | unlock, ring ...... read the answer | remove
//! gateway                                                     stamp N, publish ..... released: write, rename
//! ```
//!
//! A gateway that starts again goes on behind the last number in the `in` log of core 0.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ftmb_runtime::frame::MAX_PACKET;
use tracing::warn;

use crate::error::{Error, io_error};
use crate::gateway::Reply;
use crate::group_dir::GroupDir;
use crate::group_record::GroupRecord;
use crate::input_logger::InputLogger;

/// The operator's end: one request that has been made. Dropped, it is no longer waited for.
///
/// ```
/// use ftmb_netio::control::Request;
/// use ftmb_netio::group_dir::GroupDir;
/// use ftmb_netio::group_record::{Birth, GroupRecord};
/// let root = tempfile::tempdir()?;
/// let dir = GroupDir::create(&root.path().join("ftmb"), "nat")?;
/// let record = GroupRecord::create(&dir.record_path(), 7, Birth::now(1, 0))?;
/// let request = Request::make(&dir, &record, b"list")?;
/// assert_eq!((request.number(), record.controls_asked()), (1, 1));
/// assert_eq!(request.answer()?, None, "no gateway runs here");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Request {
    dir: PathBuf,
    number: u64,
}

impl Request {
    /// Puts a request where the group's gateway finds it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::TooLong`] for a request that is longer than any packet.
    pub fn make(dir: &GroupDir, record: &GroupRecord, bytes: &[u8]) -> Result<Request, Error> {
        if bytes.len() > MAX_PACKET {
            return Err(Error::TooLong { what: "a control request", expected: MAX_PACKET, found: bytes.len() });
        }
        let dir = dir.control();
        let lock_path = dir.join("lock");
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.map_err(io_error(&lock_path, "open"))?;
        // Released when the file is closed, also by the operating system.
        lock.lock().map_err(io_error(&lock_path, "lock"))?;
        let number = record.controls_asked() + 1;
        write_whole(&path(&dir, number, "request"), bytes)?;
        record.set_controls_asked(number);
        drop(lock);
        record.gateway_bell().ring();
        Ok(Request { dir, number })
    }

    /// Its number, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What the middlebox answered, `Err` if it refused; `None`: nothing yet.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn answer(&self) -> Result<Option<Result<Vec<u8>, Vec<u8>>>, Error> {
        if let Some(reply) = read(&path(&self.dir, self.number, "reply"))? {
            return Ok(Some(Ok(reply)));
        }
        Ok(read(&path(&self.dir, self.number, "refusal"))?.map(Err))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // The request first: without it, no answer is written any more. What stays goes with the group's directory.
        for kind in ["request", "reply", "refusal"] {
            let _ = fs::remove_file(path(&self.dir, self.number, kind));
        }
    }
}

/// The gateway's end: requests that have not been stamped.
#[derive(Debug)]
pub(crate) struct Inbox {
    dir: PathBuf,
    record: GroupRecord,
    next: u64,
}

impl Inbox {
    /// Goes on behind what is stamped.
    pub(crate) fn attach(dir: &GroupDir, record: GroupRecord, il: &InputLogger) -> Inbox {
        Inbox { dir: dir.control(), record, next: il.controlled() + 1 }
    }

    /// Stamps what has been asked for, as far as there is room. Publish afterwards.
    pub(crate) fn take(&mut self, il: &mut InputLogger) {
        let asked = self.record.controls_asked();
        while self.next <= asked {
            match read(&path(&self.dir, self.next, "request")) {
                Ok(Some(bytes)) if bytes.len() <= MAX_PACKET => {
                    if !il.control(self.next, &bytes) {
                        return;
                    }
                }
                // The operator did not wait for it.
                Ok(_) => {}
                Err(error) => warn!(number = self.next, %error, "a control request cannot be read and is dropped"),
            }
            self.next += 1;
        }
    }
}

/// Writes an answer, if somebody waits for it. Writing it again changes nothing.
pub(crate) fn answer(dir: &Path, reply: Reply<'_>) {
    if !path(dir, reply.id, "request").exists() {
        return;
    }
    let written = match reply.result {
        Ok(bytes) => write_whole(&path(dir, reply.id, "reply"), bytes),
        Err(bytes) => write_whole(&path(dir, reply.id, "refusal"), bytes),
    };
    if let Err(error) = written {
        warn!(number = reply.id, %error, "the answer to a control request cannot be written");
    }
}

fn path(dir: &Path, number: u64, kind: &str) -> PathBuf {
    dir.join(format!("{number}.{kind}"))
}

/// Under another name first: whoever finds the file finds all of it.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write;
    let incomplete = path.with_added_extension("incomplete");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(&incomplete);
    let mut file: File = file.map_err(io_error(&incomplete, "create"))?;
    file.write_all(bytes).map_err(io_error(&incomplete, "write"))?;
    fs::rename(&incomplete, path).map_err(io_error(path, "rename"))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => Ok(Some(read.map_err(io_error(path, "read"))?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group_dir::{GroupLogs, LogSizes};
    use crate::group_record::Birth;

    struct Desk {
        _root: tempfile::TempDir,
        dir: GroupDir,
        record: GroupRecord,
        logs: GroupLogs,
    }

    fn desk() -> Desk {
        let root = tempfile::tempdir().expect("a directory");
        let dir = GroupDir::create(&root.path().join("ftmb"), "group").expect("a directory");
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        let logs = GroupLogs::anonymous(1, LogSizes::smallest(), 0).expect("memory");
        Desk { _root: root, dir, record, logs }
    }

    impl Desk {
        fn ask(&self, bytes: &[u8]) -> Request {
            Request::make(&self.dir, &self.record, bytes).expect("room")
        }

        /// A gateway that takes what is there and is killed, before it publishes or after.
        fn gateway(&self, publishes: bool) {
            let mut il = InputLogger::attach(self.record.clone(), &self.logs, &[]).expect("whole");
            Inbox::attach(&self.dir, self.record.clone(), &il).take(&mut il);
            if publishes {
                il.publish();
            }
        }

        /// The numbers and bytes of what is stamped.
        fn stamped(&self) -> Vec<(u64, Vec<u8>)> {
            let (mut reader, mut stamped) = (self.logs.input[0].reader(0), Vec::new());
            while let Some(frame) = reader.next().expect("whole") {
                let (header, bytes) = ftmb_runtime::frame::split_in(frame.payload).expect("an input");
                stamped.push((header.source.get(), bytes.to_vec()));
            }
            stamped
        }
    }

    #[test]
    fn a_request_is_stamped_once_whoever_dies() {
        let desk = desk();
        let _waiting = [desk.ask(b"a"), desk.ask(b"b")];
        desk.gateway(false);
        assert!(desk.stamped().is_empty());
        desk.gateway(true);
        desk.gateway(true);
        let _another = desk.ask(b"c");
        desk.gateway(true);
        assert_eq!(desk.stamped(), [(1, b"a".to_vec()), (2, b"b".to_vec()), (3, b"c".to_vec())]);
    }

    #[test]
    fn a_request_that_nobody_waits_for_is_not_stamped_and_its_answer_not_kept() {
        let desk = desk();
        drop(desk.ask(b"a"));
        let waiting = desk.ask(b"b");
        desk.gateway(true);
        assert_eq!(desk.stamped(), [(2, b"b".to_vec())]);
        let dir = desk.dir.control();
        answer(&dir, Reply { id: 1, result: Ok(b"done") });
        answer(&dir, Reply { id: 2, result: Err(b"no") });
        answer(&dir, Reply { id: 2, result: Err(b"no") });
        assert_eq!(waiting.answer().expect("read"), Some(Err(b"no".to_vec())));
        drop(waiting);
        let left: Vec<_> = fs::read_dir(&dir).expect("there").map(|entry| entry.expect("read").file_name()).collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn numbers_have_no_gaps_however_many_ask_at_once() {
        let desk = desk();
        let mut numbers: Vec<u64> = std::thread::scope(|scope| {
            let ask = || (0..20).map(|_| desk.ask(b"x")).collect::<Vec<_>>();
            let askers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            let asked: Vec<Request> = askers.into_iter().flat_map(|asker| asker.join().expect("no panic")).collect();
            desk.gateway(true);
            asked.iter().map(Request::number).collect()
        });
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=80).collect::<Vec<_>>());
        assert_eq!(desk.stamped().len(), 80);
    }

    #[test]
    fn a_request_that_is_too_long_is_refused_at_once() {
        let desk = desk();
        let error = Request::make(&desk.dir, &desk.record, &vec![0; MAX_PACKET + 1]).expect_err("too long");
        assert!(error.to_string().contains("a control request"), "{error}");
        assert_eq!(desk.record.controls_asked(), 0);
    }
}
