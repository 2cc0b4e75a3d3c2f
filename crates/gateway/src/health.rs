//! `/healthz` and `/readyz`: no token, no detail that helps an attacker.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::server::Gateway;

/// Tells how the parts of the program are. Whoever wires them knows.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Looks at every part; bounded in time.
    async fn report(&self) -> Report;
}

/// How the parts are.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Whether requests can be served: the store answers and the roles are up.
    pub ready: bool,
    /// The parts, for people and monitoring.
    pub parts: Value,
}

/// The process lives.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Requests can be served. An Asterisk that is away is reported and does not
/// count: campaigns wait for it, everything else works.
pub(crate) async fn readyz(State(gateway): State<Arc<Gateway>>) -> Response {
    let report = gateway.readiness.report().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({"ready": report.ready, "parts": report.parts})),
    )
        .into_response()
}
