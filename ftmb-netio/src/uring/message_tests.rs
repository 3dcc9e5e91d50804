//! Both engines for messages, over pairs of local sockets; and the sleeper.

use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::message_door::Door;
use super::message_files::PlainFrames;
use super::message_plain::PlainMessages;
use super::message_ring::MessageRing;
use super::*;

const SHAPE: Shape = Shape { name: 0, control: 0, payload: 9000 };

/// A socket of datagrams can also be read and written like a device.
fn engines() -> Vec<fn(&UnixDatagram) -> Box<dyn Messages>> {
    let mut engines = engines_for_sockets();
    engines.push(|socket| Box::new(PlainFrames::open(socket.as_fd(), SHAPE.payload).unwrap()));
    let (here, _there) = pair();
    if MessageRing::open(here.as_fd(), Door::device(SHAPE.payload)).is_ok() {
        engines.push(|socket| Box::new(MessageRing::open(socket.as_fd(), Door::device(SHAPE.payload)).unwrap()));
    }
    engines
}

fn engines_for_sockets() -> Vec<fn(&UnixDatagram) -> Box<dyn Messages>> {
    let mut engines: Vec<fn(&UnixDatagram) -> Box<dyn Messages>> =
        vec![|socket| Box::new(PlainMessages::open(socket.as_fd(), SHAPE, None).unwrap())];
    let (here, _there) = pair();
    if MessageRing::open(here.as_fd(), Door::socket(SHAPE, None)).is_ok() {
        engines.push(|socket| Box::new(MessageRing::open(socket.as_fd(), Door::socket(SHAPE, None)).unwrap()));
    }
    engines
}

fn pair() -> (UnixDatagram, UnixDatagram) {
    let (here, there) = UnixDatagram::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    there.set_nonblocking(true).unwrap();
    (here, there)
}

/// Message number `number`, as long as it says.
fn message(number: u32, length: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend((4..length).map(|at| (at as u8) ^ (number as u8)));
    bytes
}

fn receive_all(engine: &mut dyn Messages, seen: &mut Vec<Vec<u8>>) {
    let take = &mut |message: Message<'_>| {
        assert!(!message.truncated);
        seen.push(message.payload.to_vec());
        true
    };
    while engine.receive(7, take).unwrap() > 0 {}
}

#[test]
fn more_messages_than_buffers_arrive_in_order() {
    for open in engines() {
        let (here, there) = pair();
        let (mut engine, mut seen, mut sent) = (open(&here), Vec::new(), 0_u32);
        while seen.len() < 3000 {
            // As many as the socket holds, so that the engine finds work that it has no buffers for.
            while sent < 3000 && there.send(&message(sent, 4 + sent as usize % 500)).is_ok() {
                sent += 1;
            }
            receive_all(&mut *engine, &mut seen);
        }
        for (number, bytes) in seen.iter().enumerate() {
            assert!(*bytes == message(number as u32, 4 + number % 500));
        }
    }
}

#[test]
fn what_is_pushed_arrives_in_order_and_a_long_message_arrives_in_its_turn() {
    for open in engines() {
        let (here, there) = pair();
        let mut engine = open(&here);
        let mut room = vec![0; 10_000];
        for number in 0..1000_u32 {
            let bytes = message(number, if number % 10 == 9 { SLOT + 2000 } else { 64 });
            engine.push(&bytes[..10], &bytes[10..]).unwrap();
            if number % 5 == 4 {
                engine.flush().unwrap();
                for number in number - 4..=number {
                    let length = there.recv(&mut room).unwrap();
                    assert_eq!(room[..4], number.to_be_bytes());
                    assert!(room[..length] == message(number, length));
                }
            }
        }
        assert_eq!(*engine.sends(), Sends { sent: 1000, ..Sends::default() });
    }
}

#[test]
fn plain_and_ring_say_the_same_of_a_queue_that_stays_full_and_of_a_message_cut_short() {
    for open in engines_for_sockets() {
        let (here, there) = pair();
        let mut engine = open(&here);
        let mut taken = 0;
        while there.send(&[0; 100]).is_ok() {
            taken += 1;
        }
        for number in 0..taken + 5 {
            engine.push(b"number ", &message(number, 50)).unwrap();
        }
        engine.flush().unwrap();
        assert_eq!((engine.sends().queue_full, engine.sends().lost()), (5, 5));
        assert_eq!(engine.sends().sent, u64::from(taken));

        let (here, there) = pair();
        let mut engine = open(&here);
        there.send(&[1; 9001]).unwrap();
        let mut seen = 0;
        while seen == 0 {
            seen = engine
                .receive(1, &mut |message| {
                    assert!(message.truncated && message.payload[..9000] == [1; 9000]);
                    true
                })
                .unwrap();
        }
    }
}

#[test]
fn dropped_with_a_receive_in_flight_nothing_is_written_later() {
    for open in engines() {
        for _ in 0..20 {
            let (here, there) = pair();
            let mut engine = open(&here);
            engine.receive(1, &mut |_| true).unwrap();
            drop(engine);
            there.send(&[7; 5000]).unwrap();
            // It is still in the socket: nobody has received it into memory that is somebody else's now.
            assert_eq!(here.recv(&mut [0; 9000]).unwrap(), 5000);
        }
    }
}

#[test]
fn a_bell_or_a_frame_ends_a_sleep() {
    let long = Duration::from_secs(100);
    let (here, there) = pair();
    let mut sleeper = Sleeper::new();
    let bell = AtomicU32::new(5);
    let started = Instant::now();
    // Rung before, and a timeout.
    sleeper.sleep(&bell, 4, &[here.as_fd()], if sleeper.hears_the_bell() { long } else { Duration::ZERO });
    sleeper.sleep(&bell, 5, &[here.as_fd()], Duration::from_millis(2));
    for round in 0..100 {
        let expected = bell.load(Ordering::SeqCst);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if round % 2 == 0 && sleeper.hears_the_bell() {
                    bell.fetch_add(1, Ordering::SeqCst);
                    let _ = rustix::thread::futex::wake(&bell, rustix::thread::futex::Flags::empty(), 1);
                } else {
                    there.send(b"frame").unwrap();
                }
            });
        });
        // What happened before the sleep ends it, and what was left over from an earlier one at most ends it early.
        sleeper.sleep(&bell, expected, &[here.as_fd()], long);
        while here.recv(&mut [0; 10]).is_ok() {}
    }
    std::thread::scope(|scope| {
        let expected = bell.load(Ordering::SeqCst);
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(5));
            there.send(b"frame").unwrap();
        });
        while here.recv(&mut [0; 10]).is_err() {
            sleeper.sleep(&bell, expected, &[here.as_fd()], long);
        }
    });
    assert!(started.elapsed() < long, "a sleep was not ended");
    let mut plain = Sleeper::plain();
    assert!(!plain.hears_the_bell());
    there.send(b"frame").unwrap();
    plain.sleep(&bell, 0, &[here.as_fd()], long);
}
