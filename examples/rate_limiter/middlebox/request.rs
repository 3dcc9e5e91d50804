//! What an operator may ask while packets flow.
//!
//! ```text
//! request = "limit"                what it is
//!         | "limit" RATE BURST     bytes per second, bytes at once
//!         | "bucket" ADDRESS       what a source may still send
//! ```
//!
//! Invariant: whatever is not a request is refused with what was expected and what was found.

use std::{net::Ipv4Addr, str::FromStr};

use ftmb::prelude::ControlError;

use super::bucket::{Limit, LimitError};

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Show,
    Set(Limit),
    Bucket(Ipv4Addr),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RequestError {
    /// Not a request.
    #[error("expected limit, limit RATE BURST or bucket ADDRESS, found `{found}`")]
    Request { found: String },
    /// Not a number of bytes.
    #[error("expected a number of bytes, found `{found}`")]
    Number { found: String },
    /// Not an address.
    #[error("expected an IPv4 address, found `{found}`")]
    Address { found: String },
    /// Not a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl From<RequestError> for ControlError {
    fn from(error: RequestError) -> Self {
        Self::new(error.to_string())
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let number = |text: &str| text.parse().map_err(|_| RequestError::Number { found: text.into() });
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match *words {
            ["limit"] => Ok(Self::Show),
            ["limit", rate, burst] => Ok(Self::Set(Limit::new(number(rate)?, number(burst)?)?)),
            ["bucket", address] => {
                let parsed = address.parse().map_err(|_| RequestError::Address { found: address.into() });
                Ok(Self::Bucket(parsed?))
            }
            _ => Err(RequestError::Request { found: text.into() }),
        }
    }
}
