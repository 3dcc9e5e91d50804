//! Where a group keeps its image and staged checkpoints if not in its own directory. Invariant: of a directory that was there
//! before, only what a group puts there is removed.

use std::path::PathBuf;

use crate::Result;
use crate::config::Config;

/// Free space that the image may need and logs do not leave on a small file system, bytes.
const ROOM_FOR_IMAGE: u64 = 512 << 20;

/// The directory of image and staged checkpoints, by the settings and the bytes that are `free` where the group lives; `None`: with
/// the group. It stays there if there is room; else it goes to the user's state directory.
pub(crate) fn choose(config: &Config, free: u64) -> Option<PathBuf> {
    if let Some(given) = config.state_dir() {
        return Some(given.join(config.name()));
    }
    if free >= ROOM_FOR_IMAGE {
        return None;
    }
    let home = |name, rest: &str| std::env::var_os(name).map(|at| PathBuf::from(at).join(rest));
    let root = home("XDG_STATE_HOME", "ftmb").or_else(|| home("HOME", ".local/state/ftmb"));
    root.map(|root| root.join(config.name()))
}

/// The configuration with the directory that [`choose`] chose. One that nobody asked for must be possible, else the image stays with
/// the group.
pub(super) fn settle(config: Config, free: u64) -> Result<Config> {
    match choose(&config, free) {
        Some(path) if config.state_dir().is_some() || std::fs::create_dir_all(&path).is_ok() => {
            Ok(config.with_state_dir(path)?)
        }
        _ => Ok(config),
    }
}

/// Removes what a group keeps outside of its directory. `config`: as it is stored.
pub(super) fn clean(config: &Config) -> Result<()> {
    let Some(path) = config.state_dir() else { return Ok(()) };
    let files = ["image", "image.lock"].map(|name| std::fs::remove_file(path.join(name)));
    for removed in files.into_iter().chain([std::fs::remove_dir_all(path.join("stage"))]) {
        if let Err(source) = removed
            && source.kind() != std::io::ErrorKind::NotFound
        {
            return Err(ftmb_netio::Error::Io { path: path.into(), step: "clean", source }.into());
        }
    }
    // Only if nothing else is in it.
    let _ = std::fs::remove_dir(path);
    Ok(())
}

/// Makes the place for what a group keeps outside of its directory.
pub(super) fn make(config: &Config) -> Result<()> {
    clean(config)?;
    let Some(path) = config.state_dir() else { return Ok(()) };
    let failed = |source| ftmb_netio::Error::Io { path: path.into(), step: "create directory", source };
    Ok(std::fs::create_dir_all(path).map_err(failed)?)
}
