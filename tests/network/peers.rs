//! Clients and servers that everybody knows, and what they print.
//!
//! Invariant: a figure that a program does not print is an error with what it printed instead, never a zero.

use std::time::Duration;

use serde_json::Value;

use super::process::{PATIENCE, Process};
use super::{Lab, lab};

/// An iperf3 server in the server's namespace; it serves one client after the other.
#[derive(Debug)]
pub(crate) struct Iperf3(Process);

/// What an iperf3 client found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transfer {
    /// As received.
    pub(crate) bits_per_second: f64,
    /// Segments that the sender has sent again.
    pub(crate) retransmits: u64,
    /// Bytes received.
    pub(crate) bytes: u64,
    /// The congestion window in bytes at the end of each interval, of the first stream.
    pub(crate) windows: Vec<u64>,
    /// The number of bits received in each interval, a second.
    pub(crate) intervals: Vec<f64>,
}

impl Iperf3 {
    /// Starts the server.
    pub(crate) fn serve(lab: &Lab) -> Iperf3 {
        // Line by line: else what it says of itself is seen only at its end.
        let mut server = Process::start(&lab.server, lab.directory(), ["iperf3", "-s", "--forceflush"]);
        server.until("iperf3", |server| server.text().contains("listening"));
        Iperf3(server)
    }

    /// Starts a client, such as `-t 5 -R`; the server must be there as long. Congestion control is cubic, whatever the machine's own is:
    /// it is what most endpoints use, and it takes every loss for congestion, which bbr does not. (As a namespace's default it is not allowed
    /// unless the machine allows it.)
    pub(crate) fn start(&self, lab: &Lab, line: &str) -> Process {
        let mut words = vec!["iperf3", "-J", "-c", lab::SERVER, "-C", "cubic"];
        words.extend(line.split_whitespace());
        Process::start(&lab.client, lab.directory(), words)
    }

    /// Runs a client to its end.
    pub(crate) fn run(&self, lab: &Lab, line: &str) -> Transfer {
        Transfer::read(&self.start(lab, line).finish(PATIENCE * 10))
    }
}

impl Transfer {
    /// From what `iperf3 -J` prints.
    pub(crate) fn read(text: &str) -> Transfer {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("iperf3: {error}: {text}"));
        let number =
            |path: &str| value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}: {text}"));
        let intervals = value["intervals"].as_array().map_or(&[][..], Vec::as_slice);
        Transfer {
            bits_per_second: number("/end/sum_received/bits_per_second"),
            retransmits: number("/end/sum_sent/retransmits") as u64,
            bytes: number("/end/sum_received/bytes") as u64,
            windows: intervals.iter().filter_map(|interval| interval["streams"][0]["snd_cwnd"].as_u64()).collect(),
            intervals: intervals.iter().filter_map(|interval| interval["sum"]["bits_per_second"].as_f64()).collect(),
        }
    }
}

/// An nginx in the server's namespace, on port 80, that serves the files of a directory.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Process,
    root: std::path::PathBuf,
}

impl Nginx {
    /// Starts it with one small file, `small`.
    pub(crate) fn serve(lab: &Lab) -> Nginx {
        let (place, root) = (lab.directory().join("nginx"), lab.directory().join("nginx/root"));
        std::fs::create_dir_all(&root).expect("the lab's directory can be written");
        std::fs::write(root.join("small"), "x".repeat(100)).expect("can be written");
        let (place, files) = (place.display(), root.display());
        let configuration = format!(
            "daemon off; master_process off; pid {place}/pid; error_log stderr error; worker_rlimit_nofile 65535;
             events {{ worker_connections 16384; }}
             http {{
                 access_log off; sendfile on; keepalive_requests 1000000;
                 client_body_temp_path {place}/a; proxy_temp_path {place}/b; fastcgi_temp_path {place}/c;
                 uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;
                 server {{ listen 80 backlog=8192; root {files}; }}
             }}"
        );
        let file = lab.directory().join("nginx/nginx.conf");
        std::fs::write(&file, configuration).expect("can be written");
        let file = file.to_string_lossy().into_owned();
        let mut process = Process::start(&lab.server, lab.directory(), ["nginx", "-e", "stderr", "-c", &file]);
        let listens = || !lab.server.sh("ss -ltnH 'sport = :80'").trim().is_empty();
        process.until("nginx", |_| listens());
        Nginx { process, root }
    }

    /// Where its files are.
    pub(crate) fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// What it complains of.
    pub(crate) fn errors(&self) -> String {
        self.process.errors()
    }
}

/// What wrk found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requests {
    /// Answered.
    pub(crate) per_second: f64,
    /// Connections that could not be opened, were reset, or timed out; answers that were none.
    pub(crate) errors: u64,
}

/// Runs wrk for some seconds against the server's nginx, each request in a connection of its own.
pub(crate) fn wrk(lab: &Lab, seconds: u64, at_once: u32) -> Requests {
    Requests::read(&start_wrk(lab, lab::SERVER, seconds, at_once).finish(PATIENCE + Duration::from_secs(seconds)))
}

/// Starts it, against another address; what it prints is for [`Requests::read`].
pub(crate) fn start_wrk(lab: &Lab, server: &str, seconds: u64, at_once: u32) -> Process {
    let (url, at_once, time) = (format!("http://{server}/small"), format!("-c{at_once}"), format!("-d{seconds}s"));
    // Late is not broken.
    let command = ["wrk", "-t1", &at_once, &time, "--timeout", "30s", "-H", "Connection: close", &url];
    Process::start(&lab.client, lab.directory(), command)
}

impl Requests {
    /// From what wrk prints.
    pub(crate) fn read(text: &str) -> Requests {
        let after = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name).map(str::trim));
        let per_second = after("Requests/sec:").and_then(|number| number.parse().ok());
        let digits = |text: &str| {
            let numbers = text.split(|letter: char| !letter.is_ascii_digit());
            numbers.filter_map(|number| number.parse::<u64>().ok()).sum::<u64>()
        };
        let errors = ["Socket errors:", "Non-2xx or 3xx responses:"].map(|name| after(name).map_or(0, digits));
        Requests {
            per_second: per_second.unwrap_or_else(|| panic!("wrk says no figure: {text}")),
            errors: errors.iter().sum(),
        }
    }
}

/// Starts a download by curl at so many bytes a second; it ends when it has everything, and prints the SHA-256 of what came.
pub(crate) fn download(lab: &Lab, url: &str, rate: &str) -> Process {
    let line = format!("set -o pipefail; curl --silent --show-error --fail --limit-rate {rate} {url} | sha256sum");
    Process::start(&lab.client, lab.directory(), ["bash", "-c", &line])
}

/// Starts curl in the client's namespace; it ends when it has everything, and prints what came to its standard output.
pub(crate) fn curl(lab: &Lab, arguments: &str) -> Process {
    let mut words = vec!["curl", "--silent", "--show-error", "--fail"];
    words.extend(arguments.split_whitespace());
    Process::start(&lab.client, lab.directory(), words)
}
