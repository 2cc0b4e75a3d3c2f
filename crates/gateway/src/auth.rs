//! Who asks: the bearer token fixes the customer (architecture decision 16).

use axum::http::{HeaderMap, StatusCode, header};
use trunkline_model::id::CustomerId;

use crate::api_error::ApiError;
use crate::server::Gateway;

/// The customer that a request's token belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) CustomerId);

/// The caller, by the token in the header `Authorization`.
pub(crate) async fn caller(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let token = bearer(headers).ok_or_else(|| {
        unauthenticated("a token is wanted: send the header `Authorization: Bearer <token>`")
    })?;
    match gateway.tokens.customer_of(token).await {
        Ok(Some(customer)) => Ok(Caller(customer)),
        Ok(None) => Err(unauthenticated("the token is not known")),
        Err(error) => {
            tracing::warn!(%error, "a token cannot be checked");
            let message = "the token cannot be checked; try again";
            Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                message,
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

fn unauthenticated(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
}
