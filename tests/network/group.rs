//! A group of an example's middlebox as the box: processes of `up` between the interfaces `inside` and `outside`.
//!
//! Invariant: only processes that the group's own record names are killed, and each through a descriptor of its own, so that no
//! stranger can be hit; the group ends with the lab at the latest.

use std::path::PathBuf;
use std::time::Duration;

use ftmb_netio::group_record::{GroupRecord, Identity, Phase, Stat};
use ftmb_netio::port::PortStat;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::process::{PATIENCE, Process};
use super::{Lab, lab, load};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// Who processes packets.
    Master,
    /// Who would take over.
    Standby,
    /// Who has the interfaces open.
    Gateway,
}

/// How one kill went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    /// From the signal until the exit was seen.
    pub(crate) detection: Duration,
    /// From the signal until the next master processed packets.
    pub(crate) takeover: Duration,
    /// From the signal until something left that had not left before; `None`: nothing was to leave.
    pub(crate) silence: Option<Duration>,
}

/// The group.
#[derive(Debug)]
pub(crate) struct Group {
    process: Process,
    record: GroupRecord,
    example: &'static str,
    directory: PathBuf,
    /// Epochs begun after kills, and when the kill was.
    kills: Vec<(u64, u64)>,
    /// How many gateways there must have been.
    gateways: u64,
    /// Processes that have been killed.
    dead: Vec<Identity>,
}

/// How often a test kills masters: `FTMB_NETWORK_KILLS` says, else 5 times.
pub(crate) fn kills() -> u64 {
    std::env::var("FTMB_NETWORK_KILLS").ok().and_then(|value| value.parse().ok()).unwrap_or(5)
}

/// The configuration of the example `nat` in a lab.
pub(crate) fn nat() -> String {
    format!("public = \"{}\"\n", lab::OUTSIDE)
}

impl Group {
    /// Starts an example in the middle of a lab, on two cores, and waits until there is somebody to take over. `middlebox` is
    /// its table of the configuration file, `options` are further options of `up`.
    pub(crate) fn start(lab: &Lab, example: &'static str, middlebox: &str, options: &[&str]) -> Group {
        let directory = lab.directory();
        let file = lab.directory().join(format!("{example}.toml"));
        std::fs::write(&file, format!("[middlebox]\n{middlebox}")).expect("the lab's directory can be written");
        let mut command: Vec<String> = ["env", "FTMB_LOG=info"].map(str::to_owned).into();
        command.push(load::example(example).to_string_lossy().into_owned());
        command.extend(["up", "--cores", "2", "--instance", "box", "--directory"].map(str::to_owned));
        command.push(directory.to_string_lossy().into_owned());
        command.extend(["--config".to_owned(), file.to_string_lossy().into_owned()]);
        let [inside, outside] = if example == "load_balancer" { ["clients", "servers"] } else { ["inside", "outside"] };
        command.extend(["--port".to_owned(), format!("{inside}=device:inside")]);
        command.extend(["--port".to_owned(), format!("{outside}=device:outside")]);
        command.extend(options.iter().map(|&option| option.to_owned()));
        let grace = Duration::from_secs(30);
        let mut process = Process::start_with_grace(&lab.middle, lab.directory(), grace, command);
        let directory = directory.join("box");
        let mut record = None;
        process.until("the group", |_| {
            record = record.take().or_else(|| GroupRecord::open_any(&directory.join("group")).ok());
            record.as_ref().is_some_and(is_ready)
        });
        let record = record.expect("waited for");
        Group { process, record, example, directory, kills: Vec::new(), gateways: 1, dead: Vec::new() }
    }

    /// The group's record.
    pub(crate) fn record(&self) -> &GroupRecord {
        &self.record
    }

    /// Waits until it processes packets and somebody could take over.
    pub(crate) fn until_ready(&mut self) {
        self.until_taken_over();
        let (record, dead) = (&self.record, &self.dead);
        let buried =
            || record.members().all(|member| member.identity().is_none_or(|identity| !dead.contains(&identity)));
        self.process.until("a group that can be killed", |_| buried() && is_ready(record));
    }

    /// Waits for the gateway after one that has ended by itself.
    pub(crate) fn until_another_gateway(&mut self) {
        self.gateways += 1;
        self.until_taken_over();
    }

    /// Kills the master as soon as somebody can take over, and waits until he has.
    pub(crate) fn kill_master(&mut self) {
        self.kill(&[Victim::Master]);
        self.until_taken_over();
    }

    /// Kills these, all at once, as soon as somebody could take over for the master.
    ///
    /// # Panics
    ///
    /// If one of them is not there.
    pub(crate) fn kill(&mut self, victims: &[Victim]) {
        self.until_ready();
        let (epoch, at) = (self.record.epoch(), self.record.now());
        let mut identities: Vec<_> = victims.iter().map(|&victim| (victim, self.identity(victim))).collect();
        // The master last: else a standby that is fast takes over before it is killed, and that is one takeover more.
        identities.sort_by_key(|&(victim, _)| victim == Victim::Master);
        for (victim, identity) in identities {
            assert!(identity.is_some_and(kill), "no {victim:?} to be killed: {}", self.log());
            self.dead.extend(identity);
        }
        if victims.contains(&Victim::Master) {
            self.kills.push((epoch + 1, at));
        }
        self.gateways += u64::from(victims.contains(&Victim::Gateway));
    }

    /// Waits until there is a master after the last kill.
    pub(crate) fn until_taken_over(&mut self) {
        let (record, gateways) = (&self.record, self.gateways);
        let epoch = self.kills.last().map_or(0, |(epoch, _)| *epoch);
        self.process.until("the takeover", |_| {
            record.epoch() >= epoch && record.is_active() && record.stat(Stat::Gateways) >= gateways
        });
    }

    /// Kills the master this often, with this much time after each takeover.
    pub(crate) fn kill_masters(&mut self, times: u64, pause: Duration) {
        for _ in 0..times {
            self.kill_master();
            std::thread::sleep(pause);
        }
    }

    fn identity(&self, victim: Victim) -> Option<Identity> {
        let record = &self.record;
        let master = record.current().map(|epoch| epoch.master);
        match victim {
            Victim::Gateway => record.gateway(),
            Victim::Master => master.and_then(|slot| record.member(slot).identity()),
            Victim::Standby => {
                let mut others = record.members().filter(|member| Some(member.slot()) != master);
                others.find_map(|member| member.identity())
            }
        }
    }

    /// How the kills of masters went.
    pub(crate) fn outages(&self) -> Vec<Outage> {
        let one = |&(epoch, at): &(u64, u64)| {
            let takeover = self.record.takeover(epoch).unwrap_or_else(|| panic!("nothing is known of epoch {epoch}"));
            let after = |time: u64| Duration::from_nanos(time.saturating_sub(at));
            let silence = (takeover.first_output > 0).then(|| after(takeover.first_output));
            Outage { detection: after(takeover.detected), takeover: after(takeover.active), silence }
        };
        self.kills.iter().map(one).collect()
    }

    /// The longest time for which nothing left because of a kill.
    pub(crate) fn longest_outage(&self) -> Duration {
        let outages = self.outages();
        outages.iter().map(|outage| outage.silence.unwrap_or(outage.takeover)).max().unwrap_or_default()
    }

    /// What was lost anywhere that the group knows of: by reason, what is 0 left out.
    pub(crate) fn losses(&self) -> Vec<(&'static str, u64)> {
        // Ports count now and then only.
        std::thread::sleep(Duration::from_millis(250));
        let record = &self.record;
        let mut losses = vec![
            ("dropped at the door", record.stat(Stat::DroppedAtDoor)),
            ("oversized", record.stat(Stat::Oversized)),
            ("send errors", record.stat(Stat::SendErrors)),
        ];
        let lost = PortStat::ALL.iter().filter(|stat| !matches!(stat, PortStat::Received | PortStat::Sent));
        losses.extend(lost.map(|&stat| (stat.name(), record.port_stat(0, stat) + record.port_stat(1, stat))));
        losses.retain(|&(_, count)| count > 0);
        losses
    }

    /// Asks it with one of the example's commands, such as `status --json` or `control ...`, and returns the answer.
    ///
    /// # Panics
    ///
    /// If it fails, with what it said.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut words = command.split_whitespace();
        let mut process = std::process::Command::new(load::example(self.example));
        process.args(words.next()).arg("--directory").arg(self.directory.parent().expect("has one"));
        process.args(["--instance", "box"]).args(words);
        let output = process.output().expect("the example can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}: {errors}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process.runs()
    }

    /// What its processes said.
    pub(crate) fn log(&self) -> String {
        self.process.errors()
    }

    /// Ends it in good order, and returns what it said then. Nothing of it is left.
    ///
    /// # Panics
    ///
    /// If it does not end so, or if there have been other takeovers than kills.
    pub(crate) fn end(mut self) -> String {
        assert!(self.runs(), "the group has ended: {}", self.log());
        let (takeovers, gateways) = (self.record.stat(Stat::Takeovers), self.record.stat(Stat::Gateways));
        assert_eq!((takeovers, gateways), (self.kills.len() as u64, self.gateways), "as killed: {}", self.log());
        self.process.tell_to_end();
        let text = self.process.finish(PATIENCE);
        assert!(!self.directory.exists(), "{} is left", self.directory.display());
        text
    }
}

fn is_ready(record: &GroupRecord) -> bool {
    let master = record.current().map(|epoch| epoch.master);
    let phase = |slot: usize| record.member(slot).phase();
    let ready = |phase| matches!(phase, Phase::Standby | Phase::Keeper);
    let second = record.members().any(|member| Some(member.slot()) != master && ready(member.phase()));
    record.is_active()
        && record.committed().is_some()
        && second
        && master.is_some_and(|slot| phase(slot) == Phase::Master)
}

/// Kills a process if it is still the one that is meant.
fn kill(process: Identity) -> bool {
    let Some(pid) = Pid::from_raw(process.pid as i32) else { return false };
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    Identity::of(process.pid) == Some(process) && pidfd_send_signal(&descriptor, Signal::KILL).is_ok()
}
