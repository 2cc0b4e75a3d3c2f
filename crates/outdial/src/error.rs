//! Errors of the role, and what a caller is told of them.

use trunkline_bus::Refusal;
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::service::Service;

/// Why the role cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The carrier does not let it serve its queue.
    #[error("failed to serve the requests of outdial-manager")]
    Bus(#[from] trunkline_bus::Error),
}

/// A typed error of this service.
pub(crate) fn typed(status: Status, reason: &str, message: &str) -> Refusal {
    Refusal::typed(&TypedError::new(
        status,
        reason,
        Service::OUTDIAL.name(),
        message,
    ))
}

/// What a caller is told when the store fails (chapter 05 B.4): a bare 400. A
/// store that is away or full is a bare 503, so that the caller comes again.
pub(crate) fn store(error: &trunkline_store::Error) -> Refusal {
    use trunkline_store::Error as Store;
    tracing::warn!(%error, "the store failed a request");
    match error {
        Store::Unavailable(_) | Store::Full(_) | Store::Precondition { .. } => Refusal::bare(503),
        Store::Duplicate { .. } | Store::Statement(_) | Store::Shape { .. } => Refusal::bare(400),
    }
}
