//! Questions and answers over UDP.
//!
//! Invariant: an answer repeats its question and says who asked, as the server sees it.
//!
//! ```text
//!  0        4        8                16               20     22
//! +--------+--------+----------------+----------------+------+
//! | "FTMB" | flow   | number         | IPv4 address   | port |    a question ends before the address
//! +--------+--------+----------------+----------------+------+
//! ```

use std::net::{Ipv4Addr, SocketAddrV4};

/// Bytes of a question.
pub(crate) const QUESTION: usize = 16;
/// Bytes of an answer.
pub(crate) const ANSWER: usize = 22;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Which flow asks.
    pub(crate) flow: u32,
    /// Its how-manieth question this is.
    pub(crate) number: u64,
}

impl Question {
    /// As bytes on the wire.
    pub(crate) fn encode(&self) -> [u8; QUESTION] {
        let mut bytes = [0; QUESTION];
        bytes[..4].copy_from_slice(b"FTMB");
        bytes[4..8].copy_from_slice(&self.flow.to_le_bytes());
        bytes[8..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Question> {
        let number = bytes.get(8..16)?.try_into().ok()?;
        let flow = bytes.get(4..8)?.try_into().ok()?;
        let question = Question { flow: u32::from_le_bytes(flow), number: u64::from_le_bytes(number) };
        (bytes[..4] == *b"FTMB").then_some(question)
    }
}

/// The answer to a question; `None`: it is none.
pub(crate) fn answer(question: &[u8], asker: SocketAddrV4) -> Option<[u8; ANSWER]> {
    if question.len() != QUESTION {
        return None;
    }
    Question::decode(question)?;
    let mut bytes = [0; ANSWER];
    bytes[..QUESTION].copy_from_slice(question);
    bytes[16..20].copy_from_slice(&asker.ip().octets());
    bytes[20..].copy_from_slice(&asker.port().to_be_bytes());
    Some(bytes)
}

/// What an answer says; `None`: it is none.
pub(crate) fn read(answer: &[u8]) -> Option<(Question, SocketAddrV4)> {
    let bytes: &[u8; ANSWER] = answer.try_into().ok()?;
    let address = Ipv4Addr::new(bytes[16], bytes[17], bytes[18], bytes[19]);
    let port = u16::from_be_bytes([bytes[20], bytes[21]]);
    Some((Question::decode(bytes)?, SocketAddrV4::new(address, port)))
}
