//! Who asks: the bearer token fixes the customer (architecture decision 16).

use axum::http::{HeaderMap, StatusCode, header};
use trunkline_model::id::CustomerId;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::server::Gateway;
use crate::tokens::Standing;

/// The customer that a request's token belongs to, and the token's id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) CustomerId, pub(crate) Uuid);

/// The caller, by the token in the header `Authorization`.
pub(crate) async fn caller(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let token = bearer(headers).ok_or_else(|| {
        refused(
            "UNAUTHENTICATED",
            "a token is wanted: send the header `Authorization: Bearer <token>`",
        )
    })?;
    match gateway.tokens.standing_of(token).await {
        Ok(Standing::Good { id, customer }) => Ok(Caller(customer, id)),
        Ok(Standing::Expired) => Err(refused(
            "TOKEN_EXPIRED",
            "the token has expired; make a new one with POST /v1/tokens",
        )),
        Ok(Standing::Revoked) => Err(refused(
            "TOKEN_REVOKED",
            "the token was revoked; use another one, or make one with POST /v1/tokens",
        )),
        Ok(Standing::Unknown) => Err(refused(
            "UNAUTHENTICATED",
            "the token is not known; check that it was copied whole",
        )),
        Err(error) => {
            tracing::warn!(%error, "a token cannot be checked");
            Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "the token cannot be checked; try again",
            ))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn refused(code: &str, message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, message)
}
