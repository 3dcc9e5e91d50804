//! A journal in `status`. Invariant: nothing is said of a journal that there is not; one that is suspended is said so first.

use ftmb_netio::group_record::{GroupRecord, Stat};
use serde_json::{Value, json};

use super::table::{bytes, count, ns};

fn is_there(record: &GroupRecord) -> bool {
    record.stat(Stat::JournalBatches) != 0 || record.stat(Stat::JournalSuspensions) != 0
}

/// One line, or none.
pub(super) fn line(record: &GroupRecord) -> String {
    if !is_there(record) {
        return String::new();
    }
    let suspended = if record.stat(Stat::JournalSuspended) != 0 {
        "THE JOURNAL IS SUSPENDED: what leaves now would not survive a power loss; "
    } else {
        "journal: "
    };
    format!(
        "{suspended}{} batches, {}, the last one took {}; suspended {} times\n",
        count(record.stat(Stat::JournalBatches)),
        bytes(record.stat(Stat::JournalBytes)),
        ns(record.stat(Stat::JournalCommit)),
        count(record.stat(Stat::JournalSuspensions)),
    )
}

/// The same for programs; null without a journal.
pub(super) fn json(record: &GroupRecord) -> Value {
    if !is_there(record) {
        return Value::Null;
    }
    json!({
        "batches": record.stat(Stat::JournalBatches),
        "bytes": record.stat(Stat::JournalBytes),
        "last_commit_ns": record.stat(Stat::JournalCommit),
        "suspensions": record.stat(Stat::JournalSuspensions),
        "suspended": record.stat(Stat::JournalSuspended) != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftmb_netio::group_record::Birth;

    #[test]
    fn a_suspended_journal_is_said_in_capitals_and_no_journal_is_not_mentioned() {
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        assert_eq!((line(&record), json(&record)), (String::new(), Value::Null));
        record.set_stat(Stat::JournalBatches, 12);
        assert!(line(&record).starts_with("journal: 12 batches, "), "{}", line(&record));
        record.set_stat(Stat::JournalSuspensions, 1);
        record.set_stat(Stat::JournalSuspended, 1);
        assert!(line(&record).starts_with("THE JOURNAL IS SUSPENDED"), "{}", line(&record));
        assert_eq!(json(&record)["suspended"], Value::Bool(true));
    }
}
