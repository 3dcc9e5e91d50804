//! Which word of the group record means what. Invariant: areas do not overlap (each starts where the one before ends), and
//! whatever different processes write often is on different cache lines (8 words).

use crate::port::PortStat;

/// Cores that a group may have.
pub const MAX_CORES: usize = 32;
/// Ports that a group may have.
pub const MAX_PORTS: usize = 16;
/// Member slots: master, standby or keeper, and room for those that are on their way out or in.
pub const MEMBERS: usize = 4;

/// Version of this layout; stands in word [`LAYOUT`].
pub(super) const VERSION: u64 = 2;

pub(super) const LAYOUT: usize = 0;
pub(super) const CLOCK_BASE: usize = 1;
pub(super) const WALL: usize = 2;
pub(super) const CORES: usize = 3;
pub(super) const SEED: usize = 4;
pub(super) const VARIABLES: usize = 5;
pub(super) const GATEWAY: usize = 6;
pub(super) const PARENT: usize = 7;

pub(super) const EPOCH: usize = 8;
pub(super) const ACTIVE: usize = 9;
pub(super) const COMMITTED: usize = 10;
pub(super) const REQUESTED: usize = 11;
pub(super) const FAILURES: usize = 12;
pub(super) const FAILED_OVER: usize = 13;
pub(super) const ENDED: usize = 14;
pub(super) const ANSWERED: usize = 15;

pub(super) const FLIPPED: usize = 16;
pub(super) const ASKED: usize = 24;
pub(super) const FAILOVER: usize = 25;
pub(super) const STOP: usize = 26;
// What it says: the group is to end, or to run again what was recorded and then end.
pub(super) const TO_END: u64 = 1;
pub(super) const TO_RUN_AGAIN: u64 = 2;
pub(super) const CONTROLS: usize = 27;

pub(super) const RESUMED: usize = 32;

pub(super) const EPOCHS: usize = 64;
pub(super) const EPOCH_HEAD: usize = 16;
pub(super) const EPOCH_CORE: usize = 4;
pub(super) const EPOCH_WORDS: usize = EPOCH_HEAD + EPOCH_CORE * MAX_CORES;

pub(super) const MEMBER0: usize = EPOCHS + 2 * EPOCH_WORDS;
pub(super) const MEMBER_WORDS: usize = 16;

pub(super) const RELEASED: usize = MEMBER0 + MEMBERS * MEMBER_WORDS;
pub(super) const RELEASED_WORDS: usize = 8;

pub(super) const BELLS: usize = RELEASED + MAX_CORES * RELEASED_WORDS;

pub(super) const STATS: usize = BELLS + 8 * (MAX_CORES + 1 + MEMBERS + 1);
pub(super) const CORE_STATS: usize = STATS + 64;
pub(super) const CORE_STATS_WORDS: usize = 16;

/// Number of flips so far; the ring of their pauses follows a cache line later.
pub(super) const FLIPS: usize = CORE_STATS + MAX_CORES * CORE_STATS_WORDS;
pub(super) const FLIP_RING: usize = 4096;

pub(super) const TAKEOVERS: usize = FLIPS + 8 + FLIP_RING;
pub(super) const TAKEOVER_WORDS: usize = 8;
pub(super) const TAKEOVER_RING: usize = 64;

pub(super) const PORT_STATS: usize = TAKEOVERS + TAKEOVER_RING * TAKEOVER_WORDS;
pub(super) const PORT_STATS_WORDS: usize = 16;

pub(super) const DELAYS: usize = PORT_STATS + MAX_PORTS * PORT_STATS_WORDS;
pub(super) const DELAY_WORDS: usize = 96;

/// Words of the whole record.
pub(super) const WORDS: usize = DELAYS + MAX_CORES * DELAY_WORDS;

const _: () = assert!(RESUMED + MAX_PORTS <= EPOCHS && CONTROLS < RESUMED);
const _: () = assert!(MEMBER0 == 352 && RELEASED == 416 && BELLS == 672 && STATS == 976 && CORE_STATS == 1040);
const _: () = assert!(DELAYS.is_multiple_of(8) && DELAY_WORDS.is_multiple_of(8));
const _: () = assert!(BELLS.is_multiple_of(8) && RELEASED.is_multiple_of(8) && MEMBER0.is_multiple_of(8));
const _: () = assert!(PortStat::ALL.len() <= PORT_STATS_WORDS);
