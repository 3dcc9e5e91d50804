//! The project's own load (`load/`), started in a lab.
//!
//! Invariant: a report is the JSON object of a client that has ended by itself or because it was told to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::process::Process;
use super::{Lab, lab};

/// The executable of the load.
pub(crate) fn executable() -> PathBuf {
    example("network_load")
}

/// The executable of an example as it is now, optimized whatever this one is: a slow box would be measured otherwise.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let path = built.entry(name.into()).or_insert_with(|| {
        let test = std::env::current_exe().expect("a test has a path");
        let target = test.ancestors().nth(3).expect("target/PROFILE/deps/TEST");
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--offline", "--release"]);
        cargo.args(["--example", name, "--target-dir"]).arg(target);
        assert!(cargo.status().expect("cargo runs").success(), "{name} does not compile");
        target.join("release/examples").join(name)
    });
    path.clone()
}

/// Starts the servers of all loads in the server's namespace, and waits until they are there.
pub(crate) fn serve(lab: &Lab, address: &str) -> Process {
    let load = executable();
    let command = [load.to_str().expect("an UTF-8 path"), "serve", "--address", address];
    let mut servers = Process::start(&lab.server, lab.directory(), command);
    servers.until("servers", |servers| servers.text().contains("ready"));
    servers
}

/// A client of those servers.
#[derive(Debug)]
pub(crate) struct Client(Process);

impl Client {
    /// Starts one in the client's namespace: a command of the load with its arguments in one line.
    pub(crate) fn start(lab: &Lab, line: &str) -> Client {
        Client::start_to(lab, lab::SERVER, line)
    }

    /// The same, to another address of the server.
    pub(crate) fn start_to(lab: &Lab, server: &str, line: &str) -> Client {
        let load = executable();
        let mut words = vec![load.to_str().expect("an UTF-8 path")];
        words.extend(line.split_whitespace());
        words.extend(["--server", server]);
        Client(Process::start(&lab.client, lab.directory(), words))
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(self, patience: Duration) -> Report {
        Report::read(&self.0.finish(patience))
    }

    /// Tells it to end, which it does when what is under way has come to its end.
    pub(crate) fn end(mut self, patience: Duration) -> Report {
        self.0.tell_to_end();
        self.finish(patience)
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.0.runs()
    }
}

/// What a client found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report(Value);

impl Report {
    fn read(text: &str) -> Report {
        let value = serde_json::from_str(text.trim());
        Report(value.unwrap_or_else(|error| panic!("no report ({error}): {text:?}")))
    }

    /// A number, by a path such as `/short/complete`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn number(&self, path: &str) -> f64 {
        self.0.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number {path}: {self:?}"))
    }

    /// The same, as a count.
    pub(crate) fn count(&self, path: &str) -> u64 {
        self.0.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no count {path}: {self:?}"))
    }

    /// All of it.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}
