//! The codes of errors, each with its page (`docs/errors/<CODE>.md`), which is
//! also served: `docs` of an error is its path.
//!
//! Roles have reasons of their own, such as `CALL_NOT_FOUND`; one without a page
//! is explained by the page of its status.

use axum::http::StatusCode;

/// A code and its page.
pub(crate) struct Code {
    pub(crate) name: &'static str,
    pub(crate) page: &'static str,
}

macro_rules! codes {
    ($( $name:literal ),+ $(,)?) => {
        &[$( Code {
            name: $name,
            page: include_str!(concat!("../../../docs/errors/", $name, ".md")),
        } ),+]
    };
}

/// Every code that has a page, in the order of the alphabet.
pub(crate) const CODES: &[Code] = codes![
    "ALREADY_EXISTS",
    "ASTERISK_REFUSED",
    "ASTERISK_UNAVAILABLE",
    "BODY_TIMEOUT",
    "BODY_TOO_LARGE",
    "CALL_NOT_PROGRESSING",
    "CALL_NOT_RECORDED",
    "CALL_RATE_EXCEEDED",
    "CALL_REFUSED",
    "CAMPAIGNCALL_NOT_DONE",
    "CAMPAIGN_NOT_STOPPED",
    "CHANNEL_NOT_FOUND",
    "DISK_FULL",
    "FAILED_PRECONDITION",
    "HEADERS_TOO_LARGE",
    "IDEMPOTENCY_IN_PROGRESS",
    "IDEMPOTENCY_KEY_INVALID",
    "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_OUTCOME_UNKNOWN",
    "INSUFFICIENT_BALANCE",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "INVALID_BODY",
    "INVALID_JSON",
    "INVALID_SPEECH",
    "JSON_LIMIT",
    "MEDIA_LINK_EXPIRED",
    "MEDIA_LINK_INVALID",
    "METHOD_NOT_ALLOWED",
    "NOT_DIALABLE",
    "NOT_FOUND",
    "NO_SUCH_ROUTE",
    "PARKED_NOT_RELEASABLE",
    "PAYMENT_REQUIRED",
    "PERMISSION_DENIED",
    "RANGE_NOT_SATISFIABLE",
    "RATE_LIMITED",
    "RECORDING_FILE_DELETED",
    "RECORDING_IN_PROGRESS",
    "RECORDING_NOT_FINISHED",
    "RECORDING_NOT_FOUND",
    "RESOURCE_EXHAUSTED",
    "SPEECH_BUSY",
    "SPEECH_ENGINE_FAILED",
    "SPEECH_ENGINE_MISSING",
    "SPEECH_ENGINE_TIMEOUT",
    "SPEECH_ENGINE_UNAVAILABLE",
    "TIMEOUT",
    "TOKEN_EXPIRED",
    "TOKEN_REVOKED",
    "TOO_MANY_CALLS",
    "TOO_MANY_DOWNLOADS",
    "TOO_MANY_EVENT_STREAMS",
    "TOO_MANY_IDEMPOTENCY_KEYS",
    "TOO_MANY_REQUESTS_AT_ONCE",
    "TOO_MANY_TOKENS",
    "TRUNK_IN_USE",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNREADABLE_ANSWER",
    "UNSUPPORTED_MEDIA_TYPE",
];

/// The code with this name.
pub(crate) fn find(name: &str) -> Option<&'static Code> {
    let at = CODES.binary_search_by(|code| code.name.cmp(name)).ok()?;
    Some(&CODES[at])
}

/// Path of the page that explains an error.
pub(crate) fn path(name: &str, status: StatusCode) -> String {
    let name = find(name).map_or_else(|| of_status(status), |code| code.name);
    format!("/docs/errors/{name}")
}

/// The code that says no more than the status.
fn of_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        402 => "PAYMENT_REQUIRED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "TIMEOUT",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_and_every_status_has_one_with_a_page() {
        assert!(CODES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for code in CODES {
            let title = format!("# {}\n", code.name);
            assert!(code.page.starts_with(&title), "{}", code.name);
        }
        for status in 400..=599 {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(find(of_status(status)).is_some(), "{status}");
        }
        assert_eq!(
            path("CALL_NOT_FOUND", StatusCode::NOT_FOUND),
            "/docs/errors/NOT_FOUND"
        );
        assert_eq!(
            path("TIMEOUT", StatusCode::GATEWAY_TIMEOUT),
            "/docs/errors/TIMEOUT"
        );
    }
}
