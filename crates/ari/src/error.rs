//! Why Asterisk did not do what it was asked.

use serde::Deserialize;
use trunkline_bus::{Response, RpcError};
use trunkline_model::error::TYPED_ERROR;
use trunkline_model::{TypedError, wire};

/// What a caller can act on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Asterisk refused: it would refuse again.
    #[error("Asterisk refused with status {status}: {message}")]
    Refused {
        /// ARI's status, such as 409, 422, 500.
        status: u16,
        /// ARI's text, empty when there was none.
        message: String,
    },
    /// There is no such channel, bridge, playback or recording.
    #[error("Asterisk knows nothing of the kind: {message}")]
    Gone {
        /// ARI's text, empty when there was none.
        message: String,
    },
    /// No answer of Asterisk's: see [`Error::outcome_unknown`].
    #[error("Asterisk is not reachable")]
    Unreachable(#[source] RpcError),
    /// The answer is not what ARI promises.
    #[error("Asterisk's answer cannot be read")]
    Answer(#[source] RpcError),
}

impl Error {
    /// Whether the thing that was asked about is not there.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    /// Whether the request may have been carried out all the same: then the same
    /// id must not be used on another Asterisk before this one has been asked.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Gone { .. } => false,
            // A bare 500 is the proxy's: the request left and no answer came.
            Self::Unreachable(RpcError::Status(500)) | Self::Answer(_) => true,
            Self::Unreachable(error) => error.outcome_unknown(),
        }
    }

    /// The error that a reply carries, if it is one (chapter 01 §2.6, §8.3).
    pub(crate) fn of_response(response: &Response) -> Option<Self> {
        if response.status_code < 300 {
            return None;
        }
        let text = response
            .data
            .as_deref()
            .map_or("", serde_json::value::RawValue::get);
        if response.data_type == TYPED_ERROR
            && let Ok(error) = wire::decode::<TypedError>(text)
        {
            return Some(Self::of_typed(error));
        }
        let message = wire::decode::<Problem>(text).unwrap_or_default().message;
        Some(match response.status_code {
            404 => Self::Gone { message },
            503 => Self::Unreachable(RpcError::Status(503)),
            // Asterisk's own 500 has a text.
            500 if response.data.is_none() => Self::Unreachable(RpcError::Status(500)),
            status => Self::Refused { status, message },
        })
    }

    fn of_typed(error: TypedError) -> Self {
        match error.status.code() {
            404 => Self::Gone {
                message: error.message,
            },
            503 => Self::Unreachable(RpcError::Typed(Box::new(error))),
            status => Self::Refused {
                status,
                message: error.message,
            },
        }
    }
}

impl From<RpcError> for Error {
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::Answer(_) => Self::Answer(error),
            RpcError::Transport(_) | RpcError::Typed(_) | RpcError::Status(_) => {
                Self::Unreachable(error)
            }
        }
    }
}

/// The body of ARI's error answers. "Allocation failed" stands under `error`, the
/// others under `message` (seen on Asterisk 22.10.1).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    #[serde(alias = "error")]
    message: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trunkline_model::error::Status;

    use super::*;

    fn of(status: u16, body: Option<serde_json::Value>) -> Error {
        let response = Response {
            status_code: status,
            data_type: "application/json".to_owned(),
            data: body.map(|body| wire::raw(&body)),
        };
        Error::of_response(&response).unwrap()
    }

    #[test]
    fn what_asterisk_says_is_told_apart_from_what_the_way_to_it_says() {
        let gone = of(404, Some(json!({"message": "Channel not found"})));
        assert!(gone.is_gone() && !gone.outcome_unknown());
        assert!(of(404, None).is_gone());

        let failed = of(500, Some(json!({"error": "Allocation failed"})));
        assert!(
            matches!(&failed, Error::Refused { status: 500, message } if message == "Allocation failed")
        );
        assert!(!failed.outcome_unknown());

        let lost = of(500, None);
        assert!(matches!(lost, Error::Unreachable(_)) && lost.outcome_unknown());

        let away = Response::typed(&TypedError::new(
            Status::Unavailable,
            "ASTERISK_UNAVAILABLE",
            "x",
            "y",
        ));
        let away = Error::of_response(&away).unwrap();
        assert!(matches!(away, Error::Unreachable(RpcError::Typed(_))) && !away.outcome_unknown());

        assert!(Error::of_response(&Response::bare(204)).is_none());
    }
}
