//! What can go wrong in a group, seen from its user.

use std::fmt;

/// Why a command or a process of a group cannot go on.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(Box<crate::config::ConfigError>),
    /// A command line could not be done.
    #[error(transparent)]
    Command(#[from] crate::cli::CommandError),
    /// The user's constructor refused.
    #[error("the middlebox could not be constructed")]
    Construction(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A log, or another mapped file.
    #[error(transparent)]
    Log(Box<ftmb_runtime::log::LogError>),
    /// A checkpoint or the image.
    #[error(transparent)]
    Checkpoint(Box<ftmb_runtime::checkpoint::CheckpointError>),
    /// State, replay or packet code.
    #[error(transparent)]
    Instance(Box<ftmb_runtime::instance::InstanceError>),
    /// Gateway, ports or the group's directory.
    #[error(transparent)]
    Netio(Box<ftmb_netio::Error>),
    /// The checkpoint at hand is not the one that the epoch starts from.
    #[error("expected to take over from checkpoint {expected:?}, found {found:?}")]
    Base {
        /// The checkpoint that the epoch record names.
        expected: Option<u64>,
        /// The one that this process holds.
        found: Option<u64>,
    },
    /// A re-executed process was given arguments that it does not understand.
    #[error("expected a role, a directory, a slot and a token, found {found}")]
    Arguments {
        /// The arguments.
        found: String,
    },
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
    /// A core's thread panicked outside of packet code.
    #[error("a core's thread panicked")]
    Worker,
}

macro_rules! boxed {
    ($($variant:ident($source:ty);)*) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Error {
                Error::$variant(Box::new(source))
            }
        }
    )*};
}

boxed! {
    Config(crate::config::ConfigError);
    Log(ftmb_runtime::log::LogError);
    Checkpoint(ftmb_runtime::checkpoint::CheckpointError);
    Instance(ftmb_runtime::instance::InstanceError);
    Netio(ftmb_netio::Error);
}

/// `main` prints errors in this form: the message and what caused it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
