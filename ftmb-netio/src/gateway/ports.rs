//! The ports of a group as the output logger's outlet. Invariant: a port object serves fixed ids, in an order that a restart
//! keeps; what is flushed was sent by whoever sent since the last flush.

use std::os::fd::BorrowedFd;

use ftmb_runtime::frame::{KIND_CONTROL_ERROR, KIND_PACKET};
use ftmb_runtime::packet::PortId;
use tracing::debug;

use crate::error::Error;
use crate::group_record::{GroupRecord, MAX_PORTS, Stat};
use crate::output_logger::{Outlet, Output};
use crate::port::{Port, PortError, PortStat, PortStatistics};

/// The reply to a control request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The request's id.
    pub id: u64,
    /// What the middlebox returned; `Err`: it refused, and says why.
    pub result: Result<&'a [u8], &'a [u8]>,
}

type Replies = Box<dyn FnMut(Reply<'_>) + Send>;

/// All ports of a group.
///
/// ```
/// use ftmb_netio::gateway::PortSet;
/// use ftmb_netio::group_dir::{GroupLogs, LogSizes};
/// use ftmb_netio::group_record::{Birth, GroupRecord};
/// use ftmb_netio::port::memory::MemoryPort;
/// use ftmb_runtime::packet::PortId;
/// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
/// let [incoming, outgoing] = GroupLogs::anonymous(1, LogSizes::smallest(), 0)?.ports.expect("with ports");
/// let mut ports = PortSet::new(record.clone());
/// ports.add(vec![PortId(0), PortId(1)], Box::new(MemoryPort::attach(record, &incoming, &outgoing)?))?;
/// assert_eq!(ports.ids(), [[PortId(0), PortId(1)]]);
/// # Ok::<(), ftmb_netio::Error>(())
/// ```
pub struct PortSet {
    record: GroupRecord,
    objects: Vec<Object>,
    object_of: [Option<u8>; MAX_PORTS],
    replies: Option<Replies>,
}

#[derive(Debug)]
struct Object {
    ids: Vec<PortId>,
    port: Box<dyn Port>,
    dirty: bool,
    counted: PortStatistics,
}

impl std::fmt::Debug for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PortSet").field("objects", &self.objects).finish_non_exhaustive()
    }
}

impl PortSet {
    /// No ports yet.
    pub fn new(record: GroupRecord) -> PortSet {
        PortSet { record, objects: Vec::new(), object_of: [None; MAX_PORTS], replies: None }
    }

    /// Adds a port object that serves `ids`. Add them in the same order after a restart.
    ///
    /// # Errors
    /// [`Error::Ports`] for an id that is taken or too high.
    pub fn add(&mut self, ids: Vec<PortId>, port: Box<dyn Port>) -> Result<(), Error> {
        for id in &ids {
            match self.object_of.get_mut(usize::from(id.0)) {
                Some(slot @ None) => *slot = Some(self.objects.len() as u8),
                _ => return Err(Error::Ports { expected: "port ids below 16, each once", found: id.0.into() }),
            }
        }
        self.objects.push(Object { ids, port, dirty: false, counted: PortStatistics::default() });
        Ok(())
    }

    /// Where replies to control requests go; without it they are dropped. The gateway sets it.
    pub(super) fn set_replies(&mut self, replies: impl FnMut(Reply<'_>) + Send + 'static) {
        self.replies = Some(Box::new(replies));
    }

    /// The ids of each port object.
    pub fn ids(&self) -> Vec<Vec<PortId>> {
        self.objects.iter().map(|object| object.ids.clone()).collect()
    }

    /// How many port objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    pub(super) fn port(&mut self, object: usize) -> &mut dyn Port {
        &mut *self.objects[object].port
    }

    pub(super) fn are_exhausted(&self) -> bool {
        !self.objects.is_empty() && self.objects.iter().all(|object| object.port.exhausted())
    }

    pub(super) fn resume(&mut self, at: impl Fn(usize, bool) -> u64) -> Result<(), Error> {
        for (index, object) in self.objects.iter_mut().enumerate() {
            let keeps = object.port.keeps();
            object.port.resume(at(index, keeps))?;
        }
        Ok(())
    }

    /// What becomes readable when frames come.
    pub(super) fn wake_by(&self) -> Vec<BorrowedFd<'_>> {
        self.objects.iter().filter_map(|object| object.port.wakes_by()).collect()
    }

    /// Writes into the record what the ports have counted since the last time.
    pub(super) fn count(&mut self) {
        for (index, object) in self.objects.iter_mut().enumerate() {
            let now = object.port.statistics();
            for stat in PortStat::ALL {
                let more = now.get(stat) - object.counted.get(stat);
                if more > 0 {
                    self.record.add_port_stat(index, stat, more);
                }
            }
            object.counted = now;
        }
    }

    fn drop_output(&self, output: &Output<'_>, why: &dyn std::fmt::Display) -> Result<bool, Error> {
        let (port, core, ordinal) = (output.sent.port.0, output.sent.core, output.sent.ordinal);
        // One by one only for those who ask; the operator is told how many.
        debug!(port, core, ordinal, %why, "an output cannot leave and is dropped");
        self.record.add_stat(Stat::SendErrors, 1);
        Ok(true)
    }
}

impl Outlet for PortSet {
    fn send(&mut self, output: &Output<'_>) -> Result<bool, Error> {
        if output.kind != KIND_PACKET {
            for object in &mut self.objects {
                if !object.port.answered(&output.sent)? {
                    return Ok(false);
                }
                object.dirty = true;
            }
            let bytes = output.sent.bytes;
            let result = if output.kind == KIND_CONTROL_ERROR { Err(bytes) } else { Ok(bytes) };
            if let Some(replies) = &mut self.replies {
                replies(Reply { id: output.sent.source, result });
            }
            return Ok(true);
        }
        let object = self.object_of.get(usize::from(output.sent.port.0)).copied().flatten();
        let Some(object) = object.map(|index| &mut self.objects[usize::from(index)]) else {
            return self.drop_output(output, &"there is no such port");
        };
        match object.port.send(&output.sent) {
            Ok(sent) => {
                object.dirty |= sent;
                Ok(sent)
            }
            Err(error @ PortError::FrameTooLong { .. }) => self.drop_output(output, &error),
            Err(error) => Err(error.into()),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        for object in self.objects.iter_mut().filter(|object| object.dirty) {
            object.port.flush()?;
            object.dirty = false;
        }
        Ok(())
    }
}
