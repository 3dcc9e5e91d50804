//! The input logger: stamps what arrives, picks its core, and appends it to that core's `in` log. Invariant: whoever kills it
//! wherever, its successor neither loses nor stamps twice what a port keeps; arrival times within a log never decrease; what is
//! stamped is never dropped.
//!
//! A port is resumed behind the last source position up to which every log is known to be published (group record). Behind
//! that, each log knows the last position *it* has of each port: frames up to there are skipped when they come again, which
//! works because classification depends on the frame alone.
//!
//! ```text
//! one batch:  take ... append ... | publish in.0, its marks, its bell | publish in.1, ... | record: port stamped up to | port
//!                                 ^ killed before: all comes again    ^ between: in.0 skips, in.1 stamps                 forgets
//! marks of an `in` log:  0..16 per port object, last source position   16 last arrival   17 last control request
//! ```

mod lane;

use ftmb_runtime::frame::{KIND_CONTROL, KIND_TICK, MAX_PACKET};

use crate::error::Error;
use crate::flow::{FlowHash, OwnHash};
use crate::group_dir::GroupLogs;
use crate::group_record::{CoreStat, GroupRecord, MAX_PORTS, Stat};
use crate::port::{Port, Received};
use lane::{Appended, Lane};

pub(crate) use lane::{ARRIVAL, CONTROL, MARKS};

/// Stamps inputs. One thread owns it.
///
/// ```
/// use ftmb_netio::group_dir::{GroupLogs, LogSizes};
/// use ftmb_netio::group_record::{Birth, GroupRecord};
/// use ftmb_netio::input_logger::InputLogger;
/// use ftmb_netio::port::Received;
/// use ftmb_runtime::offload::Offload;
/// use ftmb_runtime::packet::PortId;
/// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
/// let logs = GroupLogs::anonymous(1, LogSizes::smallest(), 0)?;
/// let mut logger = InputLogger::attach(record, &logs, &[vec![PortId(0)]])?; // one port object that serves port 0
/// logger.begin_batch();
/// assert!(logger.take(0, true, Received { port: PortId(0), source: 1, offload: Offload::default(), bytes: b"frame" }));
/// assert_eq!(logs.input[0].tail(), 0, "not yet published");
/// logger.publish();
/// assert!(logs.input[0].tail() > 0);
/// assert_eq!(logger.resume_at(0, true), 2);
/// # Ok::<(), ftmb_netio::Error>(())
/// ```
#[derive(Debug)]
pub struct InputLogger {
    record: GroupRecord,
    lanes: Vec<Lane>,
    hash: FlowHash,
    wall: i64,
    arrival: u64,
    /// Per port object: last source position taken, and whether it is in the group record.
    taken: [u64; MAX_PORTS],
    recorded: [u64; MAX_PORTS],
    objects: usize,
    full: bool,
    next_tick: u64,
    #[cfg(test)]
    steps_to_live: Option<u32>,
}

impl InputLogger {
    /// Continues where the logs end. `objects`: for each port object (in the order of the configuration, which a restart must
    /// keep), the ports that it serves.
    ///
    /// # Errors
    /// [`Error::Log`] for damaged logs, [`Error::Ports`] for too many ports.
    pub fn attach(
        record: GroupRecord,
        logs: &GroupLogs,
        objects: &[Vec<ftmb_runtime::packet::PortId>],
    ) -> Result<InputLogger, Error> {
        let mut object_of = [u8::MAX; MAX_PORTS];
        for (object, ports) in objects.iter().enumerate() {
            for port in ports {
                let slot = object_of.get_mut(usize::from(port.0));
                *slot.ok_or(Error::Ports { expected: "port ids below 16", found: port.0.into() })? = object as u8;
            }
        }
        if objects.len() > MAX_PORTS {
            return Err(Error::Ports { expected: "at most 16 port objects", found: objects.len() });
        }
        let lanes: Vec<_> = logs.input.iter().map(|log| Lane::attach(log, &object_of)).collect::<Result<_, _>>()?;
        let arrival = lanes.iter().map(Lane::arrival).max().unwrap_or(0);
        let taken = std::array::from_fn(|object| record.stamped(object));
        Ok(InputLogger {
            hash: FlowHash::new(record.birth().seed),
            wall: record.birth().wall,
            next_tick: arrival,
            arrival,
            taken,
            recorded: taken,
            objects: objects.len(),
            full: false,
            lanes,
            record,
            #[cfg(test)]
            steps_to_live: None,
        })
    }

    /// Asks a middlebox for a frame's flow before its own hash is taken. The successor of a gateway must say the same.
    #[must_use]
    pub fn with_flow_hash(self, own: OwnHash) -> InputLogger {
        InputLogger { hash: self.hash.with_own(own), ..self }
    }

    /// Where port object `object` must be resumed. If it keeps its frames: behind what is known to be stamped in all logs. If it
    /// does not, its positions merely count, and the next frame must have one that no log knows.
    pub fn resume_at(&self, object: usize, keeps: bool) -> u64 {
        let stamped = self.record.stamped(object);
        let last = self.lanes.iter().map(|lane| lane.last(object)).max().unwrap_or(0);
        if keeps { stamped + 1 } else { stamped.max(last) + 1 }
    }

    /// Starts a batch: reads the clock, once.
    pub fn begin_batch(&mut self) {
        self.arrival = self.arrival.max(self.record.now());
    }

    /// Takes one frame of port object `object` into its core's log. False: that log is full and the port keeps the frame, offer
    /// it again later. A frame of a port that does not keep it is dropped then, and counted.
    #[inline]
    pub fn take(&mut self, object: usize, keeps: bool, frame: Received<'_>) -> bool {
        if frame.bytes.len() > MAX_PACKET {
            self.record.add_stat(Stat::Oversized, 1);
            self.taken[object] = frame.source;
            return true;
        }
        let hash = self.hash.pick(frame.port, frame.bytes);
        let core = FlowHash::core(hash, self.lanes.len());
        let lane = &mut self.lanes[core];
        match lane.append(object, &frame, self.arrival, self.wall, hash) {
            Appended::Done => {}
            Appended::Early => self.publish_early(),
            Appended::Full => {
                self.full = true;
                if keeps {
                    return false;
                }
                self.record.add_stat(Stat::DroppedAtDoor, 1);
            }
        }
        self.taken[object] = frame.source;
        true
    }

    /// Takes up to `limit` frames of a port, as one batch; publishes nothing.
    ///
    /// # Errors
    /// [`Error::Port`].
    pub fn receive(&mut self, object: usize, port: &mut dyn Port, limit: usize) -> Result<usize, Error> {
        let keeps = port.keeps();
        self.begin_batch();
        let now = self.arrival;
        Ok(port.receive(now, limit, &mut |frame| self.take(object, keeps, frame))?)
    }

    /// Makes the batch visible to the cores, wakes them, and records what is stamped. Returns whether there was anything.
    pub fn publish(&mut self) -> bool {
        let mut published = false;
        for core in 0..self.lanes.len() {
            published |= self.publish_lane(core);
        }
        for object in 0..self.objects {
            if self.recorded[object] != self.taken[object] && self.step() {
                self.record.set_stamped(object, self.taken[object]);
                self.recorded[object] = self.taken[object];
            }
        }
        published
    }

    /// Everything of port object `object` up to this source position is published.
    pub fn stamped(&self, object: usize) -> u64 {
        self.recorded[object]
    }

    #[cold]
    fn publish_early(&mut self) {
        for core in 0..self.lanes.len() {
            self.publish_lane(core);
        }
    }

    fn publish_lane(&mut self, core: usize) -> bool {
        if !self.lanes[core].is_dirty() || !self.step() {
            return false;
        }
        let (packets, bytes) = self.lanes[core].publish();
        self.record.core_bell(core).ring();
        if self.step() {
            self.lanes[core].set_marks();
        }
        self.record.add_core_stat(core, CoreStat::Stamped, packets);
        self.record.add_core_stat(core, CoreStat::StampedBytes, bytes);
        true
    }

    /// Writes one tick into every core's log if `interval` ns have passed since the last one; returns whether it did. A log
    /// without room gets none: its core has enough to do. Publish afterwards.
    pub fn tick(&mut self, interval: u64) -> bool {
        let now = self.record.now();
        if now < self.next_tick {
            return false;
        }
        // A period that was missed (no gateway, a takeover) is not made up for.
        self.next_tick = now + interval;
        self.arrival = self.arrival.max(now);
        for lane in &mut self.lanes {
            lane.append_plain(KIND_TICK, 0, &[], self.arrival, self.wall);
        }
        self.record.add_stat(Stat::Ticks, 1);
        true
    }

    /// When the next tick is due, ns since the group was created.
    pub fn next_tick(&self) -> u64 {
        self.next_tick
    }

    /// Writes a control request into core 0's log; false if there is no room, ask again. Publish afterwards. Requests are
    /// numbered upwards: one that is in the log already is not written again.
    ///
    /// # Panics
    /// If the request is longer than the largest packet.
    pub fn control(&mut self, id: u64, request: &[u8]) -> bool {
        assert!(request.len() <= MAX_PACKET, "a control request has at most {MAX_PACKET} bytes");
        if id <= self.controlled() {
            return true;
        }
        self.begin_batch();
        let taken = self.lanes[0].append_plain(KIND_CONTROL, id, request, self.arrival, self.wall);
        if taken {
            self.record.add_stat(Stat::Controls, 1);
        }
        self.full |= !taken;
        taken
    }

    /// The number of the last control request in the log, published or not; 0 if there was none.
    pub fn controlled(&self) -> u64 {
        self.lanes[0].controlled()
    }

    /// Whether a log was full since this was last asked: time for a checkpoint.
    pub fn was_full(&mut self) -> bool {
        std::mem::take(&mut self.full)
    }

    /// In tests, the logger dies after so many steps: nothing it does afterwards has an effect.
    #[cfg(test)]
    fn step(&mut self) -> bool {
        match &mut self.steps_to_live {
            Some(0) => false,
            Some(steps) => {
                *steps -= 1;
                true
            }
            None => true,
        }
    }

    #[cfg(not(test))]
    #[inline]
    fn step(&mut self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
