//! What can be wrong with a configuration. Invariant: every variant says where: file, line and column, or the option.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ftmb_netio::port::SpecError;

/// Where a setting stands.
///
/// ```
/// use ftmb::config::Place;
/// let place = Place::File { path: "nat.toml".into(), line: 2, column: 9 };
/// assert_eq!(place.to_string(), "nat.toml:2:9");
/// assert_eq!(Place::Option("--cores".into()).to_string(), "--cores");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file; line and column count from 1.
    File {
        /// The file.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column, in characters.
        column: usize,
    },
    /// On the command line.
    Option(String),
    /// Nowhere: a default.
    Default,
}

impl Place {
    pub(super) fn in_text(path: &Path, text: &str, span: Option<Range<usize>>) -> Place {
        let at = span.map_or(0, |span| span.start).min(text.len());
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place::File { path: path.into(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Place::Option(option) => f.write_str(option),
            Place::Default => f.write_str("default"),
        }
    }
}

/// Why a configuration cannot be used.
///
/// ```
/// use ftmb::config::{ConfigError, Place};
/// let place = Place::File { path: "nat.toml".into(), line: 2, column: 9 };
/// let error = ConfigError::Value { place, setting: "cores", expected: "1 to 32", found: "99".into() };
/// assert_eq!(error.to_string(), "nat.toml:2:9: cores: expected 1 to 32, found 99");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: the configuration cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("{}: byte {position}: expected UTF-8, found something else", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where the text ends.
        position: usize,
    },
    /// The file is no TOML, has a setting that does not exist, or one of another type.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// A setting is out of its range.
    #[error("{place}: {setting}: expected {expected}, found {found}")]
    Value {
        /// Where.
        place: Place,
        /// Which setting.
        setting: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A port is described in a way that no port is.
    #[error("{place}: {source}")]
    Port {
        /// Where.
        place: Place,
        /// What is wrong.
        source: SpecError,
    },
    /// Two ports of one name.
    #[error("{place}: port `{name}` is there already")]
    SamePort {
        /// Where the second one stands.
        place: Place,
        /// Its name.
        name: String,
    },
    /// Two ports that are the same interface, address or file.
    #[error("{place}: port `{name}`: {what} is that of port `{other}` already, expected one of its own")]
    SamePlace {
        /// Where the second one stands.
        place: Place,
        /// Its name.
        name: String,
        /// The first one.
        other: String,
        /// What both are.
        what: String,
    },
    /// The settings cannot be written down (a value of `[middlebox]` that TOML does not have).
    #[error("the configuration cannot be stored")]
    Store(#[from] toml::ser::Error),
}
