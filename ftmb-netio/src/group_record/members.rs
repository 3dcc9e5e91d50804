//! Member slots: which process is which, and how far it is. Invariant: a process acts for a slot only after it has claimed it,
//! by one compare-and-swap on a word that also holds a token; a claim that was given up on cannot succeed later.

use std::sync::atomic::Ordering;

use super::{GroupRecord, MEMBERS, layout};

/// A process of this host, distinguishable from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Process id.
    pub pid: u32,
    /// Start time, clock ticks since boot (`/proc/PID/stat`, field 22), low 32 bits.
    pub start: u32,
}

// identity word: 63..54 token (10 bits), 53..32 pid (22 bits, Linux's limit), 31..0 start time
const PID_BITS: u32 = 22;
const TOKENS: u64 = 1 << 10;

impl Identity {
    /// Reads `/proc/PID/stat`; `None` if there is no such process, or only its remains.
    ///
    /// ```
    /// use ftmb_netio::group_record::Identity;
    /// let me = Identity::of(std::process::id()).expect("alive");
    /// assert_eq!(Identity::of(me.pid), Some(me));
    /// ```
    pub fn of(pid: u32) -> Option<Identity> {
        let (identity, state) = Identity::with_state(pid)?;
        (!matches!(state, 'Z' | 'X')).then_some(identity)
    }

    /// As [`of`](Identity::of), but a process whose first thread has ended counts too: others of its threads may still run.
    pub(crate) fn of_any(pid: u32) -> Option<Identity> {
        Identity::with_state(pid).map(|(identity, _)| identity)
    }

    fn with_state(pid: u32) -> Option<(Identity, char)> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name in parentheses and may hold anything; then come the state and, as the 20th, the start.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let start: u64 = fields.nth(18)?.parse().ok()?;
        Some((Identity { pid, start: start as u32 }, state))
    }

    /// This process.
    ///
    /// # Panics
    /// If `/proc` is not there.
    pub fn mine() -> Identity {
        Identity::of(std::process::id()).expect("/proc/self/stat can be read")
    }

    pub(super) fn to_word(self, token: u64) -> u64 {
        (token % TOKENS) << 54 | u64::from(self.pid) << 32 | u64::from(self.start)
    }

    pub(super) fn from_word(word: u64) -> Option<Identity> {
        let pid = (word >> 32) as u32 & ((1 << PID_BITS) - 1);
        (pid != 0).then_some(Identity { pid, start: word as u32 })
    }
}

/// What a member process was started as. A `Standby` may be promoted, a `Keeper` (of the image only) not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Role {
    /// Holds the middlebox's state, follows checkpoints, becomes master when the epoch record names its slot.
    Standby = 1,
    /// Applies checkpoints to the image and knows nothing of the user's types.
    Keeper = 2,
}

impl Role {
    fn from_word(word: u64) -> Role {
        if word == Role::Keeper as u64 { Role::Keeper } else { Role::Standby }
    }
}

/// How far a member is. The supervisor writes `Empty` and `Starting`, the member everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u64)]
pub enum Phase {
    /// Nobody.
    Empty = 0,
    /// The process was started or is about to be.
    Starting = 1,
    /// It loads the image.
    Loading = 2,
    /// It follows checkpoints and may be promoted.
    Standby = 3,
    /// It has been promoted and replays: not yet past its cut. It touches the image no more.
    Promoted = 4,
    /// It processes packets.
    Master = 5,
    /// It keeps the image.
    Keeper = 6,
    /// It has given up; [`Member::error`] says why. It exits by itself.
    Failed = 7,
}

impl Phase {
    fn from_word(word: u64) -> Phase {
        const ALL: [Phase; 8] = [
            Phase::Empty,
            Phase::Starting,
            Phase::Loading,
            Phase::Standby,
            Phase::Promoted,
            Phase::Master,
            Phase::Keeper,
            Phase::Failed,
        ];
        ALL.get(word as usize).copied().unwrap_or(Phase::Failed)
    }
}

/// Why a member has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u64)]
pub enum MemberError {
    /// It has not.
    None = 0,
    /// Replay did not reproduce what was logged: the group stops.
    Divergence = 1,
    /// A log, the image or a staged checkpoint is damaged.
    Damaged = 2,
    /// The user's constructor or configuration failed: the group stops.
    Construction = 3,
    /// `process` panicked.
    Panic = 4,
    /// Anything else; its standard error says what.
    Other = 5,
}

impl MemberError {
    fn from_word(word: u64) -> MemberError {
        match word {
            0 => MemberError::None,
            1 => MemberError::Divergence,
            2 => MemberError::Damaged,
            3 => MemberError::Construction,
            4 => MemberError::Panic,
            _ => MemberError::Other,
        }
    }
}

const IDENTITY: usize = 0;
const PHASE: usize = 1;
const ROLE: usize = 2;
const STAGED: usize = 3;
const APPLIED: usize = 4;
const PROGRESS: usize = 5;
const ERROR: usize = 6;
const DETAIL: usize = 7;

/// One member slot.
///
/// ```
/// use ftmb_netio::group_record::{Birth, GroupRecord, Identity, Phase, Role};
/// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
/// let member = record.member(1);
/// let token = member.assign(Role::Standby); // the supervisor, before it starts the process
/// assert!(member.claim(token, Identity::mine())); // the process, first thing
/// member.set_phase(Phase::Standby);
/// member.set_staged(3, 17); // checkpoint 17 of epoch 3
/// assert_eq!(member.staged(), Some((3, 17)));
/// assert!(!member.claim(token, Identity { pid: 99, start: 1 }), "claimed already");
/// # Ok::<(), ftmb_runtime::log::LogError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    record: &'a GroupRecord,
    slot: usize,
}

impl GroupRecord {
    /// A member slot.
    ///
    /// # Panics
    /// If `slot` is not below [`MEMBERS`].
    pub fn member(&self, slot: usize) -> Member<'_> {
        assert!(slot < MEMBERS, "member {slot} of {MEMBERS}");
        Member { record: self, slot }
    }

    /// All member slots.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        (0..MEMBERS).map(|slot| self.member(slot))
    }
}

impl Member<'_> {
    fn at(&self, index: usize) -> usize {
        layout::MEMBER0 + self.slot * layout::MEMBER_WORDS + index
    }

    fn get(&self, index: usize) -> u64 {
        self.record.get(self.at(index))
    }

    fn set(&self, index: usize, value: u64) {
        self.record.set(self.at(index), value);
    }

    /// Its number.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// The process that claimed the slot.
    pub fn identity(&self) -> Option<Identity> {
        Identity::from_word(self.get(IDENTITY))
    }

    /// Prepares the slot for a process that is about to be started and returns the token to give it. A process that was given
    /// an earlier token can no longer claim the slot. Supervisor only, when no process of the slot is alive.
    pub fn assign(&self, role: Role) -> u64 {
        let token = self.vacate(Phase::Starting);
        self.set(ROLE, role as u64);
        token
    }

    /// Empties the slot. Supervisor only, when no process of the slot is alive.
    pub fn clear(&self) {
        self.vacate(Phase::Empty);
    }

    fn vacate(&self, phase: Phase) -> u64 {
        let token = (self.get(IDENTITY) >> 54).wrapping_add(1) % TOKENS;
        self.set(IDENTITY, token << 54);
        for index in [STAGED, APPLIED, PROGRESS, ERROR, DETAIL] {
            self.set(index, 0);
        }
        self.set(PHASE, phase as u64);
        token
    }

    /// The process takes the slot; false: it came too late and must exit without touching anything.
    #[must_use]
    pub fn claim(&self, token: u64, identity: Identity) -> bool {
        let (free, taken) = ((token % TOKENS) << 54, identity.to_word(token));
        let word = self.record.word(self.at(IDENTITY));
        word.compare_exchange(free, taken, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Gives up on a process that was started but has not claimed the slot; false: it has meanwhile.
    pub(crate) fn give_up(&self) -> bool {
        let free = self.get(IDENTITY) >> 54 << 54;
        let next = ((free >> 54).wrapping_add(1) % TOKENS) << 54;
        let word = self.record.word(self.at(IDENTITY));
        let given_up = word.compare_exchange(free, next, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if given_up {
            self.set(PHASE, Phase::Empty as u64);
        }
        given_up
    }

    /// How far it is.
    pub fn phase(&self) -> Phase {
        Phase::from_word(self.get(PHASE))
    }

    /// The member only; ring the gateway's bell.
    pub fn set_phase(&self, phase: Phase) {
        self.set(PHASE, phase as u64);
    }

    /// What it was started as.
    pub fn role(&self) -> Role {
        Role::from_word(self.get(ROLE))
    }

    /// The last checkpoint it has staged: (epoch, number).
    pub fn staged(&self) -> Option<(u64, u64)> {
        let word = self.get(STAGED);
        (word != 0).then(|| (word >> 40, (word & ((1 << 40) - 1)) - 1))
    }

    /// The whole delta is in its staged file (protocol 5, step 1). The keeper only; ring the gateway's bell.
    pub fn set_staged(&self, epoch: u64, number: u64) {
        self.set(STAGED, epoch << 40 | (number + 1));
    }

    /// The last checkpoint it has applied to image and live objects.
    pub fn applied(&self) -> Option<u64> {
        self.get(APPLIED).checked_sub(1)
    }

    /// The committed checkpoint is in the image, and in the live objects of a standby (step 4). The keeper only; ring the
    /// gateway's bell.
    pub fn set_applied(&self, number: u64) {
        self.set(APPLIED, number + 1);
    }

    /// Whatever the member counts to show that it gets on: bytes loaded, words replayed.
    pub fn progress(&self) -> u64 {
        self.get(PROGRESS)
    }

    /// The member only.
    pub fn set_progress(&self, progress: u64) {
        self.set(PROGRESS, progress);
    }

    /// Why it has given up.
    pub fn error(&self) -> MemberError {
        MemberError::from_word(self.get(ERROR))
    }

    /// The core and input position that the error is about, as far as known: `core << 56 | position`.
    pub fn error_detail(&self) -> u64 {
        self.get(DETAIL)
    }

    /// The member gives up; it rings the gateway's bell and exits.
    pub fn fail(&self, error: MemberError, detail: u64) {
        self.set(DETAIL, detail);
        self.set(ERROR, error as u64);
        self.set(PHASE, Phase::Failed as u64);
    }
}
