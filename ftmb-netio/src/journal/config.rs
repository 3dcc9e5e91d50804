//! What a journal is told. Invariant: every choice is an enum with the name that the configuration uses.

use std::path::PathBuf;
use std::time::Duration;

/// What is forced to the disk, and who waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Written, never forced: for replaying a run later. What is left after a power loss is up to the file system.
    None,
    /// Forced; outputs do not wait. After a power loss the group goes on from the last batch that is on the disk, and what left
    /// behind that may be contradicted.
    #[default]
    Async,
    /// Outputs wait until everything that they depend on is on the disk.
    Sync,
}

/// What happens when the disk does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenSlow {
    /// The group waits: logs fill, and the input logger pushes back.
    #[default]
    Wait,
    /// The group goes on without a journal, says so, and begins a new one when it can.
    Suspend,
}

/// What happens when the disk is full or fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// The group goes on without a journal, says so, and begins a new one when it can.
    #[default]
    Suspend,
    /// The group ends with an error.
    Stop,
}

/// Settings of a journal.
///
/// ```
/// use ftmb_netio::journal::{Durability, JournalConfig};
/// let config = JournalConfig { durability: Durability::Sync, ..JournalConfig::new("/var/lib/nat/journal") };
/// assert!(config.keep >= config.segment);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JournalConfig {
    /// Where it is; made if it is not there. One group at a time writes it.
    pub directory: PathBuf,
    /// Who waits for the disk.
    #[serde(default)]
    pub durability: Durability,
    /// When the disk does not keep up.
    #[serde(default)]
    pub when_slow: WhenSlow,
    /// When the disk is full or fails.
    #[serde(default)]
    pub when_full: WhenFull,
    /// Bytes of each segment file: a multiple of 4096, at least [`JournalConfig::MIN_SEGMENT`].
    #[serde(default = "default_segment")]
    pub segment: u64,
    /// Bytes to keep beyond what recovery needs, for replaying; the oldest goes first.
    #[serde(default = "default_keep")]
    pub keep: u64,
    /// With [`WhenSlow::Suspend`]: a batch that takes the disk longer than this suspends the journal.
    #[serde(default = "default_slow")]
    pub slow_after: Duration,
}

fn default_segment() -> u64 {
    64 << 20
}

fn default_keep() -> u64 {
    1 << 30
}

fn default_slow() -> Duration {
    Duration::from_secs(1)
}

impl JournalConfig {
    /// The smallest segment, bytes: a few of the largest batches.
    pub const MIN_SEGMENT: u64 = 4 << 20;

    /// With defaults for everything else.
    pub fn new(directory: impl Into<PathBuf>) -> JournalConfig {
        JournalConfig {
            directory: directory.into(),
            durability: Durability::default(),
            when_slow: WhenSlow::default(),
            when_full: WhenFull::default(),
            segment: default_segment(),
            keep: default_keep(),
            slow_after: default_slow(),
        }
    }
}
