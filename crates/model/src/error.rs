//! The typed error envelope (chapter 01 §2.5).

use serde::{Deserialize, Serialize};

wire_enum! {
    /// The closed set of error classes and the HTTP code that each maps to.
    pub enum Status {
        InvalidArgument = "INVALID_ARGUMENT",
        Unauthenticated = "UNAUTHENTICATED",
        PaymentRequired = "PAYMENT_REQUIRED",
        PermissionDenied = "PERMISSION_DENIED",
        NotFound = "NOT_FOUND",
        AlreadyExists = "ALREADY_EXISTS",
        FailedPrecondition = "FAILED_PRECONDITION",
        ResourceExhausted = "RESOURCE_EXHAUSTED",
        Internal = "INTERNAL",
        Unavailable = "UNAVAILABLE",
    }
    default Internal
}

impl Status {
    /// The HTTP-like status code of the envelope.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::InvalidArgument => 400,
            Self::Unauthenticated => 401,
            Self::PaymentRequired => 402,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::FailedPrecondition => 409,
            Self::ResourceExhausted => 429,
            Self::Internal | Self::Other(_) => 500,
            Self::Unavailable => 503,
        }
    }
}

/// `data_type` of a response that carries a typed error.
pub const TYPED_ERROR: &str = "voipbin_error";

/// An error that names its class and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct TypedError {
    pub status: Status,
    /// Machine constant such as `CALL_NOT_FOUND`.
    pub reason: String,
    /// Name of the service that produced it.
    pub domain: String,
    /// Text for people.
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<serde_json::Value>,
}

impl TypedError {
    /// An error of `domain` without details.
    #[must_use]
    pub fn new(status: Status, reason: &str, domain: &str, message: &str) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            domain: domain.to_owned(),
            message: message.to_owned(),
            details: Vec::new(),
        }
    }
}

impl std::fmt::Display for TypedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} from {}: {}",
            self.status, self.reason, self.domain, self.message
        )
    }
}
