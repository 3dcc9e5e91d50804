//! Every way in which the description of a port can be wrong. Invariant: an error names the port and says what was expected.

use std::net::SocketAddr;

use thiserror::Error;

use super::KINDS;

/// What is wrong with the description of a port.
///
/// ```
/// use ftmb_netio::port::{PortSpec, SpecError};
///
/// let error = "outside=device".parse::<PortSpec>().unwrap_err();
/// assert!(matches!(error, SpecError::NoInterface { .. }));
/// assert_eq!(error.to_string(), "port `outside` names no interface (expected device:INTERFACE, for example device:eth0)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// There is no `NAME=` in front.
    #[error("port `{found}` has no name or no kind (expected NAME=KIND:..., for example inside=pcap:in.pcap:out.pcap)")]
    NoName {
        /// The description.
        found: String,
    },
    /// The name has characters that names do not have.
    #[error("port name `{found}` is not made of 1 to 64 letters, digits, `-`, `_` or `.`")]
    BadName {
        /// The name.
        found: String,
    },
    /// No port is of this kind.
    #[error("port `{name}`: unknown kind `{found}` (expected one of {})", KINDS.join(", "))]
    UnknownKind {
        /// The port.
        name: String,
        /// The kind.
        found: String,
    },
    /// A pcap port that neither reads nor writes.
    #[error("port `{name}` names no file (expected pcap:IN, pcap:IN:OUT or pcap::OUT)")]
    NoFile {
        /// The port.
        name: String,
    },
    /// A device or tap port without an interface.
    #[error("port `{name}` names no interface (expected {kind}:INTERFACE, for example {kind}:eth0)")]
    NoInterface {
        /// The port.
        name: String,
        /// The kind.
        kind: &'static str,
    },
    /// What no interface can be called.
    #[error("`{found}` is no name of an interface (1 to 15 bytes without `/`, `%` and white space)")]
    Interface {
        /// The name.
        found: String,
    },
    /// An option that is either on or off.
    #[error("port `{name}`: option `{option}` is `{found}` (expected yes or no)")]
    YesOrNo {
        /// The port.
        name: String,
        /// The option.
        option: &'static str,
        /// What was given.
        found: String,
    },
    /// An overlay port that does not say where it is, or where its frames go.
    #[error(
        "port `{name}` has no {option} address (expected udp:LOCAL,remote=ADDRESS, for example udp:0.0.0.0:4789,remote=192.0.2.1)"
    )]
    NoAddress {
        /// The port.
        name: String,
        /// Which one: `local` or `remote`.
        option: &'static str,
    },
    /// What is no address, or none that can be used.
    #[error(
        "port `{name}`: {option} is `{found}` (expected an IP address, or address:port, of one host; the port is 4789 if not given)"
    )]
    Address {
        /// The port.
        name: String,
        /// Which one: `local` or `remote`.
        option: &'static str,
        /// What was given.
        found: String,
    },
    /// One address is of IPv4 and the other of IPv6.
    #[error("port `{name}`: local {local} and remote {remote} are of different families")]
    Families {
        /// The port.
        name: String,
        /// Where it is.
        local: SocketAddr,
        /// Where its frames go.
        remote: SocketAddr,
    },
    /// A network identifier of more than 24 bits.
    #[error("port `{name}`: vni is `{found}` (expected 0 to 16777215)")]
    Vni {
        /// The port.
        name: String,
        /// What was given.
        found: String,
    },
    /// Something follows where nothing is expected.
    #[error(
        "port `{name}`: unexpected `{found}` (a file whose name has a `:` or a `,` can be named in the configuration file)"
    )]
    Unexpected {
        /// The port.
        name: String,
        /// What follows.
        found: String,
    },
    /// An option that this kind of port does not have.
    #[error("port `{name}`: kind `{kind}` has no option `{found}`")]
    UnknownOption {
        /// The port.
        name: String,
        /// The kind.
        kind: &'static str,
        /// The option.
        found: String,
    },
    /// An option given twice.
    #[error("port `{name}`: option `{found}` is given twice")]
    Repeated {
        /// The port.
        name: String,
        /// The option.
        found: String,
    },
    /// A pace that is neither `timestamps` nor `flat` nor a rate.
    #[error("unknown pace `{found}` (expected timestamps, flat, or packets per second such as 50000, 300k or 2M)")]
    Pace {
        /// The pace.
        found: String,
    },
    /// A pace for a port that reads no file.
    #[error("port `{name}`: a pace, but no capture to read")]
    PaceWithoutInput {
        /// The port.
        name: String,
    },
}
