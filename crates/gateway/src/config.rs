//! Limits of the HTTP API.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkline_model::id::CustomerId;

/// How the HTTP API is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections served at the same time; further ones wait.
    pub max_connections: usize,
    /// Largest body of a request, bytes.
    pub body_limit_bytes: usize,
    /// Largest body of a request that adds many targets, bytes.
    pub bulk_body_limit_bytes: usize,
    /// Longest time that the body of a request may take to arrive, milliseconds.
    pub body_timeout_ms: u64,
    /// Time-out of the request to the role that answers, milliseconds.
    pub request_timeout_ms: u64,
    /// Rows of a page when the caller does not say.
    pub page_size: u32,
    /// Most rows that a caller may ask for.
    pub page_size_max: u32,
    /// Customers whose tokens may change what all customers share, such as
    /// providers, and see what is parked.
    pub operators: Vec<CustomerId>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            max_connections: 1_024,
            body_limit_bytes: 1 << 20,
            bulk_body_limit_bytes: 8 << 20,
            body_timeout_ms: 10_000,
            request_timeout_ms: 10_000,
            page_size: 100,
            page_size_max: 1_000,
            operators: Vec::new(),
        }
    }
}

impl Config {
    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}
