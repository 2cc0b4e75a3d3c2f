//! What can go wrong between two roles.

use std::time::Duration;

/// An error of the carrier. A reply with an error status is not one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nobody declared this queue: the role that serves it does not run here.
    #[error("no role serves the queue `{0}`")]
    NoQueue(String),
    /// No reply within the time. The work may have been done all the same.
    #[error("no reply from the queue `{queue}` within {} ms", waited.as_millis())]
    Timeout {
        /// The queue that was asked.
        queue: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The connection to the broker ended while the reply was waited for. The
    /// work may have been done all the same.
    #[error("the connection to the broker was lost before the queue `{0}` replied")]
    Disconnected(String),
    /// The message is larger than the carrier takes. It was not sent.
    #[error("a message of {bytes} bytes is larger than the {most} bytes that may be sent")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The queue did not answer several times in a row and is left alone for a
    /// while. The request was not sent.
    #[error("circuit breaker is open for target: {0}")]
    Open(String),
    /// There was no broker that takes requests within the time. It was not sent.
    #[error("there was no broker that takes the request for the queue `{queue}` within {} ms", waited.as_millis())]
    Away {
        /// The queue that was to be asked.
        queue: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Nobody took the request within the time, and nobody will.
    #[error("nobody took the request from the queue `{queue}` within {} ms", waited.as_millis())]
    Untaken {
        /// The queue in which it waited.
        queue: String,
        /// How long it waited.
        waited: Duration,
    },
    /// The queue is full and stayed full. The message was not accepted.
    #[error("the queue `{0}` is full")]
    Full(String),
    /// The queue has a consumer of this process already.
    #[error("the queue `{0}` has a consumer in this process already")]
    Consumed(String),
    /// The broker does not let us have it: somebody has to do something about it.
    #[error("the broker refuses `{name}`: {why}")]
    Refused {
        /// The queue or exchange.
        name: String,
        /// What the broker says.
        why: String,
    },
    /// The carrier is shutting down or disconnected. The message was not accepted.
    #[error("the bus is closed")]
    Closed,
}

impl Error {
    /// Whether no repetition of the same message can help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }

    /// Whether the request certainly was not executed.
    #[must_use]
    pub fn not_delivered(&self) -> bool {
        match self {
            Self::NoQueue(_)
            | Self::Away { .. }
            | Self::Untaken { .. }
            | Self::Full(_)
            | Self::Consumed(_)
            | Self::Refused { .. }
            | Self::Open(_)
            | Self::TooLarge { .. }
            | Self::Closed => true,
            Self::Timeout { .. } | Self::Disconnected(_) => false,
        }
    }
}
