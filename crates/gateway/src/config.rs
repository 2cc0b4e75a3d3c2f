//! Limits of the HTTP API.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkline_model::id::CustomerId;

/// How the HTTP API is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections served at the same time; further ones wait.
    pub max_connections: usize,
    /// Largest body of a request, bytes.
    pub body_limit_bytes: usize,
    /// Longest time that the body of a request may take to arrive, milliseconds.
    pub body_timeout_ms: u64,
    /// Largest body of a route that takes many things at once, bytes.
    pub bulk_body_limit_bytes: usize,
    /// All headers of a request together, bytes.
    pub header_limit_bytes: usize,
    /// Longest time that the headers of a request may take to arrive, and that a
    /// connection may be idle, milliseconds.
    pub header_timeout_ms: u64,
    /// Longest time that a caller may leave an answer unread, milliseconds.
    pub write_timeout_ms: u64,
    /// How deep the values of a body may be nested.
    pub json_depth: usize,
    /// Entries of one list or object of a body.
    pub json_items: usize,
    /// Longest text in a body, bytes.
    pub json_text_bytes: usize,
    /// Requests per second of one token; 0 is no limit.
    pub requests_per_second: f64,
    /// Requests that a token may make at once after a pause.
    pub burst: u32,
    /// Requests of one token that are answered at the same time.
    pub concurrent_requests: usize,
    /// Tokens that a customer may have.
    pub tokens_per_customer: u32,
    /// How long a token that was looked up is believed, milliseconds; one that is
    /// revoked here is refused at once.
    pub token_memory_ms: u64,
    /// Pause between two writes of when tokens were used last, milliseconds.
    pub token_uses_interval_ms: u64,
    /// How long the answer to a request with an idempotency key is kept,
    /// milliseconds.
    pub idempotency_keep_ms: u64,
    /// Idempotency keys of one customer that are kept.
    pub idempotency_keys: u32,
    /// Pause between two looks for keys that are old, milliseconds.
    pub idempotency_sweep_ms: u64,
    /// Most events that are kept for readers who come back.
    pub events_kept: usize,
    /// Their size together, bytes.
    pub events_kept_bytes: usize,
    /// How far a reader of events may fall behind before it is sent away.
    pub events_behind: u64,
    /// Pause after which a silent stream of events says that it lives,
    /// milliseconds.
    pub events_heartbeat_ms: u64,
    /// Readers of events that one token may have.
    pub events_per_token: usize,
    /// Readers of events at the same time.
    pub events_connections: usize,
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
            body_timeout_ms: 10_000,
            bulk_body_limit_bytes: 8 << 20,
            header_limit_bytes: 16_384,
            header_timeout_ms: 60_000,
            write_timeout_ms: 30_000,
            json_depth: 32,
            json_items: 10_000,
            json_text_bytes: 262_144,
            requests_per_second: 500.0,
            burst: 1_000,
            concurrent_requests: 128,
            tokens_per_customer: 1_000,
            token_memory_ms: 5_000,
            token_uses_interval_ms: 60_000,
            idempotency_keep_ms: 86_400_000,
            idempotency_keys: 100_000,
            idempotency_sweep_ms: 600_000,
            events_kept: 10_000,
            events_kept_bytes: 16 << 20,
            events_behind: 5_000,
            events_heartbeat_ms: 15_000,
            events_per_token: 8,
            events_connections: 256,
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

    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(crate) fn token_memory(&self) -> Duration {
        Duration::from_millis(self.token_memory_ms)
    }

    pub(crate) fn token_uses_interval(&self) -> Duration {
        Duration::from_millis(self.token_uses_interval_ms)
    }

    pub(crate) fn idempotency_keep(&self) -> Duration {
        Duration::from_millis(self.idempotency_keep_ms)
    }

    pub(crate) fn idempotency_sweep(&self) -> Duration {
        Duration::from_millis(self.idempotency_sweep_ms)
    }

    pub(crate) fn events_heartbeat(&self) -> Duration {
        Duration::from_millis(self.events_heartbeat_ms)
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}
