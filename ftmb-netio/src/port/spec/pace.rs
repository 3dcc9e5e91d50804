//! How fast a capture is handed in.
//!
//! Invariant: the text form and the value determine each other.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::SpecError;

/// How fast a capture is handed in. Whoever falls behind gets what is overdue without a pause.
///
/// ```
/// use ftmb_netio::port::Pace;
///
/// assert_eq!("timestamps".parse::<Pace>()?, Pace::default());
/// assert_eq!("300k".parse::<Pace>()?, "300000".parse()?);
/// assert_eq!("2M".parse::<Pace>()?.to_string(), "2000000");
/// # Ok::<(), ftmb_netio::port::SpecError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// With the distances between the timestamps of the capture.
    #[default]
    Timestamps,
    /// As fast as it is taken.
    Flat,
    /// At this many packets per second, evenly.
    Rate(NonZeroU64),
}

impl FromStr for Pace {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Pace, SpecError> {
        let unknown = || SpecError::Pace { found: text.to_owned() };
        let (digits, unit) = match text {
            "timestamps" => return Ok(Pace::Timestamps),
            "flat" => return Ok(Pace::Flat),
            _ => match text.strip_suffix('k') {
                Some(digits) => (digits, 1_000),
                None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
            },
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unknown());
        }
        let rate = digits.parse().ok().and_then(|rate: u64| rate.checked_mul(unit)).and_then(NonZeroU64::new);
        rate.map(Pace::Rate).ok_or_else(unknown)
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::Timestamps => f.write_str("timestamps"),
            Pace::Flat => f.write_str("flat"),
            Pace::Rate(rate) => write!(f, "{rate}"),
        }
    }
}

impl Serialize for Pace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Pace::Rate(rate) => serializer.serialize_u64(rate.get()),
            named => serializer.collect_str(named),
        }
    }
}

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pace, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Pace;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"timestamps\", \"flat\" or packets per second (at least 1)")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Pace, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: Error>(self, rate: u64) -> Result<Pace, E> {
                let rate = NonZeroU64::new(rate);
                rate.map(Pace::Rate).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(0), &self))
            }
            fn visit_i64<E: Error>(self, rate: i64) -> Result<Pace, E> {
                let found = Unexpected::Signed(rate);
                u64::try_from(rate).map_err(|_| E::invalid_value(found, &self)).and_then(|rate| self.visit_u64(rate))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
