//! Reading a request's body: bounded in size and time, JSON, and of the fields
//! that its route knows.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde_json::{Map, Value};
use trunkline_model::id::CustomerId;

use crate::api_error::ApiError;
use crate::config::Config;
use crate::field::Field;

/// An object of JSON.
pub(crate) type Object = Map<String, Value>;

/// Takes the body in, up to `limit` bytes.
pub(crate) async fn receive(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    config: &Config,
) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    match tokio::time::timeout(config.body_timeout(), to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => Err(too_large(limit)),
        Ok(Err(error)) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "INVALID_BODY",
            format!("the body did not arrive: {error}"),
        )),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "BODY_TIMEOUT",
            format!(
                "the body did not arrive within {} ms",
                config.body_timeout_ms
            ),
        )),
    }
}

/// Reads the fields of a body. A missing body is `{}`, a null field is missing.
pub(crate) fn read(bytes: &[u8], fields: &[Field], caller: CustomerId) -> Result<Object, ApiError> {
    let mut given = parse(bytes)?;
    refuse_other_customer(&mut given, caller)?;
    given.retain(|_, value| !value.is_null());
    if let Some(unknown) = given
        .keys()
        .find(|key| !fields.iter().any(|field| field.name == *key))
    {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let message = format!(
            "there is no field `{unknown}` here; fields are: {}",
            names.join(", ")
        );
        return Err(ApiError::field(unknown.as_str(), message));
    }
    for field in fields {
        match given.get_mut(field.name) {
            Some(value) => field.shape.check(field.name, value)?,
            None if field.required => {
                return Err(ApiError::field(
                    field.name,
                    format!("`{}` must be given", field.name),
                ));
            }
            None if field.on_by_default => {
                given.insert(field.name.to_owned(), Value::Bool(true));
            }
            None => {}
        }
    }
    Ok(given)
}

fn parse(bytes: &[u8]) -> Result<Object, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Object::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "INVALID_JSON",
            "the body must be a JSON object",
        )),
        // The error names line and column itself.
        Err(error) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "INVALID_JSON",
            format!("the body is not valid JSON: {error}"),
        )),
    }
}

/// The token decides whose rows are made and changed; a body may only agree.
fn refuse_other_customer(given: &mut Object, caller: CustomerId) -> Result<(), ApiError> {
    match given.remove("customer_id") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if text.parse() == Ok(caller) => Ok(()),
        Some(_) => Err(ApiError::field(
            "customer_id",
            "the token decides the customer; leave `customer_id` out",
        )),
    }
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("the body is larger than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message)
}

fn is_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}
