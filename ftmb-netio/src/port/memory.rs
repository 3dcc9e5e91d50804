//! Memory ports: two logs between the parent process and the gateway, for demo, tests and benches. Invariant: a frame stays in
//! `port.in` until it is stamped, and what was flushed into `port.out` outlives the gateway; so nothing is lost, and the one
//! burst that a restarted gateway may send again is recognised by core and ordinal.
//!
//! ```text
//! parent ── MemoryPeer::send ──▶ port.in  ── receive ──▶ gateway      source position = position of the frame + 1
//! parent ◀─ MemoryPeer::receive ─ port.out ◀── send ──── gateway      with source, arrival, core, ordinal
//! ```

use ftmb_runtime::frame::{KIND_CONTROL, KIND_PACKET, PORT_HEADER, PortHeader, split_port};
use ftmb_runtime::log::{FrameReader, FrameWriter, Log};
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use zerocopy::IntoBytes;

use super::{Port, PortError, Received, Sent};
use crate::group_record::{GroupRecord, MAX_CORES};

/// The gateway's end: one object for all memory ports of a group.
///
/// ```
/// use ftmb_netio::group_dir::{GroupLogs, LogSizes};
/// use ftmb_netio::group_record::{Birth, GroupRecord};
/// use ftmb_netio::port::memory::{MemoryPeer, MemoryPort};
/// use ftmb_netio::port::{Port, Sent};
/// use ftmb_runtime::offload::Offload;
/// use ftmb_runtime::packet::PortId;
/// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
/// let [incoming, outgoing] = GroupLogs::anonymous(1, LogSizes::smallest(), 0)?.ports.expect("with ports");
/// let mut peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing)?;
/// let mut port = MemoryPort::attach(record, &incoming, &outgoing)?;
///
/// let source = peer.send(PortId(3), b"ping").expect("room");
/// peer.flush();
/// port.receive(0, 32, &mut |frame| (frame.port, frame.source, frame.bytes) == (PortId(3), source, b"ping"))?;
/// port.send(&Sent { port: PortId(1), core: 0, ordinal: 1, source, arrival: 7, offload: Offload::default(), bytes: b"pong" })?;
/// port.flush()?;
/// let mut seen = Vec::new();
/// peer.receive(32, |frame| seen.push((frame.source, frame.bytes.to_vec())))?;
/// assert_eq!(seen, [(source, b"pong".to_vec())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryPort {
    record: GroupRecord,
    input: FrameReader,
    output: FrameWriter,
}

impl MemoryPort {
    /// Attaches to `port.in` and `port.out`; follow with [`Port::resume`] after a restart.
    ///
    /// # Errors
    /// [`PortError::Log`] if `port.out` is damaged.
    pub fn attach(record: GroupRecord, port_in: &Log, port_out: &Log) -> Result<MemoryPort, PortError> {
        Ok(MemoryPort { record, input: port_in.reader(port_in.trimmed()), output: port_out.writer()? })
    }

    fn append(&mut self, kind: u8, frame: &Sent<'_>, bytes: &[u8]) -> Result<bool, PortError> {
        let header = PortHeader {
            source: frame.source.into(),
            arrival: frame.arrival.into(),
            ordinal: frame.ordinal.into(),
            core: frame.core.into(),
            port: frame.port.0.into(),
            offload: frame.offload.to_bytes(),
            ..PortHeader::default()
        };
        let sent = self.output.append(kind, 0, &[header.as_bytes(), bytes]).is_some();
        if !sent {
            // Whoever is to make room must see what is there.
            self.flush()?;
        }
        Ok(sent)
    }
}

impl Port for MemoryPort {
    fn receive(
        &mut self,
        _now_ns: u64,
        limit: usize,
        take: &mut dyn FnMut(Received<'_>) -> bool,
    ) -> Result<usize, PortError> {
        for taken in 0..limit {
            let Some(frame) = self.input.peek()? else { return Ok(taken) };
            let next = frame.next;
            if let Some((header, bytes)) = split_port(frame.payload) {
                let received = Received {
                    port: PortId(header.port.get()),
                    source: frame.position + 1,
                    offload: Offload::from_bytes(header.offload),
                    bytes,
                };
                if !take(received) {
                    return Ok(taken);
                }
            }
            self.input.seek(next);
        }
        Ok(limit)
    }

    fn send(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        self.append(KIND_PACKET, frame, frame.bytes)
    }

    fn answered(&mut self, frame: &Sent<'_>) -> Result<bool, PortError> {
        self.append(KIND_CONTROL, frame, &[])
    }

    fn flush(&mut self) -> Result<(), PortError> {
        self.output.publish();
        self.record.parent_bell().ring();
        Ok(())
    }

    fn keeps(&self) -> bool {
        true
    }

    fn stamped(&mut self, source: u64) {
        // The frame before `source` starts at `source - 2` or earlier; it stays, so that the log is trimmed to a frame.
        let to = source.saturating_sub(2).min(self.input.position());
        if to > self.input.log().trimmed() {
            self.input.log().trim(to);
            self.record.parent_bell().ring();
        }
    }

    fn resume(&mut self, source: u64) -> Result<(), PortError> {
        self.input.seek(self.input.log().trimmed());
        while let Some(frame) = self.input.peek()? {
            if frame.position + 1 >= source {
                break;
            }
            let next = frame.next;
            self.input.seek(next);
        }
        Ok(())
    }

    fn exhausted(&self) -> bool {
        false
    }

    fn next_due(&self) -> Option<u64> {
        None
    }
}

/// A frame that the group released.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    /// The port it left by.
    pub port: PortId,
    /// The core that produced it.
    pub core: u32,
    /// Its number among the outputs of that core.
    pub ordinal: u64,
    /// What [`MemoryPeer::send`] returned for the input it stems from.
    pub source: u64,
    /// Arrival of that input, ns since the group was created.
    pub arrival: u64,
    /// It came before: a gateway died between sending and recording it (protocol, I2).
    pub repeated: bool,
    /// No frame: this output of the core was the answer to a control request, and left elsewhere.
    pub answer: bool,
    /// What is left for an interface to do.
    pub offload: Offload,
    /// The frame.
    pub bytes: &'a [u8],
}

/// The parent's end.
///
/// See [`MemoryPort`] for an example.
#[derive(Debug)]
pub struct MemoryPeer {
    record: GroupRecord,
    input: FrameWriter,
    output: FrameReader,
    last: [u64; MAX_CORES],
}

impl MemoryPeer {
    /// Attaches to `port.in` and `port.out`.
    ///
    /// # Errors
    /// [`PortError::Log`] if `port.in` is damaged.
    pub fn attach(record: GroupRecord, port_in: &Log, port_out: &Log) -> Result<MemoryPeer, PortError> {
        let output = port_out.reader(port_out.trimmed());
        Ok(MemoryPeer { record, input: port_in.writer()?, output, last: [0; MAX_CORES] })
    }

    /// Sends a frame to a port and returns its source position; `None` if there is no room now. Seen by the gateway after
    /// [`MemoryPeer::flush`].
    ///
    /// # Panics
    /// If the frame is longer than the largest packet.
    pub fn send(&mut self, port: PortId, bytes: &[u8]) -> Option<u64> {
        self.send_with(port, bytes, Offload::default())
    }

    /// As [`MemoryPeer::send`], of a frame that a network stack has not completed.
    ///
    /// # Panics
    /// As [`MemoryPeer::send`].
    pub fn send_with(&mut self, port: PortId, bytes: &[u8], offload: Offload) -> Option<u64> {
        assert!(bytes.len() <= super::MAX_FRAME, "a frame has at most {} bytes, not {}", super::MAX_FRAME, bytes.len());
        let header = PortHeader { port: port.0.into(), offload: offload.to_bytes(), ..PortHeader::default() };
        self.input.append(KIND_PACKET, 0, &[header.as_bytes(), bytes]).map(|position| position + 1)
    }

    /// Bytes that [`MemoryPeer::send`] can take now; a frame takes 56 more than it has, rounded up to 8.
    pub fn room(&mut self) -> u64 {
        self.input.room()
    }

    /// Shows the gateway what was sent.
    pub fn flush(&mut self) {
        self.input.publish();
        self.record.gateway_bell().ring();
    }

    /// Hands out up to `limit` released frames and makes room behind them; returns how many.
    ///
    /// # Errors
    /// [`PortError::Log`] if `port.out` is damaged.
    pub fn receive(&mut self, limit: usize, mut take: impl FnMut(Delivered<'_>)) -> Result<usize, PortError> {
        let mut taken = 0;
        while taken < limit {
            let Some(frame) = self.output.next()? else { break };
            taken += 1;
            let Some((header, bytes)) = split_port(frame.payload) else { continue };
            let (core, ordinal) = (header.core.get(), header.ordinal.get());
            let last = &mut self.last[core as usize % MAX_CORES];
            let repeated = ordinal <= *last;
            *last = ordinal.max(*last);
            take(Delivered {
                port: PortId(header.port.get()),
                core,
                ordinal,
                source: header.source.get(),
                arrival: header.arrival.get(),
                repeated,
                answer: frame.kind == KIND_CONTROL,
                offload: Offload::from_bytes(header.offload),
                bytes,
            });
        }
        if taken != 0 {
            self.output.log().trim(self.output.position());
            self.record.gateway_bell().ring();
        }
        Ok(taken)
    }

    /// Whether the gateway has released something that was not handed out.
    pub fn has_news(&self) -> bool {
        self.output.log().tail() > self.output.position()
    }
}

const _: () = assert!(PORT_HEADER + super::MAX_FRAME <= ftmb_runtime::log::MAX_PAYLOAD);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group_dir::{GroupLogs, LogSizes};
    use crate::group_record::Birth;
    use ftmb_runtime::offload::Checksum;

    fn pair() -> (GroupRecord, [Log; 2]) {
        let record = GroupRecord::anonymous(Birth::now(1, 0)).expect("memory");
        let logs = GroupLogs::anonymous(1, LogSizes::smallest(), 0).expect("memory");
        (record, logs.ports.expect("with ports"))
    }

    fn receive(port: &mut MemoryPort, limit: usize) -> Vec<u64> {
        let mut sources = Vec::new();
        let take = &mut |frame: Received<'_>| {
            sources.push(frame.source);
            true
        };
        port.receive(0, limit, take).expect("whole");
        sources
    }

    #[test]
    fn a_resumed_port_hands_out_what_was_not_stamped() {
        let (record, [incoming, outgoing]) = pair();
        let mut peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing).expect("whole");
        let sent: Vec<_> = (0..10).map(|i| peer.send(PortId(0), &[i; 50]).expect("room")).collect();
        peer.flush();
        let mut port = MemoryPort::attach(record.clone(), &incoming, &outgoing).expect("whole");
        assert_eq!(receive(&mut port, 6), sent[..6]);
        port.stamped(sent[3] + 1);
        drop(port);
        let mut port = MemoryPort::attach(record, &incoming, &outgoing).expect("whole");
        port.resume(sent[3] + 1).expect("kept");
        assert_eq!(receive(&mut port, 99), sent[4..]);
    }

    #[test]
    fn a_frame_that_is_not_taken_is_offered_again() {
        let (record, [incoming, outgoing]) = pair();
        let mut peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing).expect("whole");
        let sent = peer.send(PortId(0), b"x").expect("room");
        peer.flush();
        let mut port = MemoryPort::attach(record, &incoming, &outgoing).expect("whole");
        assert_eq!(port.receive(0, 5, &mut |_| false).expect("whole"), 0);
        assert_eq!(receive(&mut port, 5), [sent]);
    }

    #[test]
    fn what_a_killed_gateway_flushed_and_sends_again_is_marked() {
        let (record, [incoming, outgoing]) = pair();
        let mut peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing).expect("whole");
        let frame = |ordinal| Sent {
            port: PortId(0),
            core: 0,
            ordinal,
            source: 1,
            arrival: 1,
            offload: Offload::default(),
            bytes: b"x",
        };
        let mut port = MemoryPort::attach(record.clone(), &incoming, &outgoing).expect("whole");
        assert!(port.send(&frame(1)).expect("whole"));
        port.flush().expect("whole");
        assert!(port.send(&frame(2)).expect("whole"), "never flushed");
        drop(port);
        let mut port = MemoryPort::attach(record, &incoming, &outgoing).expect("whole");
        for ordinal in 1..=2 {
            assert!(port.send(&frame(ordinal)).expect("whole"));
        }
        port.flush().expect("whole");
        let mut seen = Vec::new();
        peer.receive(9, |frame| seen.push((frame.ordinal, frame.repeated))).expect("whole");
        assert_eq!(seen, [(1, false), (1, true), (2, false)]);
    }

    #[test]
    fn offload_metadata_travels_both_ways() {
        let (record, [incoming, outgoing]) = pair();
        let mut peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing).expect("whole");
        let mut port = MemoryPort::attach(record, &incoming, &outgoing).expect("whole");
        let offload = Offload::new(Checksum::Partial { start: 34, offset: 16 }, None);
        let source = peer.send_with(PortId(0), b"x", offload).expect("room");
        peer.flush();
        let mut seen = Vec::new();
        let taken = port.receive(0, 9, &mut |frame| {
            seen.push(frame.offload);
            true
        });
        assert_eq!((taken.expect("whole"), &seen[..]), (1, &[offload][..]));
        let back = Offload::new(Checksum::Verified, None);
        let sent = Sent { port: PortId(0), core: 0, ordinal: 1, source, arrival: 1, offload: back, bytes: b"y" };
        assert!(port.send(&sent).expect("whole"));
        port.flush().expect("whole");
        peer.receive(9, |frame| seen.push(frame.offload)).expect("whole");
        assert_eq!(seen, [offload, back]);
    }

    #[test]
    fn the_peer_is_told_of_an_output_that_left_elsewhere() {
        let (record, [incoming, outgoing]) = pair();
        let mut peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing).expect("whole");
        let mut port = MemoryPort::attach(record, &incoming, &outgoing).expect("whole");
        let frame = |ordinal| Sent {
            port: PortId(0),
            core: 0,
            ordinal,
            source: 1,
            arrival: 1,
            offload: Offload::default(),
            bytes: b"x",
        };
        assert!(port.send(&frame(1)).expect("whole") && port.answered(&frame(2)).expect("whole"));
        port.flush().expect("whole");
        let mut seen = Vec::new();
        peer.receive(9, |frame| seen.push((frame.ordinal, frame.answer, frame.bytes.len()))).expect("whole");
        assert_eq!(seen, [(1, false, 1), (2, true, 0)]);
    }

    #[test]
    fn a_full_port_takes_no_more_until_the_peer_has_read() {
        let (record, [incoming, outgoing]) = pair();
        let mut peer = MemoryPeer::attach(record.clone(), &incoming, &outgoing).expect("whole");
        let mut port = MemoryPort::attach(record, &incoming, &outgoing).expect("whole");
        let bytes = [0; 1000];
        let frame = Sent {
            port: PortId(0),
            core: 0,
            ordinal: 1,
            source: 1,
            arrival: 1,
            offload: Offload::default(),
            bytes: &bytes,
        };
        let mut sent = 0;
        while port.send(&frame).expect("whole") {
            sent += 1;
        }
        assert_eq!(peer.receive(usize::MAX, |_| ()).expect("whole"), sent, "flushed, so that there can be room again");
        assert!(port.send(&frame).expect("whole"));
    }
}
