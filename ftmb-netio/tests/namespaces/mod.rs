//! Network namespaces for tests. Invariant: a namespace, with everything in it, is gone when its value is dropped, and after ten
//! minutes in any case, however the test ended.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace, alive as long as a process that sleeps in it.
#[derive(Debug)]
pub(crate) struct Namespace(Child);

impl Namespace {
    /// A new one, with its loopback interface up and without IPv6's own chatter. `None`, with the reason printed: not allowed.
    pub(crate) fn new() -> Option<Namespace> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: network namespaces need root");
            return None;
        }
        let mut sleeper = Command::new("unshare");
        let child = sleeper.args(["--net", "sleep", "600"]).stdin(Stdio::null()).spawn().expect("util-linux is there");
        let namespace = Namespace(child);
        let (mine, deadline) =
            (std::fs::read_link("/proc/self/ns/net").unwrap(), Instant::now() + Duration::from_secs(10));
        // The process starts in this namespace and leaves it when it gets to run.
        while std::fs::read_link(namespace.path()).is_ok_and(|path| path == mine) {
            assert!(Instant::now() < deadline, "skipped: this root may not make network namespaces");
            std::thread::sleep(Duration::from_millis(1));
        }
        namespace
            .run(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("/proc is writable"));
        namespace.ip("link set lo up");
        Some(namespace)
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// The number by which `ip link set ... netns` knows it.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Moves this thread into it, for good.
    pub(crate) fn enter(&self) {
        let namespace = File::open(self.path()).expect("its process is alive");
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network))
            .expect("root");
    }

    /// Runs something in it, on a thread of its own.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// `ip` with these words, in it; it must succeed. Returns what it prints.
    pub(crate) fn ip(&self, words: &str) -> String {
        let run = || Command::new("ip").args(words.split_whitespace()).output();
        let output = self.run(run).expect("iproute2 is there");
        assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Switches interfaces on, and waits until the kernel has noticed that there is a carrier: what is sent before that is lost,
    /// as on a cable.
    pub(crate) fn up(&self, interfaces: &[&str]) {
        for interface in interfaces {
            self.ip(&format!("link set {interface} up"));
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while !interfaces.iter().all(|interface| self.ip(&format!("link show {interface}")).contains("state UP")) {
            assert!(Instant::now() < deadline, "no carrier");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// An interface of it, connected to one of `other`; both up, the other one with an address.
    pub(crate) fn connect(&self, here: &str, other: &Namespace, there: &str, address: &str) {
        self.ip(&format!("link add {here} type veth peer name {there} netns {}", other.id()));
        other.ip(&format!("addr add {address} dev {there}"));
        other.ip(&format!("link set {there} up"));
        self.up(&[here]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
