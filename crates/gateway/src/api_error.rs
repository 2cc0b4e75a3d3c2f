//! What a caller of the API is told when something is refused or fails:
//! `{"error":{"code","message","field"?,"docs"}}`. Never says more about another
//! customer's row than that there is no such row.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trunkline_bus::{Error as BusError, RpcError};
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::service::Service;

use crate::codes;
use crate::respond::JSON;

/// An error with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// Machine constant.
    pub(crate) code: String,
    /// Text for people.
    pub(crate) message: String,
    /// The field or parameter that is wrong.
    pub(crate) field: Option<String>,
    /// Seconds after which it may be different.
    pub(crate) retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            field: None,
            retry_after: None,
        }
    }

    /// A field of the body or a parameter of the query is wrong.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message);
        Self {
            field: Some(field.into()),
            ..error
        }
    }

    /// There is no such row, or it is another customer's.
    pub(crate) fn no_such(noun: &str, id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            format!("there is no {noun} `{id}`"),
        )
    }

    /// What the role's answer means to the caller. `noun` is what was asked
    /// for, `hint` what a bare refusal of this route usually means.
    pub(crate) fn of_rpc(error: RpcError, service: Service, noun: &str, hint: &str) -> Self {
        match error {
            RpcError::Typed(error) => Self::of_typed(*error),
            RpcError::Status(status) => Self::of_status(status, service, noun, hint),
            RpcError::Transport(error) => Self::of_transport(&error, service),
            RpcError::Answer(detail) => {
                tracing::error!(service = service.name(), detail, "an answer cannot be read");
                Self::new(
                    StatusCode::BAD_GATEWAY,
                    "UNREADABLE_ANSWER",
                    format!("the answer of {} cannot be read", service.name()),
                )
            }
        }
    }

    /// Keeps status, reason and message; the service's name is not for callers.
    fn of_typed(error: TypedError) -> Self {
        let status =
            StatusCode::from_u16(error.status.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = if error.reason.is_empty() {
            error.status.as_str().to_owned()
        } else {
            error.reason
        };
        let field = error
            .details
            .iter()
            .find_map(|detail| detail.get("field")?.as_str().map(str::to_owned));
        let retry_after = (status == StatusCode::TOO_MANY_REQUESTS).then_some(1);
        Self {
            status,
            code,
            message: error.message,
            field,
            retry_after,
        }
    }

    fn of_status(status: u16, service: Service, noun: &str, hint: &str) -> Self {
        let name = service.name();
        let (status, code, message) = match status {
            400 => (
                StatusCode::BAD_REQUEST,
                Status::InvalidArgument,
                format!("{name} refused the {noun}"),
            ),
            404 => (
                StatusCode::NOT_FOUND,
                Status::NotFound,
                format!("there is no such {noun}"),
            ),
            409 => (
                StatusCode::CONFLICT,
                Status::AlreadyExists,
                format!("the {noun} exists already"),
            ),
            503 => (
                StatusCode::SERVICE_UNAVAILABLE,
                Status::Unavailable,
                format!("{name} is busy; try again"),
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Status::Internal,
                format!("{name} could not do it; its log says why"),
            ),
        };
        let message = if hint.is_empty() {
            message
        } else {
            format!("{message}: {hint}")
        };
        Self::new(status, code.as_str(), message)
    }

    fn of_transport(error: &BusError, service: Service) -> Self {
        let name = service.name();
        match error {
            BusError::Timeout { waited, .. } => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "TIMEOUT",
                format!(
                    "{name} did not answer within {} ms; the request may have been carried out",
                    waited.as_millis()
                ),
            ),
            BusError::Disconnected(_) => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "TIMEOUT",
                format!(
                    "the connection to the broker was lost before {name} answered; the request may \
                     have been carried out"
                ),
            ),
            BusError::NoQueue(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Status::Unavailable.as_str(),
                format!("{name} does not run here"),
            ),
            BusError::Away { .. }
            | BusError::Untaken { .. }
            | BusError::Full(_)
            | BusError::Consumed(_)
            | BusError::Refused { .. }
            | BusError::Open(_)
            | BusError::TooLarge { .. }
            | BusError::Closed => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Status::Unavailable.as_str(),
                format!("{name} cannot take the request: {error}; it was not carried out"),
            ),
        }
    }
}

impl ApiError {
    /// The body that says so.
    pub(crate) fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'e> {
            error: Error<'e>,
        }
        #[derive(Serialize)]
        struct Error<'e> {
            code: &'e str,
            message: &'e str,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'e str>,
            docs: String,
        }
        let error = Error {
            code: &self.code,
            message: &self.message,
            field: self.field.as_deref(),
            docs: codes::path(&self.code, self.status),
        };
        serde_json::to_vec(&Body { error }).unwrap_or_default()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_failure_of_a_role_has_its_status() {
        let timeout = BusError::Timeout {
            queue: "q".to_owned(),
            waited: Duration::from_secs(3),
        };
        let typed = TypedError::new(
            Status::NotFound,
            "CALL_NOT_FOUND",
            "call-manager",
            "The call was not found.",
        );
        let cases = [
            (RpcError::Typed(Box::new(typed)), 404, "CALL_NOT_FOUND"),
            (RpcError::Status(400), 400, "INVALID_ARGUMENT"),
            (RpcError::Status(404), 404, "NOT_FOUND"),
            (RpcError::Status(409), 409, "ALREADY_EXISTS"),
            (RpcError::Status(500), 500, "INTERNAL"),
            (RpcError::Status(302), 500, "INTERNAL"),
            (RpcError::Transport(timeout), 504, "TIMEOUT"),
            (
                RpcError::Transport(BusError::NoQueue("q".to_owned())),
                503,
                "UNAVAILABLE",
            ),
            (RpcError::Transport(BusError::Closed), 503, "UNAVAILABLE"),
            (RpcError::Answer("?".to_owned()), 502, "UNREADABLE_ANSWER"),
        ];
        for (error, status, code) in cases {
            let text = error.to_string();
            let error = ApiError::of_rpc(error, Service::CALL, "call", "");
            assert_eq!(
                (error.status.as_u16(), error.code.as_str()),
                (status, code),
                "{text}"
            );
        }
    }
}
