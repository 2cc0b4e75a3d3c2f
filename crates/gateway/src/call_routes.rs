//! New calls: checked before call-manager is asked, with actions of their own if
//! the caller has no flow for them.

use axum::response::Response;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use trunkline_bus::Method;
use trunkline_domain::call::outgoing;
use trunkline_model::service::Service;
use trunkline_model::{Address, wire};

use crate::api_error::ApiError;
use crate::body::Object;
use crate::dispatch::Matched;

/// Destinations of one request.
const MOST_DESTINATIONS: usize = 100;

/// One call for each destination.
pub(crate) fn create(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        let mut given = matched.read(matched.route.fields())?;
        check(&given)?;
        if let Some(actions) = given.remove("actions") {
            let flow = temporary_flow(&matched, &actions).await?;
            given.insert("flow_id".to_owned(), flow);
        }
        // Ours: it says why nothing could be called.
        given.insert("explain".to_owned(), Value::Bool(true));
        matched.create(given).await
    })
}

fn check(given: &Object) -> Result<(), ApiError> {
    if given.contains_key("actions") && given.contains_key("flow_id") {
        let message = "give either `flow_id` or `actions`";
        return Err(ApiError::field("actions", message));
    }
    let destinations = given.get("destinations").and_then(Value::as_array);
    let destinations = destinations.map(Vec::as_slice).unwrap_or_default();
    if destinations.is_empty() || destinations.len() > MOST_DESTINATIONS {
        let message = format!("`destinations` must have 1 to {MOST_DESTINATIONS} addresses");
        return Err(ApiError::field("destinations", message));
    }
    for (at, destination) in destinations.iter().enumerate() {
        let address: Address = wire::decode(&destination.to_string()).unwrap_or_default();
        outgoing::check_destination(&address)
            .map_err(|why| ApiError::field(format!("destinations[{at}].type"), why.to_string()))?;
    }
    if let Some(metadata) = given.get("metadata") {
        let keys = wire::decode(&metadata.to_string()).unwrap_or_default();
        outgoing::check_metadata(&keys)
            .and_then(|()| outgoing::wanted_providers(&keys).map(drop))
            .map_err(|why| ApiError::field("metadata", why.to_string()))?;
    }
    Ok(())
}

/// A flow that is not persisted, for these calls only.
async fn temporary_flow(matched: &Matched<'_>, actions: &Value) -> Result<Value, ApiError> {
    let body = json!({
        "customer_id": matched.caller.0,
        "type": "flow",
        "name": "actions of a call",
        "actions": actions,
        "persist": false,
    });
    let request = matched
        .request_to("/v1/flows")
        .with_method(Method::Post)
        .json(&body);
    let made = matched
        .gateway
        .ask(Service::FLOW, &request, "flow/flows")
        .await;
    let made = made.map_err(|error| ApiError::of_rpc(error, Service::FLOW, "flow", ""))?;
    Ok(made["id"].clone())
}
