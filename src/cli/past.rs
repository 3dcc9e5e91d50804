//! A group that goes on after a power loss. Invariant: it goes on only with the build and the configuration that it had; anything
//! else is refused before something is touched.

use ftmb_netio::journal::{Recovery, refuse_in_use};

use crate::Result;
use crate::config::Config;

/// What a group had been before, by its journal.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) recovery: Recovery,
    /// The configuration that it had: as this one, and where its image lived.
    pub(super) config: Config,
}

/// The unfinished run in the journal of a group that is about to start, if there is one. `layout`: of the middlebox's state.
pub(super) fn find(config: &Config, layout: u64) -> Result<Option<Past>> {
    let Some(journal) = config.journal() else { return Ok(None) };
    refuse_in_use(&journal.directory).map_err(ftmb_netio::Error::from)?;
    let Some(recovery) = Recovery::find(&journal.directory).map_err(ftmb_netio::Error::from)? else { return Ok(None) };
    let past = Config::parse(&recovery.path().join("birth"), recovery.config())?;
    let wanted = match past.state_dir() {
        Some(state_dir) if config.state_dir() != Some(state_dir) => {
            config.clone().with_state_dir(state_dir.to_owned())?
        }
        _ => config.clone(),
    };
    recovery.check(wanted.fingerprint(wanted.cores(), layout)).map_err(ftmb_netio::Error::from)?;
    if let Some(why) = recovery.suspended() {
        tracing::error!(
            why = why.trim_end(),
            "the group had gone on without its journal: what left after that may be contradicted now"
        );
    }
    let (committed, released) = (recovery.committed(), recovery.released());
    tracing::warn!(run = %recovery.path().display(), committed, ?released, "the group goes on from its journal");
    Ok(Some(Past { recovery, config: past }))
}
