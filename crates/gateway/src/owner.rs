//! Whose row it is. A row of another customer looks like one that does not
//! exist (architecture decision 16, I8).

use axum::http::StatusCode;
use serde_json::Value;
use trunkline_bus::Method;
use trunkline_model::id::CustomerId;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::auth::Caller;
use crate::body::Object;
use crate::resources::{Owner, Resource};
use crate::server::Gateway;

/// The row with this id, when the caller may see it.
pub(crate) async fn row_of_caller(
    gateway: &Gateway,
    caller: Caller,
    resource: &'static Resource,
    id: Uuid,
) -> Result<Object, ApiError> {
    let refused = || ApiError::no_such(resource.noun, &id.to_string());
    match resource.owner {
        Owner::Row => {
            let row = fetch(gateway, resource, id).await?;
            if customer(&row) == Some(caller.0) {
                Ok(row)
            } else {
                Err(refused())
            }
        }
        Owner::Parent {
            via,
            path,
            service,
            tag,
        } => {
            let row = fetch(gateway, resource, id).await?;
            let parent = uuid(&row, via).ok_or_else(refused)?;
            let request = gateway.rpc.request(Method::Get, format!("{path}/{parent}"));
            let answer = gateway.ask(service, &request, tag).await;
            let answer = answer.map_err(|error| {
                if error.is_not_found() {
                    return refused();
                }
                ApiError::of_rpc(error, service, resource.noun, "")
            })?;
            let owner = answer.as_object().and_then(customer);
            if owner == Some(caller.0) {
                Ok(row)
            } else {
                Err(refused())
            }
        }
        Owner::Caller => {
            if CustomerId(id) == caller.0 {
                fetch(gateway, resource, id).await
            } else {
                Err(refused())
            }
        }
        Owner::Shared => fetch(gateway, resource, id).await,
    }
}

/// Refuses callers who are no operators.
pub(crate) fn require_operator(gateway: &Gateway, caller: Caller) -> Result<(), ApiError> {
    if gateway.config.operators.contains(&caller.0) {
        return Ok(());
    }
    let message = "only operators may do this; the option `gateway.operators` lists them";
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "PERMISSION_DENIED",
        message,
    ))
}

async fn fetch(
    gateway: &Gateway,
    resource: &'static Resource,
    id: Uuid,
) -> Result<Object, ApiError> {
    let request = gateway
        .rpc
        .request(Method::Get, format!("{}/{id}", resource.path));
    let answer = gateway.ask(resource.service, &request, resource.tag).await;
    let answer = answer.map_err(|error| {
        // In the same words as a row of another customer's.
        if error.is_not_found() {
            return ApiError::no_such(resource.noun, &id.to_string());
        }
        ApiError::of_rpc(error, resource.service, resource.noun, "")
    })?;
    let Value::Object(row) = answer else {
        return Err(ApiError::no_such(resource.noun, &id.to_string()));
    };
    Ok(row)
}

fn customer(row: &Object) -> Option<CustomerId> {
    // A row without a customer belongs to nobody who has a token.
    uuid(row, "customer_id")
        .map(CustomerId)
        .filter(|customer| !customer.is_nil())
}

fn uuid(row: &Object, field: &str) -> Option<Uuid> {
    Uuid::try_parse(row.get(field)?.as_str()?).ok()
}
