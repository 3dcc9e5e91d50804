//! The group record: the one small piece of shared memory that a restarted gateway cannot rebuild. Invariant: every word has
//! one writer at a time, named below; whatever takes several words is written first and made valid by one store of another
//! word, so that a writer killed between any two stores leaves the old state or the new one.
//!
//! ```text
//! word      0 global        layout, clock base, wall, cores, seed, EPOCH, active, committed, checkpoint and operator words, ...
//!          32 resumed       per port object: everything up to this source position is in the `in` logs
//!          64 epochs        2 x { number, set, from epoch, from set, base, master, ckpt closing, ... | per core: closing det,
//!                                 closing out, start det, cut det }              valid: the one of EPOCH, at EPOCH % 2
//!         352 members       4 x { identity, phase, role, staged, applied, progress, error, detail, ... }
//!         416 released      per core { which slot, 0: ordinal hash epoch, 1: ordinal hash epoch }
//!         672 bells         per core, gateway, per member, parent; a cache line each
//!         976 statistics    64 of the group, 16 per core, the last 4096 flip pauses, the last 64 takeovers,
//!                           per core 96 of release delays
//! ```
//!
//! | who | writes |
//! | --- | --- |
//! | gateway | all but the following |
//! | a member | its slot's identity (claim), phase, staged, applied, progress, error; `variables`, `flipped`, flip pauses as master |
//! | operator | `stop`, `failover`, `asked` (a checkpoint), `controls` (holding `control/lock`) |
//! | parent | `parent`, and `stop` |

mod clock;
mod delays;
mod epochs;
mod layout;
mod members;
mod protection;
mod released;
mod restore;
mod statistics;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use ftmb_runtime::log::{Bell, LogError, Words};

pub use clock::{monotonic_ns, unix_ns};
pub use delays::{DELAY_BUCKETS, Delays};
pub use epochs::{CoreCut, EpochRecord, Origin};
pub use layout::{MAX_CORES, MAX_PORTS, MEMBERS};
pub use members::{Identity, Member, MemberError, Phase, Role};
pub use protection::Protection;
pub use released::Released;
pub use restore::Past;
pub use statistics::{CoreStat, Stat, Takeover};

/// What is fixed when a group is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Number of cores, at most [`MAX_CORES`].
    pub cores: usize,
    /// `CLOCK_MONOTONIC` at the group's zero, ns, modulo 2^64. Arrival times count from here.
    pub clock_base: u64,
    /// Unix time of the group's zero, ns: wall clock = arrival + this.
    pub wall: i64,
    /// Seeds the flow hash, so that classification is the same after a restart and unknown to outsiders.
    pub seed: u64,
}

impl Birth {
    /// A group that begins now.
    pub fn now(cores: usize, seed: u64) -> Birth {
        Birth { cores, clock_base: monotonic_ns(), wall: unix_ns(), seed }
    }
}

/// Typed view of the group record. Clones share the mapping; every method may be called from any process of the group, as far
/// as the table of writers allows.
///
/// ```
/// use ftmb_netio::group_record::{Birth, GroupRecord};
/// let record = GroupRecord::anonymous(Birth::now(2, 7))?;
/// assert_eq!((record.cores(), record.epoch(), record.committed()), (2, 0, None));
/// record.commit(0);
/// assert_eq!(record.committed(), Some(0));
/// # Ok::<(), ftmb_runtime::log::LogError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupRecord {
    words: Words,
}

impl GroupRecord {
    /// Creates the record's file, at epoch 0: nothing has started.
    ///
    /// # Errors
    /// [`LogError::Io`] with the step that failed.
    ///
    /// # Panics
    /// If the group has no core, or more than [`MAX_CORES`].
    pub fn create(path: &Path, fingerprint: u64, birth: Birth) -> Result<GroupRecord, LogError> {
        GroupRecord::create_with(path, fingerprint, birth, |_| ())
    }

    fn create_with(
        path: &Path,
        fingerprint: u64,
        birth: Birth,
        fill: impl FnOnce(&GroupRecord),
    ) -> Result<GroupRecord, LogError> {
        // Written under another name: whoever finds the record finds it with its birth.
        let newborn = path.with_extension("newborn");
        let record = GroupRecord { words: Words::create(&newborn, layout::WORDS, fingerprint)? };
        record.set_birth(birth);
        fill(&record);
        std::fs::rename(&newborn, path).map_err(|source| LogError::Io { path: path.into(), step: "rename", source })?;
        Ok(record)
    }

    /// Attaches to the record of a group of the same build, configuration and layout of the state.
    ///
    /// # Errors
    /// Typed errors that name path, position, expected and found.
    pub fn open(path: &Path, fingerprint: u64) -> Result<GroupRecord, LogError> {
        GroupRecord { words: Words::open(path, layout::WORDS, fingerprint)? }.checked(path)
    }

    /// Attaches without knowing the fingerprint, for those who only look or ask (`status`, `failover`, `checkpoint`).
    ///
    /// # Errors
    /// As [`GroupRecord::open`], without the fingerprint.
    pub fn open_any(path: &Path) -> Result<GroupRecord, LogError> {
        GroupRecord { words: Words::open_any(path, layout::WORDS)? }.checked(path)
    }

    /// A record of this process only, for tests and groups inside one process.
    ///
    /// # Errors
    /// [`LogError::Io`] if memory cannot be mapped.
    ///
    /// # Panics
    /// As [`GroupRecord::create`].
    pub fn anonymous(birth: Birth) -> Result<GroupRecord, LogError> {
        let record = GroupRecord { words: Words::anonymous(layout::WORDS)? };
        record.set_birth(birth);
        Ok(record)
    }

    fn set_birth(&self, birth: Birth) {
        assert!((1..=MAX_CORES).contains(&birth.cores), "a group has 1..={MAX_CORES} cores, not {}", birth.cores);
        self.set(layout::CLOCK_BASE, birth.clock_base);
        self.set(layout::WALL, birth.wall as u64);
        self.set(layout::SEED, birth.seed);
        self.set(layout::CORES, birth.cores as u64);
        self.set(layout::LAYOUT, layout::VERSION);
    }

    fn checked(self, path: &Path) -> Result<GroupRecord, LogError> {
        let mismatch = |index: usize, what, expected, found| {
            let position = 8 * index as u64;
            Err(LogError::Mismatch { path: path.into(), position, what, expected, found })
        };
        let (version, cores) = (self.get(layout::LAYOUT), self.get(layout::CORES));
        if version != layout::VERSION {
            return mismatch(layout::LAYOUT, "layout of the group record", layout::VERSION, version);
        }
        if !(1..=MAX_CORES as u64).contains(&cores) {
            return mismatch(layout::CORES, "number of cores (at most)", MAX_CORES as u64, cores);
        }
        Ok(self)
    }

    /// What was fixed when the group was created.
    pub fn birth(&self) -> Birth {
        Birth {
            cores: self.cores(),
            clock_base: self.get(layout::CLOCK_BASE),
            wall: self.get(layout::WALL) as i64,
            seed: self.get(layout::SEED),
        }
    }

    /// The fingerprint that everybody who attaches must have.
    pub fn fingerprint(&self) -> u64 {
        self.words.fingerprint()
    }

    /// Number of cores.
    pub fn cores(&self) -> usize {
        self.get(layout::CORES) as usize
    }

    /// Ns since the group was created, by this host's monotonic clock. (A group that was rebuilt after the host had started anew
    /// may be older than that clock: its zero lies before the clock's.)
    pub fn now(&self) -> u64 {
        let passed = monotonic_ns().wrapping_sub(self.get(layout::CLOCK_BASE));
        // A clock that runs backwards would be a difference below zero.
        if passed > u64::MAX / 2 { 0 } else { passed }
    }

    /// The checkpoint that is committed; `None` before checkpoint 0 is.
    pub fn committed(&self) -> Option<u64> {
        self.get(layout::COMMITTED).checked_sub(1)
    }

    /// The commit point of a checkpoint (protocol 5, step 3): one store. Gateway only.
    pub fn commit(&self, number: u64) {
        self.set(layout::COMMITTED, number + 1);
    }

    /// Number of tracked variables; 0 until the first master has said so. A master stores it before it captures checkpoint 0.
    pub fn variables(&self) -> usize {
        self.get(layout::VARIABLES) as usize
    }

    /// See [`GroupRecord::variables`]. First master only.
    pub fn set_variables(&self, variables: usize) {
        self.set(layout::VARIABLES, variables as u64);
    }

    /// Serial number of the last checkpoint request. The master flips when it differs from [`GroupRecord::flipped`]. Only the
    /// gateway requests, and never while a core is within its cut; at a takeover it sets both equal first.
    pub fn requested(&self) -> u64 {
        self.get(layout::REQUESTED)
    }

    /// Requests a checkpoint of the current master; ring its member bell. Gateway only.
    pub fn request(&self) {
        self.set(layout::REQUESTED, self.requested() + 1);
    }

    /// The last request that was answered with a flip.
    pub fn flipped(&self) -> u64 {
        self.get(layout::FLIPPED)
    }

    /// The master has flipped for request `serial`. (The gateway forgets an open request in the same way at a takeover.)
    pub fn set_flipped(&self, serial: u64) {
        self.set(layout::FLIPPED, serial);
    }

    /// The operator asks for a checkpoint; ring the gateway's bell, and wait until [`GroupRecord::answered`] is at least what
    /// this returns: then a checkpoint is committed that was taken after this call.
    pub fn ask_checkpoint(&self) -> u64 {
        self.words.word(layout::ASKED).fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Up to which of the operator's requests there are checkpoints.
    pub fn answered(&self) -> u64 {
        self.get(layout::ANSWERED)
    }

    /// See [`GroupRecord::answered`]. Gateway only.
    pub fn set_answered(&self, serial: u64) {
        self.set(layout::ANSWERED, serial);
    }

    /// How often the operator has asked for a checkpoint.
    pub fn asked(&self) -> u64 {
        self.get(layout::ASKED)
    }

    /// The operator asks for a failover (the master is killed and replaced); ring the gateway's bell.
    pub fn ask_failover(&self) {
        self.words.word(layout::FAILOVER).fetch_add(1, Ordering::SeqCst);
    }

    /// How often the operator has asked for a failover, and how many the gateway has done.
    pub fn failovers(&self) -> (u64, u64) {
        (self.get(layout::FAILOVER), self.get(layout::FAILED_OVER))
    }

    /// The gateway has done `serial` failovers.
    pub fn set_failed_over(&self, serial: u64) {
        self.set(layout::FAILED_OVER, serial);
    }

    /// The number of the operators' last control request.
    pub fn controls_asked(&self) -> u64 {
        self.get(layout::CONTROLS)
    }

    /// Request `number` is there; ring the gateway's bell. Holding the lock of [`Request`](crate::control::Request) only.
    pub(crate) fn set_controls_asked(&self, number: u64) {
        self.set(layout::CONTROLS, number);
    }

    /// Ends the group in good order: the gateway drains what is stamped, ends the members and exits. Ring its bell.
    pub fn stop(&self) {
        if !self.runs_again() {
            self.set(layout::STOP, layout::TO_END);
        }
    }

    /// The group runs again what was recorded, and ends: it takes nothing in, its outputs need not wait until all is reproduced
    /// (nothing of it leaves but into files), and it has as much time as it needs. Before it has a gateway.
    pub fn run_again(&self) {
        self.set(layout::STOP, layout::TO_RUN_AGAIN);
    }

    /// Whether the group only runs again what was recorded.
    pub fn runs_again(&self) -> bool {
        self.get(layout::STOP) == layout::TO_RUN_AGAIN
    }

    /// Whether the group is to end.
    pub fn stopping(&self) -> bool {
        self.get(layout::STOP) != 0
    }

    /// The group has ended: 0 no, 1 in good order, otherwise why it cannot go on. A parent that reads this does not start
    /// another gateway.
    pub fn ended(&self) -> u64 {
        self.get(layout::ENDED)
    }

    /// See [`GroupRecord::ended`]. Gateway only.
    pub fn set_ended(&self, code: u64) {
        self.set(layout::ENDED, code);
    }

    /// The gateway process; `None` before the first one.
    pub fn gateway(&self) -> Option<Identity> {
        Identity::from_word(self.get(layout::GATEWAY))
    }

    /// Gateway only, at its start.
    pub fn set_gateway(&self, identity: Identity) {
        self.set(layout::GATEWAY, identity.to_word(0));
    }

    /// The parent process.
    pub fn parent(&self) -> Option<Identity> {
        Identity::from_word(self.get(layout::PARENT))
    }

    /// Parent only.
    pub fn set_parent(&self, identity: Identity) {
        self.set(layout::PARENT, identity.to_word(0));
    }

    /// Recoveries in a row without a checkpoint in between.
    pub fn failures(&self) -> u64 {
        self.get(layout::FAILURES)
    }

    /// Gateway only.
    pub fn set_failures(&self, failures: u64) {
        self.set(layout::FAILURES, failures);
    }

    /// Port object `port`: everything up to this source position is in the `in` logs of all cores.
    ///
    /// # Panics
    /// If `port` is not below [`MAX_PORTS`].
    pub fn stamped(&self, port: usize) -> u64 {
        assert!(port < MAX_PORTS, "port {port} of {MAX_PORTS}");
        self.get(layout::RESUMED + port)
    }

    /// See [`GroupRecord::stamped`]. Input logger only, after the publication.
    ///
    /// # Panics
    /// If `port` is not below [`MAX_PORTS`].
    pub fn set_stamped(&self, port: usize, source: u64) {
        assert!(port < MAX_PORTS, "port {port} of {MAX_PORTS}");
        self.set(layout::RESUMED + port, source);
    }

    /// Where core `core`'s worker sleeps: rung for news in its `in` log and for room in its `det` and `out` logs.
    ///
    /// # Panics
    /// If `core` is not below [`MAX_CORES`].
    pub fn core_bell(&self, core: usize) -> Bell<'_> {
        assert!(core < MAX_CORES, "core {core} of {MAX_CORES}");
        self.words.bell(layout::BELLS + 8 * core)
    }

    /// Where the gateway sleeps: rung for news in `det`, `out` and port logs, staged and applied checkpoints, exits, requests.
    pub fn gateway_bell(&self) -> Bell<'_> {
        self.words.bell(layout::BELLS + 8 * MAX_CORES)
    }

    /// Where a member's main thread sleeps: rung for a new epoch, a checkpoint request, news in `ckpt`, and a commit.
    ///
    /// # Panics
    /// If `slot` is not below [`MEMBERS`].
    pub fn member_bell(&self, slot: usize) -> Bell<'_> {
        assert!(slot < MEMBERS, "member {slot} of {MEMBERS}");
        self.words.bell(layout::BELLS + 8 * (MAX_CORES + 1 + slot))
    }

    /// Where the parent sleeps: rung for news in `port.out` and for room in `port.in`.
    pub fn parent_bell(&self) -> Bell<'_> {
        self.words.bell(layout::BELLS + 8 * (MAX_CORES + 1 + MEMBERS))
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        self.words.word(index)
    }

    fn get(&self, index: usize) -> u64 {
        // Acquire; pairs with the Release part of `set`: whoever sees the word sees what was written before it.
        self.words.word(index).load(Ordering::Acquire)
    }

    fn set(&self, index: usize, value: u64) {
        self.words.word(index).store(value, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
