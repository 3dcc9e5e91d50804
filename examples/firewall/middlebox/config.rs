//! What can be configured.
//!
//! Invariant: none of it changes while packets flow; the rules given here are those that the firewall starts with.

use serde::Deserialize;

use super::{
    rule::{Rule, RuleError},
    rules::{self, RequestError},
    tracking::Timeouts,
};

/// The `[middlebox]` table of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FirewallConfig {
    /// The rules to start with, in order.
    rules: Vec<String>,
    /// Flows that are remembered at a time; beyond them no new one is let in or out.
    pub(crate) max_flows: usize,
    /// Whether frames that are neither IPv4 nor ARP pass: IPv6, say, to which the rules do not apply.
    pub(crate) pass_other: bool,
    /// When idle flows are forgotten.
    pub(crate) timeouts: Timeouts,
}

/// The rules of a small site: a web server and a name server for all the world, and no mail but through the relay.
impl Default for FirewallConfig {
    fn default() -> Self {
        let rules = [
            "allow out tcp from 10.1.0.3/32 to port 25",
            "deny out tcp to port 25",
            "allow in tcp to 10.1.0.1/32 port 443",
            "allow in udp to 10.1.0.2/32 port 53",
        ];
        Self {
            rules: rules.map(Into::into).into(),
            max_flows: 1 << 18,
            pass_other: false,
            timeouts: Timeouts::default(),
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// A rule that is none.
    #[error("rule {number} (`{text}`): {source}")]
    Rule { number: usize, text: String, source: RuleError },
    /// More rules than there may be.
    #[error(transparent)]
    Rules(RequestError),
}

impl FirewallConfig {
    /// The same with other rules.
    #[cfg(test)]
    pub(crate) fn with_rules(self, rules: &[&str]) -> Self {
        Self { rules: rules.iter().map(|&rule| rule.into()).collect(), ..self }
    }

    /// The rules to start with.
    pub(crate) fn rules(&self) -> Result<Vec<Rule>, ConfigError> {
        if self.rules.len() > rules::MOST {
            return Err(ConfigError::Rules(RequestError::TooMany));
        }
        let parse = |(place, text): (usize, &String)| {
            text.parse().map_err(|source| ConfigError::Rule { number: place + 1, text: text.clone(), source })
        };
        self.rules.iter().enumerate().map(parse).collect()
    }
}
