//! Errors of the small roles, and what a caller is told of them.

use trunkline_bus::Refusal;
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::service::Service;

/// Why a role cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The carrier does not let it serve its queue.
    #[error("failed to serve the requests of {service}")]
    Bus {
        /// The role's service name.
        service: &'static str,
        source: trunkline_bus::Error,
    },
    /// The first rows cannot be written.
    #[error("failed to write the first customer")]
    Seed(#[from] trunkline_store::Error),
}

/// A typed error of a service.
pub(crate) fn typed(service: Service, status: Status, reason: &str, message: &str) -> Refusal {
    Refusal::typed(&TypedError::new(status, reason, service.name(), message))
}

/// What a caller is told when the store fails: a store that is away or full is
/// a bare 503, so that the caller comes again; anything else a bare 500.
pub(crate) fn store(error: &trunkline_store::Error) -> Refusal {
    use trunkline_store::Error as Store;
    tracing::warn!(%error, "the store failed a request");
    match error {
        Store::Unavailable(_) | Store::Full(_) | Store::Precondition { .. } => Refusal::bare(503),
        Store::Duplicate { .. } => Refusal::bare(409),
        Store::Statement(_) | Store::Shape { .. } => Refusal::bare(500),
    }
}
