//! A customer's limits of calls, which call-manager keeps.

use axum::response::Response;
use futures_util::future::BoxFuture;
use serde_json::Value;
use trunkline_bus::Method;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;

use crate::api_error::ApiError;
use crate::body::Object;
use crate::dispatch::Matched;
use crate::field::{Field, Shape};
use crate::owner::require_operator;
use crate::respond;

const MOST: i64 = 1_000_000;

/// The fields of a change.
pub(crate) const FIELDS: &[Field] = &[
    Field::new("calls_per_second", Shape::Whole(0, MOST)),
    Field::new("concurrent_calls", Shape::Whole(0, MOST)),
];

/// What holds for a customer.
pub(crate) fn get(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        matched.refuse_query()?;
        let id = customer(&matched).await?;
        ask(&matched, Method::Get, id, None).await.map(respond::one)
    })
}

/// Limits of his own.
pub(crate) fn set(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        let mut given = matched.read(FIELDS)?;
        let id = customer(&matched).await?;
        let present = ask(&matched, Method::Get, id, None).await?;
        for field in FIELDS {
            let value = present[field.name].clone();
            given.entry(field.name).or_insert(value);
        }
        let set = ask(&matched, Method::Put, id, Some(given)).await?;
        Ok(respond::one(set))
    })
}

/// The customer in the path: the caller's, or for operators one that exists.
async fn customer(matched: &Matched<'_>) -> Result<CustomerId, ApiError> {
    let id = CustomerId(matched.id()?);
    if id == matched.caller.0 {
        return Ok(id);
    }
    let no_such = || ApiError::no_such("customer", &id.to_string());
    require_operator(matched.gateway, matched.caller).map_err(|_| no_such())?;
    let (service, tag) = (Service::CUSTOMER, "customer/customers");
    let request = matched
        .request_to(format!("/v1/customers/{id}"))
        .with_method(Method::Get);
    match matched.gateway.ask(service, &request, tag).await {
        Ok(_) => Ok(id),
        Err(error) if error.is_not_found() => Err(no_such()),
        Err(error) => Err(ApiError::of_rpc(error, service, "customer", "")),
    }
}

async fn ask(
    matched: &Matched<'_>,
    method: Method,
    customer: CustomerId,
    body: Option<Object>,
) -> Result<Value, ApiError> {
    let request = matched
        .request_to(format!("/v1/customers/{customer}/limits"))
        .with_method(method);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    matched.ask(&request).await
}
