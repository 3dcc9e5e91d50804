//! Which connections are opened when.
//!
//! Invariant: a storm keeps its rate on average: what could not be opened in time is opened as soon as possible.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Told;
use crate::tcp::{Connections, Purpose};

/// Where the servers are, and how long to go on.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The address of the servers.
    #[arg(long)]
    server: IpAddr,
    /// Their first port.
    #[arg(long, default_value_t = 7000)]
    tcp: u16,
    /// How many ports there are; connections go to one after the other.
    #[arg(long, default_value_t = 8)]
    ports: u16,
    /// Seconds without progress after which a connection is broken.
    #[arg(long, default_value_t = 20.0)]
    patience: f64,
}

impl Target {
    fn of(&self, number: u64) -> SocketAddr {
        SocketAddr::new(self.server, self.tcp + (number % u64::from(self.ports)) as u16)
    }

    fn connections(&self) -> io::Result<Connections> {
        Connections::new(Duration::from_secs_f64(self.patience))
    }
}

/// The command line of a storm.
#[derive(Debug, clap::Args)]
pub(crate) struct Storm {
    #[command(flatten)]
    target: Target,
    /// New connections a second.
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// At most this many at once; beyond it the storm waits, and says how many it did not open.
    #[arg(long, default_value_t = 4000)]
    at_once: usize,
    /// Seconds to go on if nobody tells it to end.
    #[arg(long, default_value_t = 3600.0)]
    seconds: f64,
    /// Bytes of an answer.
    #[arg(long, default_value_t = 200)]
    bytes: u64,
    /// Connections that stay open and exchange bytes now and then.
    #[arg(long, default_value_t = 0)]
    long_lived: u64,
    /// Milliseconds between two exchanges of a long-lived connection.
    #[arg(long, default_value_t = 200)]
    every: u64,
}

/// The command line of slow downloads.
#[derive(Debug, clap::Args)]
pub(crate) struct Downloads {
    #[command(flatten)]
    target: Target,
    /// How many.
    #[arg(long, default_value_t = 200)]
    connections: u64,
    /// Bytes of each.
    #[arg(long, default_value_t = 1 << 20)]
    bytes: u64,
    /// Bytes a second of each.
    #[arg(long, default_value_t = 256 << 10)]
    rate: u64,
}

/// Short connections at a rate, long-lived ones beside them.
pub(crate) fn storm(options: &Storm, told: &Told) -> io::Result<Value> {
    let mut connections = options.target.connections()?;
    let again = Some(Duration::from_millis(options.every));
    let long = Purpose { name: "long_lived", bytes: options.bytes, rate: 0, again };
    let short = Purpose { name: "short", bytes: options.bytes, rate: 0, again: None };
    for number in 0..options.long_lived {
        connections.open(options.target.of(number), long)?;
    }
    let start = Instant::now();
    let (mut number, mut skipped) = (0, 0_u64);
    let end = start + Duration::from_secs_f64(options.seconds);
    while !told.to_end() && Instant::now() < end {
        let due = (start.elapsed().as_secs_f64() * options.rate as f64) as u64;
        while number < due {
            if connections.alive() < options.at_once + options.long_lived as usize {
                connections.open(options.target.of(number), short)?;
            } else {
                skipped += 1;
            }
            number += 1;
        }
        connections.turn(Duration::from_millis(1))?;
    }
    let seconds = start.elapsed().as_secs_f64();
    finish(&mut connections)?;
    let mut report = connections.report(seconds);
    report["not_opened"] = skipped.into();
    Ok(report)
}

/// Downloads, all at once; told to end, it still takes them to their end.
pub(crate) fn downloads(options: &Downloads, _told: &Told) -> io::Result<Value> {
    let mut connections = options.target.connections()?;
    let purpose = Purpose { name: "downloads", bytes: options.bytes, rate: options.rate, again: None };
    let start = Instant::now();
    for number in 0..options.connections {
        connections.open(options.target.of(number), purpose)?;
    }
    finish(&mut connections)?;
    Ok(connections.report(start.elapsed().as_secs_f64()))
}

/// Brings those that are alive to their end.
fn finish(connections: &mut Connections) -> io::Result<()> {
    connections.end();
    while connections.alive() > 0 {
        connections.turn(Duration::from_millis(5))?;
    }
    Ok(())
}
