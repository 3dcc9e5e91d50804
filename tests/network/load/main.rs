//! The load of the network tests: servers and clients that notice what a middlebox must never do to a connection.
//!
//! Invariant: every byte that arrives is compared with the byte that was sent, and every connection or question that does not come
//! to its end is counted under one reason. Clients print one JSON object, when their time is over or when they are told to end
//! (SIGTERM, SIGINT); what is under way then is brought to its end first.
//!
//! | command | what it does |
//! | --- | --- |
//! | `serve` | the servers of all others: answers over TCP, answers over UDP that say who asked, a sink for floods |
//! | `connections` | short client-first connections at a rate, beside long-lived ones that exchange bytes now and then |
//! | `downloads` | many slow downloads at once |
//! | `flows` | UDP flows that ask again and again which address and port the server sees |
//! | `probe` | one question every millisecond: the longest outage, what was lost or came twice, round trips |
//! | `flood` | small UDP packets as fast as they can be sent |
//! | `guard` | runs a command and makes sure that it and all its descendants end with whoever started it |

mod answers;
mod connections;
mod flood;
mod flows;
mod guard;
mod pattern;
mod probe;
mod serve;
mod tcp;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "Load for the network tests of ftmb")]
enum Load {
    /// Serve until told to end; says `ready` when everything is bound.
    Serve(serve::Options),
    /// Open connections at a rate.
    Connections(connections::Storm),
    /// Download slowly, many at once.
    Downloads(connections::Downloads),
    /// Ask over UDP which address and port the server sees.
    Flows(flows::Options),
    /// Ask over UDP once every millisecond.
    Probe(probe::Options),
    /// Send small packets over UDP as fast as possible.
    Flood(flood::Options),
    /// Run a command and end all of it with its starter.
    Guard(guard::Options),
}

/// Whether the process has been told to end.
#[derive(Clone, Debug)]
pub(crate) struct Told(Arc<AtomicBool>);

impl Told {
    fn listen() -> std::io::Result<Told> {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, told.clone())?;
        }
        Ok(Told(told))
    }

    /// It has been.
    pub(crate) fn to_end(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn main() -> ExitCode {
    let load = Load::parse();
    if let Load::Guard(options) = load {
        return guard::run(&options).unwrap_or_else(failed);
    }
    let told = match Told::listen() {
        Ok(told) => told,
        Err(error) => return failed(error),
    };
    let result = match load {
        Load::Serve(options) => serve::run(&options, &told).map(|()| None),
        Load::Connections(options) => connections::storm(&options, &told).map(Some),
        Load::Downloads(options) => connections::downloads(&options, &told).map(Some),
        Load::Flows(options) => flows::run(&options, &told).map(Some),
        Load::Probe(options) => probe::run(&options, &told).map(Some),
        Load::Flood(options) => flood::run(&options, &told).map(Some),
        Load::Guard(_) => unreachable!("has been run"),
    };
    match result {
        Ok(report) => {
            if let Some(report) = report {
                println!("{report}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

fn failed(error: std::io::Error) -> ExitCode {
    eprintln!("load: {error}");
    ExitCode::FAILURE
}
