//! What a gateway is told. Invariant: every field has a default that works on one host.

use std::path::PathBuf;
use std::time::Duration;

use ftmb_runtime::worker::Polling;

use crate::journal::JournalConfig;
use crate::supervisor::StandbyMode;

/// Settings of a gateway.
///
/// ```
/// use ftmb_netio::gateway::GatewayConfig;
/// assert_eq!(GatewayConfig::default().tick.as_millis(), 100);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Between two ticks.
    pub tick: Duration,
    /// Between two checkpoints, at most, while there is something to cover.
    pub checkpoint_interval: Duration,
    /// Who keeps the image.
    pub standby: StandbyMode,
    /// How the gateway waits.
    pub polling: Polling,
    /// Where image and staged deltas live, if not in the group's directory.
    pub state_dir: Option<PathBuf>,
    /// The group ends (not drained) when the gateway's parent process is no longer the one in the group record.
    pub end_with_parent: bool,
    /// The group stops, drained, when no port will ever hand in a frame again.
    pub end_when_exhausted: bool,
    /// What is written to survive a power loss; `None`: nothing.
    pub journal: Option<JournalConfig>,
}

impl Default for GatewayConfig {
    fn default() -> GatewayConfig {
        GatewayConfig {
            tick: Duration::from_millis(100),
            checkpoint_interval: Duration::from_millis(50),
            standby: StandbyMode::Passive,
            polling: Polling::Adaptive,
            state_dir: None,
            end_with_parent: false,
            end_when_exhausted: false,
            journal: None,
        }
    }
}
