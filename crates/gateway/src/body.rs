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

/// Takes the body in, if it is of at most `limit` bytes.
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
    if announced != Some(0) {
        check_content_type(headers)?;
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
pub(crate) fn read(
    bytes: &[u8],
    fields: &[Field],
    caller: CustomerId,
    config: &Config,
) -> Result<Object, ApiError> {
    let mut given = parse(bytes)?;
    for (name, value) in &given {
        check_size(name, value, config.json_depth, config)?;
    }
    if !fields.iter().any(|field| field.name == "customer_id") {
        refuse_other_customer(&mut given, caller)?;
    }
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
        Err(error) if error.to_string().contains("recursion limit") => Err(too_deep("body")),
        // The error names line and column itself.
        Err(error) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "INVALID_JSON",
            format!("the body is not valid JSON: {error}"),
        )),
    }
}

/// Bodies are JSON. A missing type is taken for it.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return check_encoding(headers);
    };
    let text = given.to_str().unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return check_encoding(headers);
    }
    let message = format!(
        "a body must be JSON, not `{kind}`: send the header `Content-Type: application/json`"
    );
    Err(unsupported(message))
}

fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_none_or(|encoding| encoding == "identity") {
        return Ok(());
    }
    Err(unsupported(
        "a body must not be compressed: leave the header `Content-Encoding` out",
    ))
}

fn unsupported(message: impl Into<String>) -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        message,
    )
}

/// Refuses what is deeper, longer or larger than any role wants, before anybody
/// walks through it.
fn check_size(name: &str, value: &Value, depth: usize, config: &Config) -> Result<(), ApiError> {
    let items = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => return Ok(()),
        Value::String(text) if text.len() <= config.json_text_bytes => return Ok(()),
        Value::String(text) => {
            let (length, most) = (text.len(), config.json_text_bytes);
            let message = format!("`{name}` has {length} bytes; at most {most} are taken");
            return Err(json_limit(name, message));
        }
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
    };
    if items > config.json_items {
        let most = config.json_items;
        let message = format!("`{name}` has {items} entries; at most {most} are taken");
        return Err(json_limit(name, message));
    }
    if depth == 0 {
        return Err(too_deep(name));
    }
    let inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(entries) => Box::new(entries.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(()),
    };
    for value in inner {
        check_size(name, value, depth - 1, config)?;
    }
    Ok(())
}

fn too_deep(name: &str) -> ApiError {
    json_limit(name, format!("`{name}` is nested too deeply"))
}

fn json_limit(name: &str, message: String) -> ApiError {
    ApiError {
        field: Some(name.to_owned()),
        ..ApiError::new(StatusCode::BAD_REQUEST, "JSON_LIMIT", message)
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
