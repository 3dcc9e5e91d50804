//! A journal's figures. Invariant: nothing is said of a journal that there is not; one that is suspended is said so first.

use ftmb_netio::group_record::{GroupRecord, Stat};
use serde::Serialize;

use crate::cli::table::{bytes, count, ns};

/// What a group has written to its journal.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::cli) struct JournalFigures {
    pub(in crate::cli) batches: u64,
    pub(in crate::cli) bytes: u64,
    /// How long the last group commit took.
    pub(in crate::cli) last_commit_ns: u64,
    pub(in crate::cli) suspensions: u64,
    pub(in crate::cli) suspended: bool,
}

impl JournalFigures {
    /// Of a group that has a journal.
    pub(in crate::cli) fn of(record: &GroupRecord) -> Option<JournalFigures> {
        let figures = JournalFigures {
            batches: record.stat(Stat::JournalBatches),
            bytes: record.stat(Stat::JournalBytes),
            last_commit_ns: record.stat(Stat::JournalCommit),
            suspensions: record.stat(Stat::JournalSuspensions),
            suspended: record.stat(Stat::JournalSuspended) != 0,
        };
        (figures.batches != 0 || figures.suspensions != 0).then_some(figures)
    }

    /// For people.
    pub(in crate::cli) fn line(&self) -> String {
        let suspended = if self.suspended {
            "THE JOURNAL IS SUSPENDED: what leaves now would not survive a power loss; "
        } else {
            "journal: "
        };
        format!(
            "{suspended}{} batches, {}, the last one took {}; suspended {} times\n",
            count(self.batches),
            bytes(self.bytes),
            ns(self.last_commit_ns),
            count(self.suspensions),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_netio::group_record::Birth;

    #[test]
    fn a_suspended_journal_is_said_in_capitals_and_no_journal_is_not_mentioned() {
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        assert!(JournalFigures::of(&record).is_none());
        record.set_stat(Stat::JournalBatches, 12);
        let line = JournalFigures::of(&record).expect("a journal").line();
        assert!(line.starts_with("journal: 12 batches, "), "{line}");
        record.set_stat(Stat::JournalSuspensions, 1);
        record.set_stat(Stat::JournalSuspended, 1);
        let figures = JournalFigures::of(&record).expect("a journal");
        assert!(figures.suspended && figures.line().starts_with("THE JOURNAL IS SUSPENDED"), "{}", figures.line());
    }
}
