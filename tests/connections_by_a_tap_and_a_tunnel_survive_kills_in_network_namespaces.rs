//! A host whose interface is a tap, a group of real processes, and a tunnel to the kernel's own VXLAN: a TCP connection of the host
//! lasts while master, standby and gateway are killed, and its bytes arrive as they were.
//!
//! Marked as ignored because it needs root:
//! `cargo test --test connections_by_a_tap_and_a_tunnel_survive_kills_in_network_namespaces -- --ignored`.

mod group;
#[path = "../ftmb-netio/tests/namespaces/mod.rs"]
mod namespaces;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ftmb_netio::group_record::GroupRecord;
use group::{Place, Running, kill, master};
use namespaces::Namespace;

/// Bytes of each block of the connection.
const BLOCK: usize = 1 << 16;

fn byte(at: usize) -> u8 {
    (at.wrapping_mul(0x9e37_79b9) >> 13) as u8
}

fn block(number: usize) -> Vec<u8> {
    (number * BLOCK..(number + 1) * BLOCK).map(byte).collect()
}

/// Kills what `which` names, and waits until the group is whole again.
fn kill_and_wait(group: &mut Running, record: &GroupRecord, which: &str) {
    let (epoch, gateway) = (record.epoch(), record.gateway());
    let master = master(record).expect("an active epoch has a master");
    if which != "gateway" {
        assert!(kill(master));
    }
    if which != "master" {
        assert!(kill(gateway.expect("a group has one")));
    }
    group.until("the group to recover", |_| {
        let again = which == "master" || record.gateway().is_some_and(|now| Some(now) != gateway);
        again && record.is_active() && (which == "gateway" || record.epoch() > epoch)
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_tcp_connection_lasts_while_any_process_of_the_group_is_killed() {
    let (Some(host), Some(server)) = (Namespace::new(), Namespace::new()) else { return };
    let Some(place) = Place::find() else { return };
    host.connect("eth0", &server, "eth0", "10.2.0.2/24");
    host.ip("addr add 10.2.0.1/24 dev eth0");
    let words = "link add vx0 type vxlan id 7 remote 10.2.0.1 local 10.2.0.2 dstport 4789 dev eth0";
    let made = server.run(|| Command::new("ip").args(words.split_whitespace()).output()).expect("iproute2 is there");
    if !made.status.success() {
        return println!("skipped: no vxlan interfaces here: {}", String::from_utf8_lossy(&made.stderr));
    }
    server.ip("addr add 10.1.0.2/24 dev vx0");
    server.ip("link set vx0 up");
    // On a cable, frames are finished when they arrive: a veth pair leaves that to the receiver, and a socket cannot.
    let finish = || Command::new("ethtool").args(["-K", "vx0", "tx", "off"]).output();
    assert!(server.run(finish).expect("ethtool is there").status.success());

    let ports = ["left=tap:t1,persistent=yes", "right=udp:10.2.0.1,remote=10.2.0.2,vni=7"];
    let arguments = ["--cores", "2", "--port", ports[0], "--port", ports[1]];
    let mut group = host.run(|| place.start("monitor", "up", arguments));
    let record = group.record();
    host.ip("link set t1 mtu 1450");
    host.ip("addr add 10.1.0.1/24 dev t1");

    let (passed, asked) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let listener = server.run(|| TcpListener::bind("10.1.0.2:5000").unwrap());
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            host.run(|| {
                let mut stream = TcpStream::connect("10.1.0.2:5000").unwrap();
                for number in (0..).take_while(|number| *number < asked.load(Ordering::SeqCst)) {
                    stream.write_all(&block(number)).unwrap();
                }
            })
        });
        let receiver = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let mut bytes = vec![0; BLOCK];
            for number in 0.. {
                match stream.read_exact(&mut bytes) {
                    Ok(()) => assert!(bytes == block(number), "block {number} differs"),
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                    Err(error) => panic!("{error}"),
                }
                passed.store(number + 1, Ordering::SeqCst);
            }
        });
        for which in ["master", "gateway", "both", "master", "gateway"] {
            let before = passed.load(Ordering::SeqCst);
            group.until("bytes to pass", |_| passed.load(Ordering::SeqCst) > before + 20 || receiver.is_finished());
            assert!(!receiver.is_finished() && !sender.is_finished(), "the connection has ended");
            kill_and_wait(&mut group, &record, which);
        }
        let before = passed.load(Ordering::SeqCst);
        group.until("bytes to pass", |_| passed.load(Ordering::SeqCst) > before + 20 || receiver.is_finished());
        asked.store(0, Ordering::SeqCst);
        sender.join().unwrap();
        receiver.join().unwrap();
        println!("{} KiB passed", passed.load(Ordering::SeqCst) * (BLOCK >> 10));
    });
    group.interrupt();
    let finished = group.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(host.ip("addr show t1").contains("10.1.0.1"), "a persistent interface stays");
}
