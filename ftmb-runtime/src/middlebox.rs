//! What the user implements. Invariant: `process`, `tick` and `control` run as inputs, recorded and replayed; `report` does not.

use crate::context::Context;
use crate::packet::{Packet, PortId, Verdict};
use crate::sync::Shared;

/// A packet-processing program whose state all cores share.
///
/// ```
/// use ftmb_runtime::context::Context;
/// use ftmb_runtime::middlebox::Middlebox;
/// use ftmb_runtime::packet::{Packet, PortId, Verdict};
/// use ftmb_runtime::sync::{Mutex, Shared, Walker};
///
/// struct Sequencer { next: Mutex<u64> }
///
/// impl Shared for Sequencer { // #[ftmb::shared] writes this
///     fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
///         walker.field("next", &self.next);
///     }
/// }
///
/// impl Middlebox for Sequencer {
///     fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
///         let mut next = self.next.lock().unwrap();
///         let Some(stamp) = packet.bytes_mut().get_mut(..8) else { return Verdict::Drop };
///         stamp.copy_from_slice(&next.to_be_bytes());
///         *next += 1;
///         Verdict::Forward(PortId(1))
///     }
/// }
/// ```
pub trait Middlebox: Shared + Send + Sync + 'static {
    /// Processes one packet. Runs on the core that the packet's flow hash picked, concurrently with other cores.
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict;

    /// A flow's hash in place of the runtime's own, which is over addresses and ports of TCP and UDP (also in IPv6 and behind VLAN
    /// tags) and the same in both directions. Packets with the same hash are processed by the same core, in the order of their
    /// arrival; its upper bits pick the core. `None`: the runtime's own.
    ///
    /// Runs in the gateway, on the packet's way in: it must depend on nothing but port and frame, be quick, and not panic.
    ///
    /// ```
    /// # use ftmb_runtime::{context::Context, middlebox::Middlebox, packet::{Packet, PortId, Verdict}, sync::{Shared, Walker}};
    /// # struct Bridge;
    /// # impl Shared for Bridge { fn walk<'a>(&'a self, _: &mut Walker<'a>) {} }
    /// impl Middlebox for Bridge {
    /// #   fn process(&self, _: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict { Verdict::Drop }
    ///     // ...
    ///     /// Everything that an Ethernet address sends stays in order.
    ///     fn flow_hash(_port: PortId, frame: &[u8]) -> Option<u32> {
    ///         let source = frame.get(6..12)?;
    ///         Some(source.iter().fold(0, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x9e37_79b1)))
    ///     }
    /// }
    /// assert_ne!(Bridge::flow_hash(PortId(0), &[0; 14]), Bridge::flow_hash(PortId(0), &[1; 14]));
    /// assert_eq!(Bridge::flow_hash(PortId(0), b"too short"), None);
    /// ```
    fn flow_hash(port: PortId, frame: &[u8]) -> Option<u32>
    where
        Self: Sized,
    {
        let _ = (port, frame);
        None
    }

    /// Runs on every core at the group's tick interval. Work on shared state belongs under `if cx.core() == 0`.
    fn tick(&self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// Answers a control request, on core 0.
    ///
    /// # Errors
    /// [`ControlError`]: the requester is told, and nothing else happens.
    fn control(&self, request: &[u8], cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        let _ = (request, cx);
        Err(ControlError::new("this middlebox takes no control requests"))
    }

    /// Fills in metrics. Runs on a thread of the runtime, at any time: read locks with `peek`, counters with `get`.
    fn report(&self, metrics: &mut Metrics) {
        let _ = metrics;
    }
}

/// Why a control request was refused.
///
/// ```
/// let error = ftmb_runtime::middlebox::ControlError::new("no such rule");
/// assert_eq!(error.to_string(), "no such rule");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ControlError {
    reason: String,
}

impl ControlError {
    /// A refusal with its reason.
    pub fn new(reason: impl Into<String>) -> ControlError {
        ControlError { reason: reason.into() }
    }
}

/// What a figure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, and starts again from 0 at most.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// Figures that a middlebox reports.
///
/// ```
/// let mut metrics = ftmb_runtime::middlebox::Metrics::default();
/// metrics.counter("translated", 7);
/// metrics.gauge("flows", 2.0);
/// assert_eq!(metrics.iter().collect::<Vec<_>>(), [("translated", 7.0), ("flows", 2.0)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    values: Vec<(MetricKind, String, f64)>,
}

impl Metrics {
    /// A figure that only grows.
    pub fn counter(&mut self, name: &str, value: u64) {
        self.values.push((MetricKind::Counter, name.into(), value as f64));
    }

    /// A figure that goes up and down.
    pub fn gauge(&mut self, name: &str, value: f64) {
        self.values.push((MetricKind::Gauge, name.into(), value));
    }

    /// All figures in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(_, name, value)| (name.as_str(), *value))
    }

    /// The same with what they mean.
    ///
    /// ```
    /// use ftmb_runtime::middlebox::{MetricKind, Metrics};
    /// let mut metrics = Metrics::default();
    /// metrics.gauge("flows", 2.0);
    /// assert_eq!(metrics.with_kinds().collect::<Vec<_>>(), [(MetricKind::Gauge, "flows", 2.0)]);
    /// ```
    pub fn with_kinds(&self) -> impl Iterator<Item = (MetricKind, &str, f64)> {
        self.values.iter().map(|(kind, name, value)| (*kind, name.as_str(), *value))
    }
}
