//! Files, sockets, threads and clocks belong to a process.

#[ftmb::state]
struct Flow {
    file: std::fs::File,
    peer: std::net::TcpStream,
    worker: std::thread::JoinHandle<()>,
    seen: std::time::Instant,
    replies: std::sync::mpsc::Sender<u8>,
}

fn main() {}
