//! What an operator may ask while packets flow.
//!
//! ```text
//! request = "list" | "add" ADDRESS:PORT | "remove" ADDRESS:PORT
//! ```
//!
//! Invariant: whatever is not a request is refused with what was expected and what was found.

use std::{net::SocketAddrV4, str, str::FromStr};

use ftmb::prelude::ControlError;

use super::headers::Endpoint;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    List,
    Add(Endpoint),
    Remove(Endpoint),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RequestError {
    /// Not a request.
    #[error("expected list, add ADDRESS:PORT or remove ADDRESS:PORT, found `{found}`")]
    Request { found: String },
    /// Not a backend.
    #[error("expected an IPv4 address and a port, found `{found}`")]
    Backend { found: String },
    /// It is there.
    #[error("{backend} is a backend already")]
    Known { backend: Endpoint },
    /// It is not there.
    #[error("{backend} is no backend")]
    Unknown { backend: Endpoint },
    /// The table cannot be shared out evenly.
    #[error("there are {most} backends already, the most that the table is large enough for")]
    TooMany { most: usize },
}

impl From<RequestError> for ControlError {
    fn from(error: RequestError) -> Self {
        Self::new(error.to_string())
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let backend = |text: &str| {
            let parsed = text.parse().map(|backend: SocketAddrV4| backend.into());
            parsed.map_err(|_| RequestError::Backend { found: text.into() })
        };
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match *words {
            ["list"] => Ok(Self::List),
            ["add", text] => Ok(Self::Add(backend(text)?)),
            ["remove", text] => Ok(Self::Remove(backend(text)?)),
            _ => Err(RequestError::Request { found: text.into() }),
        }
    }
}
