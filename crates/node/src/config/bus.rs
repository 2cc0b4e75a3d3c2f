//! The section `bus`: what carries requests and events between roles.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trunkline_bus::breaker::Limits;
use trunkline_bus_rabbitmq::Address;

/// Queues that one process watches with circuit breakers.
const BREAKER_TARGETS: usize = 10_000;

/// The carrier.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bus {
    /// The broker; none: everything stays inside this process.
    pub url: Url,
    pub breaker: Breaker,
    pub rabbitmq: trunkline_bus_rabbitmq::Config,
}

/// The broker's address, or an empty text. Never written out with its password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Url(pub Option<Address>);

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(address) => address.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        text.parse()
            .map(|address| Self(Some(address)))
            .map_err(D::Error::custom)
    }
}

/// Circuit breakers of outgoing requests; over a broker only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// Requests without an answer, in a row, after which a queue is left alone; 0 =
    /// never.
    pub failures: u32,
    /// For how long, milliseconds.
    pub open_ms: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            failures: limits.failures,
            open_ms: u64::try_from(limits.open_for.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Breaker {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            failures: self.failures,
            open_for: Duration::from_millis(self.open_ms),
            targets: BREAKER_TARGETS,
        }
    }
}
