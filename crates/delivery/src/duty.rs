//! A duty: an ordinary request that is to be sent at a given time.

use serde_json::value::RawValue;
use trunkline_bus::Method;
use trunkline_model::{Timestamp, wire};

/// A request with a due time, an owner and a key.
///
/// The receiver decides whether it still applies: a firing whose reason has
/// gone does nothing (architecture decision 11).
#[derive(Debug, Clone)]
pub struct Duty {
    /// Identifies the duty within its service: scheduling the same key again
    /// replaces it.
    pub key: String,
    /// What it belongs to, such as a call id; all duties of an owner can be
    /// cancelled at once.
    pub owner: String,
    /// When it is due.
    pub due_at: Timestamp,
    /// Queue of the request.
    pub queue: String,
    /// Method of the request.
    pub method: Method,
    /// URI of the request.
    pub uri: String,
    /// Payload of the request.
    pub data: Option<Box<RawValue>>,
}

impl Duty {
    /// A duty without payload.
    #[must_use]
    pub fn new(
        key: impl Into<String>,
        owner: impl ToString,
        due_at: Timestamp,
        queue: impl Into<String>,
        method: Method,
        uri: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            owner: owner.to_string(),
            due_at,
            queue: queue.into(),
            method,
            uri: uri.into(),
            data: None,
        }
    }

    /// The same with a JSON payload.
    #[must_use]
    pub fn json<T: serde::Serialize + ?Sized>(mut self, payload: &T) -> Self {
        self.data = Some(wire::raw(payload));
        self
    }
}
