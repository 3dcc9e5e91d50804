//! Which running group a command is about. Invariant: a group that was not named is used only if there is no doubt which one.

use std::path::{Path, PathBuf};

use clap::Args;
use ftmb_netio::group_dir::GroupDir;
use ftmb_netio::group_record::GroupRecord;

use super::CommandError;
use crate::Result;

/// A running group.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selection {
    /// Name of the group [default: that of the program, or the only one there is]
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Where groups live [default: /dev/shm/ftmb-<uid>]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

impl Selection {
    /// Finds the group and attaches to its record.
    pub(crate) fn open(&self, program: &str) -> Result<(GroupDir, GroupRecord)> {
        let root = self.directory.clone().unwrap_or_else(GroupDir::default_root);
        let dir = match &self.instance {
            Some(name) => GroupDir::at(root.join(name)),
            None => find(&root, program)?,
        };
        match dir.record_path().try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(CommandError::NoGroup { path: dir.path().into() }.into()),
            Err(source) => return Err(CommandError::Hidden { path: dir.path().into(), source }.into()),
        }
        let record = GroupRecord::open_any(&dir.record_path())?;
        Ok((dir, record))
    }
}

/// The group of the program's name; else the only one of its demos that runs.
fn find(root: &Path, program: &str) -> Result<GroupDir> {
    let dir = GroupDir::at(root.join(program));
    if dir.record_path().exists() {
        return Ok(dir);
    }
    let prefix = format!("{program}-");
    let entries = std::fs::read_dir(root).into_iter().flatten().filter_map(|entry| entry.ok());
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(&prefix) && GroupDir::at(root.join(name)).alive().is_some()).collect();
    names.sort();
    match &names[..] {
        [] => Ok(dir),
        [name] => Ok(GroupDir::at(root.join(name))),
        _ => Err(CommandError::WhichGroup { root: root.into(), names }.into()),
    }
}
