//! What a caller gets: the role's JSON without secrets.

use axum::Json;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Content type of every answer that is JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Fields that are never shown again once they were set.
const SECRETS: &[&str] = &["webhook_secret", "password", "password_hash"];

/// One row, or whatever the role answered.
pub(crate) fn one(mut value: Value) -> Response {
    hide_secrets(&mut value);
    Json(value).into_response()
}

/// A page of a list.
pub(crate) fn page(mut rows: Vec<Value>, next_page_token: &str) -> Response {
    rows.iter_mut().for_each(hide_secrets);
    Json(json!({"result": rows, "next_page_token": next_page_token})).into_response()
}

/// Only of the row itself: what is inside `variables` or `metadata` is the
/// customer's.
pub(crate) fn hide_secrets(value: &mut Value) {
    if let Value::Object(row) = value {
        row.retain(|key, _| !SECRETS.contains(&key.as_str()));
    }
}
