//! Tokens over HTTP: made, listed, revoked. Their text is shown once; whose they
//! are is the caller's customer, or whom an operator names.

use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use trunkline_bus::{Method, Request as RpcRequest};
use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store::token::{self, Token};
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::dispatch::Matched;
use crate::list;
use crate::owner::require_operator;
use crate::resources::ListOf;
use crate::respond;
use crate::tokens::TokensError;

/// Longest name of a token, characters.
const LONGEST_NAME: usize = 255;

type Answer<'g> = BoxFuture<'g, Result<Response, ApiError>>;

/// A page of a customer's tokens.
pub(crate) fn list(matched: Matched<'_>) -> Answer<'_> {
    Box::pin(async move {
        let gateway = matched.gateway;
        let query = matched.query_of();
        let asked = list::read(
            &matched.uri,
            query,
            ListOf::EverybodyPaged,
            matched.caller.0,
            &gateway.config,
        )?;
        let customer = of_customer(&matched, asked.filters.get("customer_id"))?;
        let before = asked.page_token.parse::<Timestamp>().ok();
        let mut most = asked.page_size + 1;
        loop {
            let found = token::list(&*gateway.db, customer, before, most)
                .await
                .map_err(away)?;
            let rows = found.iter().map(shown).collect();
            if let Some((page, next)) = list::cut(rows, asked.page_size, most) {
                return Ok(respond::page(page, &next));
            }
            most = most.saturating_mul(4).min(list::MOST_ROWS);
        }
    })
}

/// A new token, with its text.
pub(crate) fn create(matched: Matched<'_>) -> Answer<'_> {
    Box::pin(async move {
        let gateway = matched.gateway;
        let given = matched.read(matched.route.fields())?;
        let name = given
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let name = name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            let message = format!("`name` must have 1 to {LONGEST_NAME} characters");
            return Err(ApiError::field("name", message));
        }
        let customer = of_customer(&matched, given.get("customer_id"))?;
        let now = gateway.db.now().await.map_err(away)?;
        let expire = given.get("tm_expire").and_then(Value::as_str);
        let expire = expire.and_then(|text| text.parse::<Timestamp>().ok());
        if expire.is_some_and(|end| end <= now) {
            return Err(ApiError::field(
                "tm_expire",
                "`tm_expire` has passed already",
            ));
        }
        if customer != matched.caller.0 {
            must_exist(&matched, customer).await?;
        }
        let most = i64::from(gateway.config.tokens_per_customer);
        if token::count(&*gateway.db, customer).await.map_err(away)? >= most {
            let message = format!("the customer has {most} tokens; revoke some of them first");
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "TOO_MANY_TOKENS",
                message,
            ));
        }
        let made = gateway.tokens.make_until(customer, name, expire).await;
        let (text, row) = made.map_err(|TokensError::Store(error)| away(error))?;
        tracing::info!(token_id = %row.id, customer_id = %customer, "a token was made");
        let mut shown = shown(&row);
        shown["token"] = json!(text);
        Ok(respond::one(shown))
    })
}

/// One token.
pub(crate) fn get(matched: Matched<'_>) -> Answer<'_> {
    Box::pin(async move {
        matched.refuse_query()?;
        Ok(respond::one(shown(&row(&matched).await?)))
    })
}

/// The end of a token.
pub(crate) fn revoke(matched: Matched<'_>) -> Answer<'_> {
    Box::pin(async move {
        matched.refuse_query()?;
        let row = row(&matched).await?;
        let revoked = matched.gateway.tokens.revoke(&row).await;
        if !revoked.map_err(|TokensError::Store(error)| away(error))? {
            return Err(no_such(row.id));
        }
        tracing::info!(token_id = %row.id, customer_id = %row.customer_id, "a token was revoked");
        Ok(respond::one(shown(&row)))
    })
}

/// Whose tokens: the caller's, or for operators those of whom they name.
fn of_customer(matched: &Matched<'_>, named: Option<&Value>) -> Result<CustomerId, ApiError> {
    let own = matched.caller.0;
    let Some(named) = named.and_then(Value::as_str) else {
        return Ok(own);
    };
    let named: CustomerId = named
        .parse()
        .map_err(|_| ApiError::field("customer_id", "`customer_id` is no id"))?;
    if named != own {
        require_operator(matched.gateway, matched.caller).map_err(|error| ApiError {
            field: Some("customer_id".to_owned()),
            ..error
        })?;
    }
    Ok(named)
}

/// A token for a customer who does not exist would be of use to nobody.
async fn must_exist(matched: &Matched<'_>, customer: CustomerId) -> Result<(), ApiError> {
    let gateway = matched.gateway;
    let request = RpcRequest {
        request_id: matched.request_id.clone(),
        ..gateway
            .rpc
            .request(Method::Get, format!("/v1/customers/{customer}"))
    };
    let answer = gateway
        .ask(Service::CUSTOMER, &request, "customer/customers")
        .await;
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => {
            let message = format!("there is no customer `{customer}`");
            Err(ApiError::field("customer_id", message))
        }
        Err(error) => Err(ApiError::of_rpc(error, Service::CUSTOMER, "customer", "")),
    }
}

/// The token in the path, which is the caller's or an operator's to see.
async fn row(matched: &Matched<'_>) -> Result<Token, ApiError> {
    let id = matched.id()?;
    let found = token::get(&*matched.gateway.db, id).await.map_err(away)?;
    let operator = require_operator(matched.gateway, matched.caller).is_ok();
    found
        .filter(|row| row.tm_delete.is_none())
        .filter(|row| operator || row.customer_id == matched.caller.0)
        .ok_or_else(|| no_such(id))
}

fn no_such(id: Uuid) -> ApiError {
    ApiError::no_such("token", &id.to_string())
}

/// A token as it is shown: never its text, never its hash.
fn shown(row: &Token) -> Value {
    json!({
        "id": row.id,
        "customer_id": row.customer_id,
        "name": row.name,
        "tm_create": row.tm_create,
        "tm_expire": row.tm_expire,
        "tm_last_used": row.tm_last_used,
    })
}

/// The store does not answer.
pub(crate) fn away(error: trunkline_store::Error) -> ApiError {
    tracing::warn!(%error, "the HTTP API cannot use the store");
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "UNAVAILABLE",
        "the store does not answer; try again",
    )
}
