//! Errors of the role, and what a caller is told of them (chapter 05 D.4).

use trunkline_bus::Refusal;
use trunkline_domain::flow as rules;
use trunkline_domain::flow::validation::Invalid;
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::service::Service;
use trunkline_store::{Error as StoreError, InvalidFilter};

/// Why the role cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The carrier does not let it serve its queue or consume its events.
    #[error("failed to consume a queue of flow-manager")]
    Bus(#[from] trunkline_bus::Error),
}

/// Why a request fails.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no such flow")]
    NoFlow,
    #[error("there is no such activeflow")]
    NoActiveflow,
    /// Bare 404 in the reference.
    #[error("there is no such {0}")]
    Missing(&'static str),
    #[error("an action cannot be taken: {0}")]
    Action(#[from] Invalid),
    #[error("a list cannot be filtered: {0}")]
    Filter(#[from] InvalidFilter),
    /// The rules of flows say no.
    #[error("{0}")]
    Rule(#[from] rules::Failure),
    #[error("there would be more than {limit} {what}")]
    Limit { what: &'static str, limit: i64 },
    #[error("the id belongs to another activeflow")]
    IdTaken,
    /// direct-manager is not part of Trunkline.
    #[error("direct links are not built")]
    NoDirectLinks,
    /// Other writers were first, again and again.
    #[error("the activeflow is being changed by others")]
    Busy,
    #[error("the store failed a request")]
    Store(#[from] StoreError),
}

impl Failure {
    /// Whether another writer was first, so that deciding again may help.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }

    /// Whether the same request may succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Busy | Self::Store(StoreError::Unavailable(_) | StoreError::Full(_)) => true,
            Self::NoFlow
            | Self::NoActiveflow
            | Self::Missing(_)
            | Self::Action(_)
            | Self::Filter(_)
            | Self::Rule(_)
            | Self::Limit { .. }
            | Self::IdTaken
            | Self::NoDirectLinks
            | Self::Store(_) => false,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        tracing::debug!(
            error = &failure as &dyn std::error::Error,
            "a request is refused"
        );
        // A duty that is told 503 comes again (architecture decision 11).
        if failure.is_passing() {
            return Refusal::bare(503);
        }
        match &failure {
            Failure::NoFlow => typed(
                Status::NotFound,
                "FLOW_NOT_FOUND",
                "The flow was not found.",
            ),
            Failure::NoActiveflow => typed(
                Status::NotFound,
                "ACTIVEFLOW_NOT_FOUND",
                "The activeflow was not found.",
            ),
            Failure::Missing(_) => Refusal::bare(404),
            Failure::Action(invalid) => {
                let reason = match invalid {
                    Invalid::Type(_) => "INVALID_ACTION_TYPE",
                    Invalid::Anonymous(_) => "INVALID_ANONYMOUS_VALUE",
                };
                typed(Status::InvalidArgument, reason, &invalid.to_string())
            }
            Failure::NoDirectLinks => typed(
                Status::Unavailable,
                "DIRECT_LINKS_UNAVAILABLE",
                "Direct links are not available.",
            ),
            Failure::Filter(_)
            | Failure::Rule(_)
            | Failure::Limit { .. }
            | Failure::IdTaken
            | Failure::Busy
            | Failure::Store(_) => Refusal::bare(400),
        }
    }
}

fn typed(status: Status, reason: &str, message: &str) -> Refusal {
    Refusal::typed(&TypedError::new(
        status,
        reason,
        Service::FLOW.name(),
        message,
    ))
}
