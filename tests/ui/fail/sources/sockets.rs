//! The network is reached through ports only.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};

#[ftmb::shared]
struct Nat {
    generation: u64,
}

#[ftmb::middlebox]
impl Nat {
    fn process(&self) -> std::io::Result<()> {
        let _ = TcpStream::connect("127.0.0.1:1")?;
        let _ = TcpListener::bind("127.0.0.1:1")?;
        let _ = std::net::UdpSocket::bind("127.0.0.1:1")?;
        let _ = std::os::unix::net::UnixStream::connect("socket")?;
        let _ = "localhost:1".to_socket_addrs()?;
        Ok(())
    }
}

fn main() {}
