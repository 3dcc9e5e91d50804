//! A NAT as people write them: a concurrent map for each direction, a few shared figures, a clean-up pass.
//!
//! Nothing in `mod nat` is for ftmb. It was written against `dashmap`, `parking_lot` and `std`, and all that makes it
//! survive is the one line above it. (Neither of the two crates is linked: the attribute makes their names mean ftmb's types of
//! the same shape.)
//!
//! Invariant: an entry of `flows` and the entry of `reverse` with its port appear together.

/// The lines of the existing program.
#[ftmb::instrument]
pub(crate) mod nat {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicU16, Ordering};
    use std::time::{Duration, Instant};

    use dashmap::{DashMap, mapref::entry::Entry};
    use parking_lot::RwLock;

    use crate::checksum::{Change, Field, read, write};

    const FIRST_PORT: u16 = 1024;
    const FLOW_TIMEOUT: Duration = Duration::from_secs(300);
    const REFRESH: Duration = Duration::from_secs(1);

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Protocol {
        Tcp,
        Udp,
        Echo,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct Endpoint {
        address: Ipv4Addr,
        port: u16,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct FlowKey {
        inside: Endpoint,
        remote: Endpoint,
        protocol: Protocol,
    }

    #[derive(Clone, Copy, Debug)]
    struct Flow {
        port: u16,
        used: Instant,
    }

    #[derive(Clone, Copy, Debug)]
    struct Owner {
        inside: Endpoint,
        remote: Endpoint,
    }

    /// What the NAT has done so far.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct Statistics {
        pub(crate) opened: u64,
        pub(crate) expired: u64,
        pub(crate) dropped: u64,
    }

    pub(crate) struct Nat {
        public: Ipv4Addr,
        flows: DashMap<FlowKey, Flow>,
        reverse: DashMap<(Protocol, u16), Owner>,
        next_port: AtomicU16,
        statistics: RwLock<Statistics>,
    }

    impl Nat {
        pub(crate) fn new(public: Ipv4Addr) -> Self {
            Self {
                public,
                flows: DashMap::new(),
                reverse: DashMap::new(),
                next_port: AtomicU16::new(FIRST_PORT),
                statistics: RwLock::new(Statistics::default()),
            }
        }

        /// Translates a frame from inside; false if it must be dropped. `partial`: the checksum is left to the interface, which
        /// is to sum up from there.
        pub(crate) fn outbound(&self, frame: &mut [u8], partial: Option<usize>) -> bool {
            let Some(head) = Head::parse(frame) else { return self.drop_it() };
            let key = FlowKey { inside: head.source, remote: head.destination, protocol: head.protocol };
            let Some(port) = self.find(&key).or_else(|| if head.opens { self.open(key) } else { None }) else {
                return self.drop_it();
            };
            head.replace(frame, partial, Side::Source, Endpoint { address: self.public, port });
            true
        }

        /// Translates a frame from outside; false if it must be dropped.
        pub(crate) fn inbound(&self, frame: &mut [u8], partial: Option<usize>) -> bool {
            let Some(head) = Head::parse(frame) else { return self.drop_it() };
            let owner = self.reverse.get(&(head.protocol, head.destination.port)).map(|owner| *owner);
            match owner {
                Some(owner) if owner.remote == head.source && head.destination.address == self.public => {
                    head.replace(frame, partial, Side::Destination, owner.inside);
                    true
                }
                _ => self.drop_it(),
            }
        }

        /// Forgets flows that nobody inside has used for long.
        pub(crate) fn clean_up(&self) {
            let now = Instant::now();
            let mut expired = Vec::new();
            self.flows.retain(|key, flow| {
                let keep = now.duration_since(flow.used) < FLOW_TIMEOUT;
                if !keep {
                    expired.push((key.protocol, flow.port));
                }
                keep
            });
            for key in &expired {
                self.reverse.remove(key);
            }
            if !expired.is_empty() {
                self.statistics.write().expired += expired.len() as u64;
            }
        }

        pub(crate) fn statistics(&self) -> Statistics {
            *self.statistics.read()
        }

        /// The public port of a known flow.
        fn find(&self, key: &FlowKey) -> Option<u16> {
            let flow = self.flows.get(key).map(|flow| *flow)?;
            if flow.used.elapsed() > REFRESH
                && let Some(mut flow) = self.flows.get_mut(key)
            {
                flow.used = Instant::now();
            }
            Some(flow.port)
        }

        /// A public port for a new flow: the next one that nobody has.
        fn open(&self, key: FlowKey) -> Option<u16> {
            for _ in FIRST_PORT..=u16::MAX {
                let port = self.next_port.fetch_add(1, Ordering::Relaxed);
                if port < FIRST_PORT {
                    continue;
                }
                if let Entry::Vacant(free) = self.reverse.entry((key.protocol, port)) {
                    drop(free.insert(Owner { inside: key.inside, remote: key.remote }));
                    self.flows.insert(key, Flow { port, used: Instant::now() });
                    self.statistics.write().opened += 1;
                    return Some(port);
                }
            }
            None
        }

        fn drop_it(&self) -> bool {
            self.statistics.write().dropped += 1;
            false
        }
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Side {
        Source,
        Destination,
    }

    /// What a frame says, and where it says it.
    struct Head {
        network: usize,
        transport: usize,
        protocol: Protocol,
        source: Endpoint,
        destination: Endpoint,
        /// Whether a new flow may begin with it.
        opens: bool,
    }

    impl Head {
        /// `None` for whatever is not a sound, whole TCP, UDP or ICMP echo packet over IPv4.
        fn parse(frame: &[u8]) -> Option<Self> {
            let mut network = 14;
            while frame.len() > network + 20 && read(frame, network - 2) == 0x8100 {
                network += 4;
            }
            let ip = frame.get(network..network + 20)?;
            let header = usize::from(ip[0] & 15) * 4;
            let len = usize::from(read(ip, 2));
            let whole = ip[0] >> 4 == 4 && header >= 20 && len >= header + 8 && frame.len() >= network + len;
            let fragment = read(ip, 6) & 0x3fff != 0;
            if read(frame, network - 2) != 0x0800 || !whole || fragment || !is_sound(&frame[network..network + header])
            {
                return None;
            }
            let transport = network + header;
            let segment = &frame[transport..network + len];
            let (protocol, ports, opens) = match ip[9] {
                6 if segment.len() >= 20 => {
                    (Protocol::Tcp, (read(segment, 0), read(segment, 2)), segment[13] & 0x17 == 2)
                }
                17 => (Protocol::Udp, (read(segment, 0), read(segment, 2)), true),
                1 if segment[0] == 8 => (Protocol::Echo, (read(segment, 4), 0), true),
                1 if segment[0] == 0 => (Protocol::Echo, (0, read(segment, 4)), false),
                _ => return None,
            };
            let endpoint = |at: usize, port| {
                let address = Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
                Endpoint { address, port }
            };
            Some(Self {
                network,
                transport,
                protocol,
                source: endpoint(12, ports.0),
                destination: endpoint(16, ports.1),
                opens,
            })
        }

        /// Puts another endpoint in, and keeps the checksums right.
        fn replace(&self, frame: &mut [u8], partial: Option<usize>, side: Side, new: Endpoint) {
            let (address, port) = match side {
                Side::Source => (self.network + 12, self.transport),
                Side::Destination => (self.network + 16, self.transport + 2),
            };
            let port = if self.protocol == Protocol::Echo { self.transport + 4 } else { port };
            let old = [frame[address], frame[address + 1], frame[address + 2], frame[address + 3]];
            let moved = Change::default().four(old, new.address.octets());
            let numbered = Change::default().word(read(frame, port), new.port);
            let both = moved.word(read(frame, port), new.port);
            frame[address..address + 4].copy_from_slice(&new.address.octets());
            write(frame, port, new.port);
            moved.apply(frame, self.network + 10);
            match (self.protocol, Field::of(partial, self.transport)) {
                (Protocol::Tcp, Field::PseudoHeader) => moved.apply_partial(frame, self.transport + 16),
                (Protocol::Udp, Field::PseudoHeader) => moved.apply_partial(frame, self.transport + 6),
                (Protocol::Echo, Field::PseudoHeader) => {}
                (Protocol::Tcp, Field::Whole) => both.apply(frame, self.transport + 16),
                (Protocol::Udp, Field::Whole) => both.apply_udp(frame, self.transport + 6),
                (Protocol::Echo, Field::Whole) => numbered.apply(frame, self.transport + 2),
            }
        }
    }

    /// Whether bytes that contain their own checksum agree with it.
    fn is_sound(header: &[u8]) -> bool {
        let sum: u32 = header.chunks_exact(2).map(|word| u32::from(read(word, 0))).sum();
        (sum & 0xffff) + (sum >> 16) == 0xffff
    }
}
