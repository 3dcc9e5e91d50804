//! The rate limiter itself: an ordinary multi-core program on `std`'s locks and maps, plus four attributes.
//!
//! Invariant: a source that has no bucket is one whose bucket would be full at `swept`. Locks are taken in the order
//! `buckets[n]`, then `swept`.

use std::{array, collections::HashMap, net::Ipv4Addr, sync::Mutex};

use ftmb::{prelude::*, time::Instant};
use serde::Deserialize;

mod bucket;
#[path = "../../headers/mod.rs"]
mod headers;
mod request;

use bucket::{Bucket, Limit, LimitError};
use request::{Request, RequestError};

/// Tables of buckets, each with a lock of its own.
const SHARDS: usize = 16;

/// The `[middlebox]` table of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimiterConfig {
    /// Bytes per second that a source may send.
    pub(crate) rate: u64,
    /// Bytes that it may send at once after a pause.
    pub(crate) burst: u64,
    /// Sources that are remembered at a time; those beyond share one bucket.
    pub(crate) max_sources: usize,
}

impl Default for LimiterConfig {
    fn default() -> Self {
        Self { rate: 16_000, burst: 32_000, max_sources: 1 << 16 }
    }
}

/// Limits what each source may send from inside to outside.
#[ftmb::shared]
pub(crate) struct RateLimiter {
    #[ftmb(config)]
    max_sources: usize,
    #[ftmb(config)]
    inside: PortId,
    #[ftmb(config)]
    outside: PortId,
    /// What a source may send; a plain field that all cores share.
    limit: Limit,
    buckets: [Mutex<HashMap<Ipv4Addr, Bucket>>; SHARDS],
    /// For what has no source, and for sources that there is no room for.
    common: Mutex<Bucket>,
    /// When full buckets were last forgotten.
    swept: Instant,
    /// The table that is searched for full buckets at the next tick.
    sweep: usize,
    passed: Counter,
    limited: Counter,
    unlimited: Counter,
    in_common: Counter,
    created: Counter,
    forgotten: Counter,
}

#[ftmb::middlebox]
impl RateLimiter {
    /// A limiter between two ports that has seen nothing.
    ///
    /// # Errors
    /// [`LimitError`] if rate or burst cannot be.
    pub(crate) fn new(config: &LimiterConfig, inside: PortId, outside: PortId) -> Result<Self, LimitError> {
        let limit = Limit::new(config.rate, config.burst)?;
        Ok(Self {
            max_sources: config.max_sources,
            inside,
            outside,
            limit,
            buckets: array::from_fn(|_| Mutex::new(HashMap::new())),
            common: Mutex::new(Bucket::full(&limit, Instant::now())),
            swept: Instant::now(),
            sweep: 0,
            passed: Counter::new(),
            limited: Counter::new(),
            unlimited: Counter::new(),
            in_common: Counter::new(),
            created: Counter::new(),
            forgotten: Counter::new(),
        })
    }

    /// Takes a packet's bytes out of the bucket that it belongs to; false: there are not so many.
    fn take(&self, source: Option<Ipv4Addr>, bytes: usize, now: Instant) -> bool {
        let limit = self.limit;
        if let Some(source) = source {
            let mut buckets = self.buckets[shard(source)].lock().unwrap();
            if let Some(bucket) = buckets.get_mut(&source) {
                return bucket.take(&limit, bytes, now);
            }
            if buckets.len() < self.max_sources.div_ceil(SHARDS) {
                // not before it was forgotten, even if this core's clock is behind: else time would count twice
                let mut bucket = Bucket::full(&limit, now.max(self.swept));
                let passes = bucket.take(&limit, bytes, now);
                buckets.insert(source, bucket);
                self.created.add(1);
                return passes;
            }
        }
        self.in_common.add(1);
        self.common.lock().unwrap().take(&limit, bytes, now)
    }

    /// Does what an operator asks for.
    fn obey(&self, request: &[u8], now: Instant) -> Result<String, RequestError> {
        let limit = match String::from_utf8_lossy(request).parse()? {
            Request::Bucket(source) => {
                let limit = self.limit;
                let bucket = self.buckets[shard(source)].lock().unwrap().get(&source).copied();
                let bytes = bucket.map_or(limit.burst(), |bucket| bucket.bytes(&limit, now));
                return Ok(format!("{source}: {bytes} of {} bytes\n", limit.burst()));
            }
            Request::Show => self.limit,
            Request::Set(limit) => {
                self.limit = limit;
                limit
            }
        };
        Ok(format!("{} bytes per second, {} at once\n", limit.rate(), limit.burst()))
    }
}

/// The table of a source.
#[inline]
fn shard(source: Ipv4Addr) -> usize {
    (source.to_bits().wrapping_mul(0x9e37_79b1) >> 28) as usize % SHARDS
}

#[ftmb::middlebox]
impl Middlebox for RateLimiter {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        if packet.port() != self.inside {
            self.unlimited.add(1);
            return Verdict::Forward(self.inside);
        }
        match self.take(headers::source(packet.bytes()), packet.bytes().len(), cx.now()) {
            true => {
                self.passed.add(1);
                Verdict::Forward(self.outside)
            }
            false => {
                self.limited.add(1);
                Verdict::Drop
            }
        }
    }

    /// Every core has ticks; the first one forgets buckets that are full again, in one table each time.
    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() != 0 {
            return;
        }
        let shard = self.sweep;
        self.sweep = (shard + 1) % SHARDS;
        let (limit, now) = (self.limit, cx.now());
        let mut buckets = self.buckets[shard].lock().unwrap();
        let before = buckets.len();
        buckets.retain(|_, bucket| !bucket.is_full(&limit, now));
        self.swept = now;
        self.forgotten.add((before - buckets.len()) as u64);
    }

    fn control(&self, request: &[u8], cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        Ok(self.obey(request, cx.now())?.into_bytes())
    }

    fn report(&self, metrics: &mut Metrics) {
        metrics.gauge("sources", self.created.get().saturating_sub(self.forgotten.get()) as f64);
        metrics.counter("passed", self.passed.get());
        metrics.counter("dropped_limited", self.limited.get());
        metrics.counter("unlimited", self.unlimited.get());
        metrics.counter("in_common", self.in_common.get());
    }
}
