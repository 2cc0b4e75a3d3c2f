//! Why call-manager could not do something, and what a request is answered then.

use trunkline_bus::{Refusal, RpcError};
use trunkline_domain::call::outgoing::Refused;
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::limits::{CALL_RATE_EXCEEDED, TOO_MANY_CALLS};
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
    /// Whoever asks is told what is wrong, and what to do.
    #[error("{}", .0.message)]
    Told(Box<TypedError>),
    /// It cannot be done now: the event is to come again.
    #[error("{0}")]
    Later(String),
}

impl Error {
    /// What the asker is told, with a reason that has a page in `docs/errors`.
    pub(crate) fn told(status: Status, reason: &str, message: &str) -> Self {
        let error = TypedError::new(status, reason, Service::CALL.name(), message);
        Self::Told(Box::new(error))
    }

    /// A field of a request that does not fit.
    pub(crate) fn field(field: &str, message: &str) -> Self {
        let mut error = TypedError::new(
            Status::InvalidArgument,
            "INVALID_ARGUMENT",
            Service::CALL.name(),
            message,
        );
        error.details.push(serde_json::json!({ "field": field }));
        Self::Told(Box::new(error))
    }

    /// Whether something was there already, or came in between.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::Precondition(_) => true,
            Self::Store(error) => error.is_conflict(),
            Self::Refused(_)
            | Self::NotFound(_)
            | Self::Rpc(_)
            | Self::Ari(_)
            | Self::NoAsterisk
            | Self::Told(_)
            | Self::Later(_) => false,
        }
    }

    /// Nothing can be done on a call that nobody talks on.
    pub(crate) fn not_progressing() -> Self {
        Self::told(
            Status::FailedPrecondition,
            "CALL_NOT_PROGRESSING",
            "The call is not answered, or has ended. This can be done while somebody talks.",
        )
    }

    /// There is nothing to stop: the call has no recording of its own.
    pub(crate) fn not_recorded() -> Self {
        Self::told(
            Status::FailedPrecondition,
            "CALL_NOT_RECORDED",
            "The call is not being recorded. Its recording has ended, or was never started.",
        )
    }

    /// The same error as the asker of something on a channel is told it: what
    /// Asterisk says of the channel is not a failure of ours.
    pub(crate) fn on_channel(self) -> Self {
        let Self::Ari(error) = self else {
            return self;
        };
        match error {
            trunkline_ari::Error::Gone { .. } => Self::told(
                Status::NotFound,
                "CHANNEL_NOT_FOUND",
                "The call's channel has ended.",
            ),
            trunkline_ari::Error::Refused { message, .. } => Self::told(
                Status::FailedPrecondition,
                "ASTERISK_REFUSED",
                &format!("Asterisk refused: {message}"),
            ),
            trunkline_ari::Error::Unreachable(_) => Self::told(
                Status::Unavailable,
                "ASTERISK_UNAVAILABLE",
                "The Asterisk of the call does not answer.",
            ),
            error @ trunkline_ari::Error::Answer(_) => Self::Ari(error),
        }
    }

    /// The same error of an event's handler: what another service could not answer
    /// now is asked again.
    pub(crate) fn again(self) -> Self {
        let Self::Rpc(error) = self else {
            return self;
        };
        if error.is_unavailable() {
            return Self::Later(error.to_string());
        }
        Self::Rpc(error)
    }

    /// The answer of one who asked to be told why: ours, the reference's is a bare 500.
    pub(crate) fn explained(self) -> Refusal {
        let (reason, message) = match &self {
            Self::Refused(Refused::CallRate(_) | Refused::TooManyCalls(_)) => return self.into(),
            Self::Refused(refused) => ("CALL_REFUSED", refused.to_string()),
            Self::Ari(trunkline_ari::Error::Refused { .. }) => ("NOT_DIALABLE", self.to_string()),
            Self::NotFound(_)
            | Self::Rpc(_)
            | Self::Ari(_)
            | Self::Store(_)
            | Self::NoAsterisk
            | Self::Precondition(_)
            | Self::Told(_)
            | Self::Later(_) => return self.into(),
        };
        let service = Service::CALL.name();
        Refusal::typed(&TypedError::new(
            Status::FailedPrecondition,
            reason,
            service,
            &message,
        ))
    }

    /// Whether a limit of the customer's is reached.
    pub(crate) fn is_exhausted(&self) -> bool {
        matches!(
            self,
            Self::Refused(Refused::CallRate(_) | Refused::TooManyCalls(_))
        )
    }

    /// Whether another writer was first: nothing was written.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Typed reason of a missing call.
pub(crate) const CALL_NOT_FOUND: &str = "CALL_NOT_FOUND";
/// Typed reason of a missing recording.
pub(crate) const RECORDING_NOT_FOUND: &str = "RECORDING_NOT_FOUND";
/// Typed reason of a missing outbound config.
pub(crate) const OUTBOUND_CONFIG_NOT_FOUND: &str = "OUTBOUND_CONFIG_NOT_FOUND";
/// A row is missing on a path that answers a bare 404.
pub(crate) const ROW_NOT_FOUND: &str = "";

/// The answer about a limit of the customer's, which is reached for a moment.
fn exhausted(reason: &str, refused: &Refused) -> Refusal {
    let message = refused.to_string();
    let status = Status::ResourceExhausted;
    Refusal::typed(&TypedError::new(
        status,
        reason,
        Service::CALL.name(),
        &message,
    ))
}

/// The answer of class M (chapter 02 §1.2): typed errors keep their status, a
/// missing row is 404, everything else a bare 500.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refused @ Refused::CallRate(_)) => {
                exhausted(CALL_RATE_EXCEEDED, &refused)
            }
            Error::Refused(refused @ Refused::TooManyCalls(_)) => {
                exhausted(TOO_MANY_CALLS, &refused)
            }
            Error::NotFound(ROW_NOT_FOUND) => Self::bare(404),
            Error::NotFound(reason) => Self::typed(&not_found(reason)),
            Error::Rpc(RpcError::Typed(error)) | Error::Told(error) => Self::typed(&error),
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
            | Error::Later(_)
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
        RECORDING_NOT_FOUND => "The recording was not found.",
        _ => "The call was not found.",
    };
    TypedError::new(Status::NotFound, reason, Service::CALL.name(), message)
}
