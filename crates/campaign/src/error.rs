//! Errors of the role, and what a caller is told of them (chapter 05 A.4).

use trunkline_bus::{Refusal, RpcError};
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::service::Service;
use trunkline_store::Error as StoreError;

/// Why the role cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The carrier does not let it serve its queue or consume its events.
    #[error("failed to consume a queue of campaign-manager")]
    Bus(#[from] trunkline_bus::Error),
    /// A field of the configuration does not fit the others.
    #[error("the configuration `{field}` {detail}")]
    Config {
        /// Its name, with dots.
        field: &'static str,
        /// What is wrong with it.
        detail: &'static str,
    },
}

/// Why a request fails.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no such thing; the reference says so with a typed error on some
    /// paths and with a bare one on others.
    #[error("there is no such {0}")]
    NotFound(Missing),
    #[error("there is no such {0}")]
    BareNotFound(Missing),
    /// Bare 400 in the reference, whatever the reason.
    #[error("{0}")]
    Refused(&'static str),
    #[error("the campaign is not stopped")]
    NotStopped,
    #[error("the attempt is not done")]
    NotDone,
    /// A field of a resource of Trunkline's own.
    #[error("{0}")]
    InvalidRules(String),
    #[error("a service failed a request")]
    Rpc(#[from] RpcError),
    #[error("the store failed a request")]
    Store(#[from] StoreError),
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Campaign,
    Campaigncall,
    Outplan,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Campaign => "campaign",
            Self::Campaigncall => "campaigncall",
            Self::Outplan => "outplan",
        })
    }
}

impl Missing {
    fn typed(self) -> TypedError {
        let (reason, message) = match self {
            Self::Campaign => ("CAMPAIGN_NOT_FOUND", "The campaign was not found."),
            Self::Campaigncall => ("CAMPAIGNCALL_NOT_FOUND", "The campaign call was not found."),
            Self::Outplan => ("OUTPLAN_NOT_FOUND", "The outplan was not found."),
        };
        typed(Status::NotFound, reason, message)
    }
}

fn typed(status: Status, reason: &str, message: &str) -> TypedError {
    TypedError::new(status, reason, Service::CAMPAIGN.name(), message)
}

/// The answer about what has to end before it can be deleted.
fn unfinished(reason: &str, message: &str) -> TypedError {
    typed(Status::FailedPrecondition, reason, message)
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound(missing) => Refusal::typed(&missing.typed()),
            Failure::BareNotFound(_) => Refusal::bare(404),
            Failure::InvalidRules(message) => {
                Refusal::typed(&typed(Status::InvalidArgument, "INVALID_RULES", &message))
            }
            Failure::NotStopped => Refusal::typed(&unfinished(
                "CAMPAIGN_NOT_STOPPED",
                "The campaign is not stopped. Stop it first, and wait until its calls have ended.",
            )),
            Failure::NotDone => Refusal::typed(&unfinished(
                "CAMPAIGNCALL_NOT_DONE",
                "The attempt is not done. Hang its call up first.",
            )),
            Failure::Rpc(RpcError::Typed(error)) => Refusal::typed(&error),
            Failure::Refused(_) | Failure::Rpc(_) | Failure::Store(_) => {
                tracing::debug!(
                    error = &failure as &dyn std::error::Error,
                    "a request is refused"
                );
                Refusal::bare(400)
            }
        }
    }
}

/// What a duty is told when it cannot be done now: to come again.
pub(crate) fn come_again(error: &StoreError) -> Refusal {
    tracing::warn!(%error, "a duty has to wait for the store");
    Refusal::bare(503)
}
