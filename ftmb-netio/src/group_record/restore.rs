//! A record for a group whose processes and memory are gone, made from what was kept elsewhere. Invariant: what it says is what a
//! record says whose master has just died in an active epoch; whoever attaches goes on from there.

use std::path::Path;

use ftmb_runtime::log::LogError;

use super::{Birth, CoreCut, EpochRecord, GroupRecord, MAX_PORTS, Released, layout, monotonic_ns, unix_ns};

/// What must be known of a group to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its birth; the clock's base is found anew.
    pub birth: Birth,
    /// The last active epoch.
    pub epoch: u64,
    /// Its set of `det` and `out` logs.
    pub set: usize,
    /// The committed checkpoint.
    pub committed: u64,
    /// Tracked variables.
    pub variables: usize,
    /// Per core, what has left.
    pub released: Vec<Released>,
    /// Per port object, up to where everything is stamped.
    pub stamped: [u64; MAX_PORTS],
    /// The last arrival that was stamped, ns.
    pub arrival: u64,
    /// The last control request that was stamped.
    pub controls: u64,
}

impl GroupRecord {
    /// Creates the record of a group that goes on from its past. Its clock goes on by the wall clock, so that the time without
    /// the group has passed for it too, and in no case falls behind the last arrival.
    ///
    /// ```
    /// use ftmb_netio::group_record::{Birth, GroupRecord, Past, Released};
    /// let dir = tempfile::tempdir()?;
    /// let past = Past {
    ///     birth: Birth::now(1, 7),
    ///     epoch: 3,
    ///     set: 1,
    ///     committed: 12,
    ///     variables: 2,
    ///     released: vec![Released { ordinal: 5, hash: 9, epoch: 3 }],
    ///     stamped: [0; 16],
    ///     arrival: u64::MAX / 4, // far ahead of this clock
    ///     controls: 0,
    /// };
    /// let record = GroupRecord::restore(&dir.path().join("group"), 77, &past)?;
    /// assert_eq!((record.active(), record.committed(), record.released(0).ordinal), (3, Some(12), 5));
    /// assert!(record.now() > past.arrival);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`GroupRecord::create`].
    ///
    /// # Panics
    /// If the numbers of cores do not agree, or there was no epoch.
    pub fn restore(path: &Path, fingerprint: u64, past: &Past) -> Result<GroupRecord, LogError> {
        assert!(past.epoch > 0 && past.released.len() == past.birth.cores, "an epoch, and one entry a core");
        let by_wall = u64::try_from(unix_ns().saturating_sub(past.birth.wall)).unwrap_or(0);
        let now = by_wall.max(past.arrival.saturating_add(1));
        let birth = Birth { clock_base: monotonic_ns().wrapping_sub(now), ..past.birth };
        GroupRecord::create_with(path, fingerprint, birth, |record| {
            let epoch = EpochRecord {
                number: past.epoch,
                set: past.set,
                cores: vec![CoreCut::default(); past.birth.cores],
                ..EpochRecord::default()
            };
            record.set(layout::EPOCH, past.epoch - 1);
            record.begin_epoch(&epoch);
            record.set_active(past.epoch);
            record.commit(past.committed);
            record.set_variables(past.variables);
            record.set_controls_asked(past.controls);
            for (core, &released) in past.released.iter().enumerate() {
                // What had left was of an epoch that was active, or older.
                record.set_released(core, Released { epoch: past.epoch, ..released });
            }
            for (port, &source) in past.stamped.iter().enumerate() {
                record.set_stamped(port, source);
            }
        })
    }
}
