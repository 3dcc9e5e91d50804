//! The configuration as text. Invariant: what [`write`] wrote, [`parse`] reads as the same configuration.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::group_record::{MAX_CORES, MAX_PORTS};
use ftmb_netio::port::PortSpec;
use ftmb_netio::supervisor::StandbyMode;
use ftmb_runtime::worker::Polling;
use serde::Deserialize;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use toml::Spanned;

use super::journal::{self, JournalOverrides, JournalText};
use super::{AskedSizes, Config, ConfigError, Place};

/// What the command line says, over the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) name: Option<String>,
    pub(crate) cores: Option<u64>,
    pub(crate) tick: Option<u64>,
    pub(crate) checkpoint_interval: Option<u64>,
    pub(crate) standby: Option<StandbyMode>,
    pub(crate) polling: Option<Polling>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) metrics: Option<SocketAddr>,
    /// A port of the same name as one in the file takes its place; others follow.
    pub(crate) ports: Vec<PortSpec>,
    pub(crate) journal: JournalOverrides,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    group: Group,
    #[serde(default)]
    logs: AskedSizes,
    #[serde(default)]
    ports: PortTables,
    journal: Option<Spanned<JournalText>>,
    #[serde(default)]
    middlebox: toml::Table,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Group {
    name: Option<Spanned<String>>,
    cores: Option<Spanned<u64>>,
    tick: Option<Spanned<u64>>,
    checkpoint_interval: Option<Spanned<u64>>,
    standby: Option<StandbyMode>,
    polling: Option<Polling>,
    directory: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    metrics: Option<SocketAddr>,
}

/// The tables of the ports, in the order of the file.
#[derive(Default)]
struct PortTables(Vec<(String, Spanned<toml::Table>)>);

impl<'de> Deserialize<'de> for PortTables {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<PortTables, D::Error> {
        struct Tables;
        impl<'de> Visitor<'de> for Tables {
            type Value = PortTables;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of ports")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PortTables, A::Error> {
                let mut tables = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    tables.push(entry);
                }
                Ok(PortTables(tables))
            }
        }
        deserializer.deserialize_map(Tables)
    }
}

/// A setting and where it stands.
pub(super) struct Setting<T> {
    value: T,
    place: Place,
}

impl<T: ToString> Setting<T> {
    pub(super) fn check(
        self,
        setting: &'static str,
        expected: &'static str,
        fits: impl Fn(&T) -> bool,
    ) -> Result<T, ConfigError> {
        if fits(&self.value) {
            return Ok(self.value);
        }
        Err(ConfigError::Value { place: self.place, setting, expected, found: self.value.to_string() })
    }
}

/// Takes settings from the command line, else from the file, else the default.
pub(super) struct Picker<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Picker<'_> {
    pub(super) fn pick<T>(&self, option: &str, over: Option<T>, file: Option<Spanned<T>>, default: T) -> Setting<T> {
        match (over, file) {
            (Some(value), _) => Setting { value, place: Place::Option(option.into()) },
            (None, Some(file)) => {
                let place = self.place(file.span());
                Setting { value: file.into_inner(), place }
            }
            (None, None) => Setting { value: default, place: Place::Default },
        }
    }

    pub(super) fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place::in_text(self.path, self.text, Some(span))
    }

    fn ports(&self, tables: PortTables, over: &[PortSpec]) -> Result<Vec<PortSpec>, ConfigError> {
        let mut ports: Vec<(PortSpec, Place)> = Vec::new();
        for (name, table) in tables.0 {
            let place = self.place(table.span());
            let mut table = table.into_inner();
            table.insert("name".into(), toml::Value::String(name.clone()));
            // The table of a port is refused as a whole: its place is that of the table.
            let port = PortSpec::deserialize(table)
                .map_err(|error| ConfigError::Syntax { place: place.clone(), message: of_port(&name, &error) })?;
            ports.push((port, place));
        }
        for (at, port) in over.iter().enumerate() {
            let place = || Place::Option(format!("--port {port}"));
            if over[..at].iter().any(|other| other.name() == port.name()) {
                return Err(ConfigError::SamePort { place: place(), name: port.name().into() });
            }
            match ports.iter_mut().find(|(other, _)| other.name() == port.name()) {
                Some(other) => *other = (port.clone(), place()),
                None => ports.push((port.clone(), place())),
            }
        }
        if ports.len() > MAX_PORTS {
            let (setting, expected) = ("ports", "at most 16 ports");
            return Err(ConfigError::Value {
                place: over.last().map_or_else(
                    || Place::in_text(self.path, self.text, None),
                    |port| Place::Option(format!("--port {port}")),
                ),
                setting,
                expected,
                found: ports.len().to_string(),
            });
        }
        for (at, (port, place)) in ports.iter().enumerate() {
            let shared = |other: &PortSpec| other.kind().shared(port.kind());
            if let Some((what, other)) = ports[..at].iter().find_map(|(other, _)| Some((shared(other)?, other))) {
                let (name, other) = (port.name().into(), other.name().into());
                return Err(ConfigError::SamePlace { place: place.clone(), name, other, what });
            }
        }
        Ok(ports.into_iter().map(|(port, _)| port).collect())
    }
}

/// Parses a file's text and applies the command line.
pub(super) fn parse(path: &Path, text: &str, over: &Overrides, name: &str) -> Result<Config, ConfigError> {
    let parsed: Text = toml::from_str(text).map_err(|error| syntax(path, text, &error))?;
    let group = parsed.group;
    let picker = Picker { path, text };
    let name = picker.pick("--instance", over.name.clone(), group.name, name.to_owned()).check(
        "name",
        "1 to 64 letters, digits, `-`, `_` or `.`, not beginning with `.`",
        |name| is_name(name),
    )?;
    let cores = picker
        .pick("--cores", over.cores, group.cores, 1)
        .check("cores", "1 to 32", |cores| (1..=MAX_CORES as u64).contains(cores))?;
    let milliseconds = |value: &u64| (1..=60_000).contains(value);
    let tick = picker.pick("--tick", over.tick, group.tick, 100).check("tick", "1 to 60000 ms", milliseconds)?;
    let interval = picker
        .pick("--checkpoint-interval", over.checkpoint_interval, group.checkpoint_interval, 50)
        .check("checkpoint-interval", "1 to 60000 ms", milliseconds)?;
    Config {
        name,
        cores: cores as usize,
        tick: Duration::from_millis(tick),
        checkpoint_interval: Duration::from_millis(interval),
        standby: over.standby.or(group.standby).unwrap_or_default(),
        polling: over.polling.or(group.polling).unwrap_or_default(),
        directory: over.directory.clone().or(group.directory).unwrap_or_else(GroupDir::default_root),
        state_dir: over.state_dir.clone().or(group.state_dir),
        metrics: over.metrics.or(group.metrics),
        sizes: parsed.logs,
        ports: picker.ports(parsed.ports, &over.ports)?,
        journal: journal::pick(&picker, parsed.journal, &over.journal)?,
        middlebox: parsed.middlebox,
        build: super::build_id()?,
        stored: String::new(),
        origin: (path.to_owned(), text.to_owned()),
    }
    .sealed()
}

/// Whether an instance may be called so: its name is that of a directory.
pub(super) fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(letter)
}

fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let mut message = error.message().to_owned();
    // Types that read a text say what is wrong, not with what.
    let found = error.span().and_then(|span| text.get(span)).filter(|found| !found.is_empty() && !found.contains('\n'));
    if let Some(found) =
        found.filter(|found| !message.contains(found.trim_matches('"')) && !message.starts_with("missing"))
    {
        message += &format!(", found {found}");
    }
    ConfigError::Syntax { place: Place::in_text(path, text, error.span()), message }
}

/// What is wrong with the table of a port: which port, and, if the error knows, which key.
fn of_port(name: &str, error: &toml::de::Error) -> String {
    let (message, whole) = (error.message(), error.to_string());
    let key = whole.lines().find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    match key {
        Some(key) => format!("port `{name}`: `{key}`: {message}"),
        None if message.starts_with("port `") => message.to_owned(),
        None => format!("port `{name}`: {message}"),
    }
}

/// The whole configuration as text, defaults included.
pub(super) fn write(config: &Config) -> Result<String, ConfigError> {
    let mut group = toml::Table::new();
    let mut set = |name: &str, value: toml::Value| group.insert(name.into(), value);
    set("name", config.name.clone().into());
    set("cores", (config.cores as i64).into());
    set("tick", (config.tick.as_millis() as i64).into());
    set("checkpoint-interval", (config.checkpoint_interval.as_millis() as i64).into());
    set("standby", toml::Value::try_from(config.standby)?);
    set("polling", toml::Value::try_from(config.polling)?);
    set("directory", toml::Value::try_from(&config.directory)?);
    if let Some(state_dir) = &config.state_dir {
        set("state-dir", toml::Value::try_from(state_dir)?);
    }
    if let Some(metrics) = config.metrics {
        set("metrics", metrics.to_string().into());
    }
    let mut ports = toml::Table::new();
    for port in &config.ports {
        let mut table = toml::Table::try_from(port)?;
        table.remove("name");
        ports.insert(port.name().into(), table.into());
    }
    let mut whole = toml::Table::new();
    whole.insert("group".into(), group.into());
    whole.insert("logs".into(), toml::Value::try_from(config.sizes)?);
    whole.insert("ports".into(), ports.into());
    if let Some(journal) = &config.journal {
        whole.insert("journal".into(), journal::write(journal)?.into());
    }
    whole.insert("middlebox".into(), config.middlebox.clone().into());
    Ok(toml::to_string(&whole)?)
}

/// The user's part.
pub(super) fn middlebox<C: DeserializeOwned + Default>(config: &Config) -> Result<C, ConfigError> {
    #[derive(Deserialize)]
    struct Part<C> {
        middlebox: C,
    }
    if config.middlebox.is_empty() {
        return Ok(C::default());
    }
    // From the text, not from the parsed table: only the text knows where things stand.
    let (path, text) = &config.origin;
    let part: Part<C> = toml::from_str(text).map_err(|error| syntax(path, text, &error))?;
    Ok(part.middlebox)
}
