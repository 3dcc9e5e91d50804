//! Interruptions. Invariant: after [`Signals::catch`] a SIGINT, SIGTERM or SIGHUP ends nothing by itself; it is noticed at the next
//! look, and whoever looks cleans up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::CommandError;

/// Whether somebody wants this process to end.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    flag: Arc<AtomicBool>,
}

impl Signals {
    /// Catches the signals from now on.
    pub(crate) fn catch() -> Result<Signals, CommandError> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, flag.clone()).map_err(CommandError::io("catching signals"))?;
        }
        Ok(Signals { flag })
    }

    /// Whether one came.
    pub(crate) fn came(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// Whether one came since this was last asked.
    pub(crate) fn take(&self) -> bool {
        self.flag.swap(false, Ordering::SeqCst)
    }
}
