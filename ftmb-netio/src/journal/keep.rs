//! What is kept, and what is removed. Invariant: a file is removed only when recovery needs it no more and what recovery needs
//! instead is on the disk.

use super::config::JournalConfig;
use super::run::Run;

/// Looks after the files of a journal while it is written.
#[derive(Debug, Default)]
pub(super) struct Keeping;

impl Keeping {
    /// A batch was written; `next_segment` is the number of the first segment that is not there yet.
    pub(super) fn look(&mut self, _config: &JournalConfig, _run: &Run, _next_segment: u64, _usable: bool) {}
}
