//! A group of real processes whose middlebox is a script: it counts packets per core in one tracked variable each and sends
//! every packet back with its count. What is lost, repeated or forgotten shows in the counts.

mod member;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use ftmb_netio::gateway::{Gateway, GatewayConfig, PortSet};
use ftmb_netio::group_dir::{GroupDir, LogSizes};
use ftmb_netio::group_record::{Birth, GroupRecord, Identity, Member, Phase, Role};
use ftmb_netio::port::memory::{MemoryPeer, MemoryPort};
use ftmb_netio::supervisor::{Launch, StandbyMode};
use ftmb_runtime::packet::PortId;

pub(crate) const FINGERPRINT: u64 = 77;
pub(crate) const CORES: usize = 2;
const ENV: &str = "FTMB_ECHO_PROCESS";

/// What a process of the group runs; a test of the file calls it and returns at once if this is the test process itself.
pub(crate) fn process() {
    let Ok(args) = std::env::var(ENV) else { return };
    let args: Vec<&str> = args.split(';').collect();
    let dir = GroupDir::at(args[1]);
    match args[0] {
        "gateway" => gateway(&dir, if args[2] == "none" { StandbyMode::None } else { StandbyMode::Passive }),
        _ => member::run(&dir, args[2].parse().expect("slot"), args[3].parse().expect("token"), args[4] == "keeper"),
    }
    std::process::exit(0);
}

/// This executable again, in another role.
fn again(args: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "process", "--nocapture", "--test-threads=1"]).env(ENV, args);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn gateway(dir: &GroupDir, standby: StandbyMode) {
    let record = GroupRecord::open(&dir.record_path(), FINGERPRINT).expect("record");
    let logs = dir.open_logs(CORES, FINGERPRINT).expect("logs");
    let [incoming, outgoing] = logs.ports.expect("memory ports");
    let mut ports = PortSet::new(record.clone());
    let port = MemoryPort::attach(record, &incoming, &outgoing).expect("port.out");
    ports.add(vec![PortId(0), PortId(1)], Box::new(port)).expect("two ids");
    let path: PathBuf = dir.path().into();
    let factory = move |launch: &Launch| {
        let role = if launch.role == Role::Keeper { "keeper" } else { "standby" };
        again(&format!("member;{};{};{};{role}", path.display(), launch.slot, launch.token))
    };
    let config = GatewayConfig { standby, checkpoint_interval: Duration::from_millis(10), ..GatewayConfig::default() };
    let gateway = Gateway::attach(dir, FINGERPRINT, config, ports, None, Box::new(factory)).expect("attached");
    if let Err(error) = gateway.run() {
        eprintln!("gateway: {error}");
        std::process::exit(1);
    }
}

/// The parent's view of a group.
pub(crate) struct Group {
    pub(crate) dir: GroupDir,
    pub(crate) record: GroupRecord,
    peer: MemoryPeer,
    gateway: Child,
    mode: StandbyMode,
    sent: u64,
    /// Per core: the counts that came back, in order; and which packets.
    counts: Vec<u64>,
    seen: Vec<bool>,
    pub(crate) repeated: u64,
    _root: tempfile::TempDir,
}

impl Group {
    pub(crate) fn start(mode: StandbyMode) -> Group {
        let root = tempfile::tempdir().expect("tempdir");
        let dir = GroupDir::create(&root.path().join("ftmb"), "echo").expect("directory");
        let record = GroupRecord::create(&dir.record_path(), FINGERPRINT, Birth::now(CORES, 5)).expect("record");
        record.set_parent(Identity::mine());
        let logs = dir.create_logs(CORES, LogSizes::smallest(), FINGERPRINT, true).expect("logs");
        let [incoming, outgoing] = logs.ports.expect("memory ports");
        let peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing).expect("port.in");
        let gateway = start_gateway(dir.path(), mode);
        let counts = vec![0; CORES];
        Group { dir, record, peer, gateway, mode, sent: 0, counts, seen: Vec::new(), repeated: 0, _root: root }
    }

    /// Sends `n` more packets (fewer if there is no room for long) and checks what comes back meanwhile.
    pub(crate) fn send(&mut self, n: u64) {
        let until = self.sent + n;
        while self.sent < until {
            let from = [10, 0, (self.sent % 31) as u8, 1];
            let mut bytes = Vec::new();
            let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, [192, 0, 2, 1], 64).udp(1000, 2000);
            builder.write(&mut bytes, &self.sent.to_le_bytes()).expect("fits");
            if self.peer.send(PortId(0), &bytes).is_some() {
                self.sent += 1;
                self.seen.push(false);
            }
            if self.sent.is_multiple_of(16) {
                self.peer.flush();
                std::thread::sleep(Duration::from_micros(200));
            }
            self.check();
            self.look_after_the_gateway();
        }
        self.peer.flush();
    }

    fn check(&mut self) {
        let (counts, seen, repeated) = (&mut self.counts, &mut self.seen, &mut self.repeated);
        let taken = self.peer.receive(64, |frame| {
            if frame.repeated {
                *repeated += 1;
                return;
            }
            let (packet, count) = frame.bytes.split_at(frame.bytes.len() - 8);
            let number = u64::from_le_bytes(packet[packet.len() - 8..].try_into().expect("eight bytes"));
            let count = u64::from_le_bytes(count.try_into().expect("eight bytes"));
            let core = frame.core as usize;
            assert_eq!(count, counts[core] + 1, "core {core} counts on, whoever is master");
            assert_eq!(frame.ordinal, count);
            counts[core] = count;
            let seen = &mut seen[number as usize];
            assert!(!*seen, "packet {number} came out twice");
            *seen = true;
        });
        taken.expect("port.out is whole");
    }

    /// Waits until everything that was sent has come out.
    pub(crate) fn settle(&mut self) {
        self.wait("everything to come out", |group| group.seen.iter().all(|&seen| seen));
    }

    pub(crate) fn wait(&mut self, what: &str, mut until: impl FnMut(&mut Group) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !until(self) {
            assert!(Instant::now() < deadline, "waited in vain for {what}: {}", self.describe());
            self.check();
            self.look_after_the_gateway();
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn describe(&self) -> String {
        let members: Vec<_> =
            self.record.members().map(|m| (m.identity(), m.phase(), m.staged(), m.applied())).collect();
        let missing = self.seen.iter().filter(|&&seen| !seen).count();
        let (epoch, active, committed) = (self.record.epoch(), self.record.active(), self.record.committed());
        let requests = (self.record.requested(), self.record.flipped());
        format!("epoch {epoch} active {active} committed {committed:?} {requests:?} missing {missing} {members:?}")
    }

    /// Waits until there is an active epoch with a master at work, and a standby or keeper that is ready.
    pub(crate) fn complete(&mut self) {
        self.wait("a complete group", |group| {
            let ready = |member: Member<'_>| {
                matches!(member.phase(), Phase::Standby | Phase::Keeper) && member.applied().is_some()
            };
            group.record.is_active() && group.record.committed().is_some() && group.record.members().any(ready)
        });
    }

    pub(crate) fn kill_master(&self) {
        let epoch = self.record.current().expect("started");
        kill(self.record.member(epoch.master).identity());
    }

    pub(crate) fn kill_others(&self) {
        let master = self.record.current().expect("started").master;
        for member in self.record.members().filter(|member| member.slot() != master) {
            kill(member.identity());
        }
    }

    pub(crate) fn kill_gateway(&mut self) {
        self.gateway.kill().expect("alive");
        self.gateway.wait().expect("reaped");
    }

    /// From now on, members fail in this way when they are to reign: `divergence` or `exit`.
    pub(crate) fn sabotage(&self, how: &str) {
        std::fs::write(self.dir.path().join("sabotage"), how).expect("written");
    }

    /// Waits until the group has ended by itself, and says why.
    pub(crate) fn ended(mut self) -> u64 {
        let status = self.gateway.wait().expect("ours");
        assert!(!status.success());
        let alive = |member: Member<'_>| member.identity().is_some_and(|id| Identity::of(id.pid) == Some(id));
        assert!(!self.record.members().any(alive), "{}", self.describe());
        self.record.ended()
    }

    /// What the parent does: restarts a gateway that has died, unless the group has ended.
    fn look_after_the_gateway(&mut self) {
        if self.gateway.try_wait().expect("ours").is_some() {
            assert_eq!(self.record.ended(), 0, "the group has ended");
            self.gateway = start_gateway(self.dir.path(), self.mode);
        }
    }

    /// Ends the group in good order; everything that was sent must have come out.
    pub(crate) fn stop(mut self) {
        self.settle();
        self.record.stop();
        self.record.gateway_bell().ring();
        let status = self.gateway.wait().expect("ours");
        assert!(status.success(), "{status}");
        assert_eq!(self.record.ended(), 1);
        assert!(self.record.members().all(|member| member.phase() == Phase::Empty), "{}", self.describe());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // So that no process outlives a failed test.
            let _ = self.gateway.kill();
            let _ = self.gateway.wait();
            self.record.members().for_each(|member| kill(member.identity()));
        }
    }
}

fn start_gateway(dir: &Path, mode: StandbyMode) -> Child {
    let mode = if mode == StandbyMode::None { "none" } else { "passive" };
    again(&format!("gateway;{};{mode}", dir.display())).spawn().expect("gateway")
}

fn kill(identity: Option<Identity>) {
    let Some(identity) = identity.filter(|identity| Identity::of(identity.pid) == Some(*identity)) else { return };
    let pid = rustix::process::Pid::from_raw(identity.pid as i32).expect("a pid");
    // It may end by itself meanwhile.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}
