//! Why call-manager could not do something, and what a request is answered then.

use trunkline_bus::{Refusal, RpcError};
use trunkline_domain::call::outgoing::Refused;
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::service::Service;

/// A failure of the role.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such resource; the typed reason, or a bare 404.
    #[error("{0}")]
    NotFound(&'static str),
    /// Another service refused or did not answer.
    #[error("failed to ask another service")]
    Rpc(#[from] RpcError),
    /// Asterisk refused or did not answer.
    #[error("failed to ask Asterisk")]
    Ari(#[from] trunkline_ari::Error),
    /// The store failed.
    #[error("failed to use the store")]
    Store(#[from] trunkline_store::Error),
    /// No Asterisk is connected.
    #[error("no Asterisk is connected")]
    NoAsterisk,
    /// A precondition of the request does not hold.
    #[error("{0}")]
    Precondition(String),
}

impl Error {
    /// Whether another writer was first: nothing was written.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Typed reason of a missing call.
pub(crate) const CALL_NOT_FOUND: &str = "CALL_NOT_FOUND";
/// Typed reason of a missing outbound config.
pub(crate) const OUTBOUND_CONFIG_NOT_FOUND: &str = "OUTBOUND_CONFIG_NOT_FOUND";
/// A row is missing on a path that answers a bare 404.
pub(crate) const ROW_NOT_FOUND: &str = "";

/// The answer of class M (chapter 02 §1.2): typed errors keep their status, a
/// missing row is 404, everything else a bare 500.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(ROW_NOT_FOUND) => Self::bare(404),
            Error::NotFound(reason) => Self::typed(&not_found(reason)),
            Error::Rpc(RpcError::Typed(error)) => Self::typed(&error),
            Error::Rpc(error) => failed(&error),
            Error::Ari(trunkline_ari::Error::Unreachable(RpcError::Typed(error))) => {
                Self::typed(&error)
            }
            Error::NoAsterisk => Self::typed(&TypedError::new(
                Status::Unavailable,
                "ASTERISK_UNAVAILABLE",
                Service::CALL.name(),
                "No Asterisk is connected. Start Asterisk, or correct asterisk.url; the call can be made then.",
            )),
            error @ (Error::Refused(_)
            | Error::Ari(_)
            | Error::Store(_)
            | Error::Precondition(_)) => failed(&error),
        }
    }
}

fn failed(error: &dyn std::error::Error) -> Refusal {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::warn!(%error, cause, "a request is answered with 500");
    Refusal::bare(500)
}

fn not_found(reason: &str) -> TypedError {
    let message = match reason {
        OUTBOUND_CONFIG_NOT_FOUND => "The outbound config was not found.",
        _ => "The call was not found.",
    };
    TypedError::new(Status::NotFound, reason, Service::CALL.name(), message)
}
