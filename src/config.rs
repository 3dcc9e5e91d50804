//! The configuration of a group. Invariant: it is read once, by the parent; every process of the group builds from the same stored
//! bytes, and their hash is part of the fingerprint, so that two processes never run by different settings.
//!
//! ```toml
//! [group]
//! name = "nat"                  # the instance; default: the name of the App
//! cores = 2                     # worker threads
//! tick = 100                    # ms between ticks
//! checkpoint-interval = 50      # ms between checkpoints, at most
//! standby = "passive"           # or "none": restart from the image
//! polling = "adaptive"          # or "dedicated": the cores have CPUs of their own
//! directory = "/dev/shm/ftmb-0" # where groups live
//! state-dir = "/var/lib/nat"    # where the checkpoint image lives
//! metrics = "127.0.0.1:9464"    # where Prometheus asks for figures; default: nowhere
//!
//! [logs]                        # optional: bytes of each ring, powers of two
//! in = 33554432
//!
//! [ports.inside]                # ports are numbered in this order
//! kind = "pcap"
//! in = "in.pcap"
//!
//! [journal]                     # optional: what survives a power loss
//! directory = "/var/lib/nat/journal"
//! durability = "async"          # or "sync": outputs wait for the disk; or "none": never forced to it, for replay only
//! when-slow = "wait"            # or "suspend": go on without for a while
//! when-full = "suspend"         # or "stop" the group
//! segment = 67108864            # bytes of each file
//! keep = 1073741824             # bytes to keep beyond what recovery needs
//! slow-after = 1000             # ms that a write may take before it suspends
//!
//! [middlebox]                   # the type that App::new was given
//! public = "192.0.2.1"
//! ```

mod error;
mod journal;
mod text;

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use ftmb_netio::group_dir::{GroupDir, LogSizes};
use ftmb_netio::journal::JournalConfig;
use ftmb_netio::port::PortSpec;
use ftmb_netio::supervisor::StandbyMode;
use ftmb_runtime::packet::Ports;
use ftmb_runtime::state::Layout;
use ftmb_runtime::worker::Polling;
use serde::de::DeserializeOwned;

pub use error::{ConfigError, Place};
pub(crate) use journal::JournalOverrides;
pub(crate) use text::Overrides;

/// The sizes of logs that were asked for; the others are chosen by what the file system has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedSizes {
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) det: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ckpt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u64>,
}

impl AskedSizes {
    /// These where they were asked for, the others of `chosen`.
    pub(crate) fn over(&self, chosen: LogSizes) -> LogSizes {
        LogSizes {
            input: self.input.unwrap_or(chosen.input),
            det: self.det.unwrap_or(chosen.det),
            out: self.out.unwrap_or(chosen.out),
            ckpt: self.ckpt.unwrap_or(chosen.ckpt),
            port: self.port.unwrap_or(chosen.port),
        }
    }
}

/// Everything that a group is told.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    name: String,
    cores: usize,
    tick: Duration,
    checkpoint_interval: Duration,
    standby: StandbyMode,
    polling: Polling,
    directory: PathBuf,
    state_dir: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    sizes: AskedSizes,
    ports: Vec<PortSpec>,
    journal: Option<JournalConfig>,
    middlebox: toml::Table,
    /// Identifies the executable.
    build: u64,
    /// All of the above as text: what is stored.
    stored: String,
    /// The text that `[middlebox]` was read from, for messages that point into it.
    origin: (PathBuf, String),
}

impl Config {
    /// Reads a configuration file (none: defaults) and applies what the command line says otherwise. `name`: that of the App.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and column, or the option.
    pub(crate) fn load(file: Option<&Path>, overrides: &Overrides, name: &str) -> Result<Config, ConfigError> {
        let Some(path) = file else { return text::parse(Path::new(""), "", overrides, name) };
        let bytes = std::fs::read(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        Config::from_bytes(path, &bytes, overrides, name)
    }

    /// The configuration of a group that exists, as every role reads it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn stored(dir: &GroupDir) -> Result<Config, ConfigError> {
        let path = dir.config_path();
        let bytes = std::fs::read(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        Config::from_bytes(&path, &bytes, &Overrides::default(), "ftmb")
    }

    fn from_bytes(path: &Path, bytes: &[u8], overrides: &Overrides, name: &str) -> Result<Config, ConfigError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ConfigError::NotText { path: path.into(), position: error.valid_up_to() })?;
        text::parse(path, text, overrides, name)
    }

    /// The bytes to store: they say the same as this configuration, defaults included.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.stored.as_bytes()
    }

    /// The user's part: the `[middlebox]` table.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`], pointing into the file that the table came from.
    pub(crate) fn middlebox<C: DeserializeOwned + Default>(&self) -> Result<C, ConfigError> {
        text::middlebox(self)
    }

    /// Hash of build, configuration, number of cores and layout of the state: processes exchange logs and checkpoints only if
    /// theirs agree.
    pub(crate) fn fingerprint(&self, cores: usize, layout: u64) -> u64 {
        let mut hash = Layout::new();
        hash.number(self.build);
        hash.token(&self.stored);
        hash.number(cores as u64);
        hash.number(layout);
        hash.finish()
    }

    /// The instance.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Worker threads.
    pub(crate) fn cores(&self) -> usize {
        self.cores
    }

    /// Between two ticks.
    pub(crate) fn tick(&self) -> Duration {
        self.tick
    }

    /// Between two checkpoints, at most.
    pub(crate) fn checkpoint_interval(&self) -> Duration {
        self.checkpoint_interval
    }

    /// Who takes over.
    pub(crate) fn standby(&self) -> StandbyMode {
        self.standby
    }

    /// Whether the standby keeps the image; otherwise a process of its own does.
    pub(crate) fn keeps_image_in_standby(&self) -> bool {
        self.standby == StandbyMode::Passive
    }

    /// How cores wait.
    pub(crate) fn polling(&self) -> Polling {
        self.polling
    }

    /// Where groups live.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where image and staged checkpoints live; `None`: in the group's directory.
    pub(crate) fn state_dir(&self) -> Option<&Path> {
        self.state_dir.as_deref()
    }

    /// Where the parent answers Prometheus.
    pub(crate) fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// This configuration with image and staged checkpoints elsewhere.
    ///
    /// # Errors
    /// [`ConfigError::Store`].
    pub(crate) fn with_state_dir(self, state_dir: PathBuf) -> Result<Config, ConfigError> {
        Config { state_dir: Some(state_dir), ..self }.sealed()
    }

    /// This configuration with these ports only.
    ///
    /// # Errors
    /// [`ConfigError::Store`].
    pub(crate) fn with_ports(self, ports: Vec<PortSpec>) -> Result<Config, ConfigError> {
        Config { ports, ..self }.sealed()
    }

    /// This configuration for a group that runs again what was recorded: elsewhere, with these ports, without a journal.
    ///
    /// # Errors
    /// [`ConfigError::Store`].
    pub(crate) fn for_replay(
        self,
        directory: PathBuf,
        name: String,
        ports: Vec<PortSpec>,
    ) -> Result<Config, ConfigError> {
        Config { directory, name, ports, journal: None, state_dir: None, ..self }.sealed()
    }

    fn sealed(mut self) -> Result<Config, ConfigError> {
        self.stored = text::write(&self)?;
        Ok(self)
    }

    /// Sizes of logs that were asked for.
    pub(crate) fn sizes(&self) -> AskedSizes {
        self.sizes
    }

    /// The journal, if there is to be one.
    pub(crate) fn journal(&self) -> Option<&JournalConfig> {
        self.journal.as_ref()
    }

    /// Whether anything is said of the middlebox.
    pub(crate) fn has_middlebox(&self) -> bool {
        !self.middlebox.is_empty()
    }

    /// The configuration in these bytes, which stand in `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Config, ConfigError> {
        Config::from_bytes(path, bytes, &Overrides::default(), "ftmb")
    }

    /// The ports, in the order of their ids.
    pub(crate) fn ports(&self) -> &[PortSpec] {
        &self.ports
    }

    /// The ports as the middlebox sees them.
    pub(crate) fn port_names(&self) -> Ports {
        Ports::new(self.ports.iter().map(PortSpec::name))
    }
}

/// Identifies this executable: by the build id that the linker put into it, else by all of its bytes.
fn build_id() -> Result<u64, ConfigError> {
    static ID: OnceLock<u64> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(*id);
    }
    // The link leads to the file that this process was started from, also when another has taken its place.
    let path = Path::new("/proc/self/exe");
    let failed = |source| ConfigError::Read { path: path.into(), source };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(failed)?;
    let note = bytes.windows(BUILD_ID.len()).position(|window| window == BUILD_ID).map(|at| at + BUILD_ID.len());
    let hash = match note.and_then(|at| bytes.get(at..)?.first_chunk::<20>().copied()) {
        Some(note) => [crc32fast::hash(&note[..10]), crc32fast::hash(&note[10..])],
        None => {
            file.read_to_end(&mut bytes).map_err(failed)?;
            [bytes.len() as u32, crc32fast::hash(&bytes)]
        }
    };
    Ok(*ID.get_or_init(|| u64::from(hash[0]) << 32 | u64::from(hash[1])))
}

/// Bytes of an executable in which its build id stands, if it has one.
const HEAD: u64 = 8192;
/// In front of a build id: lengths of name and id, type, name.
const BUILD_ID: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";

#[cfg(test)]
mod tests;
