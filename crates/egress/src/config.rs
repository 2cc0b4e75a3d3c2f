//! What may be reached, and how long it may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::allow::Allowed;

/// How addresses that customers name are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Networks and hosts that may be reached although they are not public:
    /// `10.1.2.0/24`, `127.0.0.1`, `hooks.internal`.
    pub allow: Vec<String>,
    /// Longest time until a connection stands, milliseconds: the look-up of the
    /// name and TLS included.
    pub connect_timeout_ms: u64,
    /// Redirects that are followed where any are.
    pub max_redirects: usize,
    /// Connections to one host that are kept open for the next request.
    pub idle_connections_per_host: usize,
    /// How long they are kept, milliseconds.
    pub idle_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            connect_timeout_ms: 3_000,
            max_redirects: 3,
            idle_connections_per_host: 8,
            idle_timeout_ms: 30_000,
        }
    }
}

/// An entry of `allow` that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no network (10.1.2.0/24), no address (127.0.0.1) and no name of a host (hooks.internal)"
)]
pub struct Wrong(pub String);

impl Config {
    /// The entries of `allow`, understood.
    ///
    /// # Errors
    ///
    /// The first one that says nothing.
    pub fn allowed(&self) -> Result<Allowed, Wrong> {
        Allowed::parse(&self.allow)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }
}
