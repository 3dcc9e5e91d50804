//! What a port counts. Invariant: a frame that came to a port or was sent to it is counted once, by what became of it there.

/// One figure of a port.
///
/// ```
/// use ftmb_netio::port::{PortStat, PortStatistics};
/// let mut counted = PortStatistics::default();
/// counted.add(PortStat::LinkDown, 2);
/// assert_eq!(counted.get(PortStat::LinkDown), 2);
/// assert_eq!(PortStat::LinkDown.name(), "link_down");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum PortStat {
    /// Frames handed in.
    Received = 0,
    /// Frames that the outside has taken.
    Sent = 1,
    /// Frames that the kernel dropped before they were received, because nobody took them fast enough.
    DroppedByKernel = 2,
    /// Frames not sent because the interface was down.
    LinkDown = 3,
    /// Frames not sent because a queue behind the port stayed full.
    QueueFull = 4,
    /// Frames dropped, on either way, because they are longer than the interface or a group takes.
    TooLong = 5,
    /// Frames dropped, on either way, because their sender left work for the interface and this port cannot pass it on.
    Unfinished = 6,
    /// What came in and is no frame.
    Malformed = 7,
    /// Frames that the kernel refused to send for another reason.
    Refused = 8,
    /// What came in by a tunnel for another network than the port's.
    OtherNetwork = 9,
    /// What came in by a tunnel from another host than its other end.
    Stranger = 10,
}

impl PortStat {
    /// All figures, in the order of their numbers.
    pub const ALL: [PortStat; 11] = {
        use PortStat::*;
        [
            Received,
            Sent,
            DroppedByKernel,
            LinkDown,
            QueueFull,
            TooLong,
            Unfinished,
            Malformed,
            Refused,
            OtherNetwork,
            Stranger,
        ]
    };

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            PortStat::Received => "received",
            PortStat::Sent => "sent",
            PortStat::DroppedByKernel => "dropped_by_kernel",
            PortStat::LinkDown => "link_down",
            PortStat::QueueFull => "queue_full",
            PortStat::TooLong => "too_long",
            PortStat::Unfinished => "unfinished",
            PortStat::Malformed => "malformed",
            PortStat::Refused => "refused",
            PortStat::OtherNetwork => "other_network",
            PortStat::Stranger => "stranger",
        }
    }
}

/// The figures of a port since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortStatistics([u64; PortStat::ALL.len()]);

impl PortStatistics {
    /// A figure.
    pub fn get(&self, stat: PortStat) -> u64 {
        self.0[stat as usize]
    }

    /// Adds to a figure.
    pub fn add(&mut self, stat: PortStat, more: u64) {
        self.0[stat as usize] += more;
    }

    /// Frames that were lost here, one way or another.
    pub fn lost(&self) -> u64 {
        self.0[PortStat::DroppedByKernel as usize..].iter().sum()
    }
}
