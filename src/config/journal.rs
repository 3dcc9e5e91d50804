//! The `[journal]` table. Invariant: without a directory there is no journal, and then nothing else may be said about one.

use std::path::PathBuf;
use std::time::Duration;

use ftmb_netio::journal::{Durability, JournalConfig, WhenFull, WhenSlow};
use serde::Deserialize;
use toml::Spanned;

use super::text::Picker;
use super::{ConfigError, Place};

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct JournalOverrides {
    pub(crate) directory: Option<PathBuf>,
    pub(crate) durability: Option<Durability>,
    pub(crate) when_slow: Option<WhenSlow>,
    pub(crate) when_full: Option<WhenFull>,
}

/// What the file says.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct JournalText {
    directory: Option<PathBuf>,
    durability: Option<Durability>,
    when_slow: Option<WhenSlow>,
    when_full: Option<WhenFull>,
    segment: Option<Spanned<u64>>,
    keep: Option<Spanned<u64>>,
    slow_after: Option<Spanned<u64>>,
}

/// Both together.
pub(super) fn pick(
    picker: &Picker<'_>,
    text: Option<Spanned<JournalText>>,
    over: &JournalOverrides,
) -> Result<Option<JournalConfig>, ConfigError> {
    let place = text.as_ref().map(|text| picker.place(text.span()));
    let text = text.map(Spanned::into_inner).unwrap_or_default();
    let Some(directory) = over.directory.clone().or(text.directory) else {
        let said = over.durability.is_some() || over.when_slow.is_some() || over.when_full.is_some();
        let place = place.or(said.then(|| Place::Option("--durability, --when-slow, --when-full".into())));
        return match place {
            None => Ok(None),
            Some(place) => {
                let (setting, expected) = ("journal", "a directory (directory = \"...\" or --journal DIR)");
                Err(ConfigError::Value { place, setting, expected, found: "none".into() })
            }
        };
    };
    let defaults = JournalConfig::new(directory);
    let segment = picker.pick("", None, text.segment, defaults.segment).check(
        "segment",
        "a multiple of 4096 from 4 MiB to 1 GiB",
        |bytes| bytes.is_multiple_of(4096) && (JournalConfig::MIN_SEGMENT..=1 << 30).contains(bytes),
    )?;
    let keep =
        picker.pick("", None, text.keep, defaults.keep).check("keep", "at most 2^62 bytes", |&b| b <= 1 << 62)?;
    let slow = picker.pick("", None, text.slow_after, defaults.slow_after.as_millis() as u64).check(
        "slow-after",
        "1 to 60000 ms",
        |ms| (1..=60_000).contains(ms),
    )?;
    Ok(Some(JournalConfig {
        durability: over.durability.or(text.durability).unwrap_or_default(),
        when_slow: over.when_slow.or(text.when_slow).unwrap_or_default(),
        when_full: over.when_full.or(text.when_full).unwrap_or_default(),
        segment,
        keep,
        slow_after: Duration::from_millis(slow),
        ..defaults
    }))
}

/// The table that says the same.
pub(super) fn write(config: &JournalConfig) -> Result<toml::Table, ConfigError> {
    let mut table = toml::Table::new();
    let mut set = |name: &str, value: toml::Value| table.insert(name.into(), value);
    set("directory", toml::Value::try_from(&config.directory)?);
    set("durability", toml::Value::try_from(config.durability)?);
    set("when-slow", toml::Value::try_from(config.when_slow)?);
    set("when-full", toml::Value::try_from(config.when_full)?);
    set("segment", (config.segment as i64).into());
    set("keep", (config.keep as i64).into());
    set("slow-after", (config.slow_after.as_millis() as i64).into());
    Ok(table)
}
