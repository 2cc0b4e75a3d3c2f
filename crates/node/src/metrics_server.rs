//! The port for monitoring: metrics as text, health as JSON. No token; on
//! 127.0.0.1 unless configured otherwise (architecture decision 16).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use trunkline_gateway::Readiness as _;
use trunkline_gateway::listener::Bounded;

use crate::error::Error;
use crate::health::Health;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Monitored {
    registry: Registry,
    health: Arc<Health>,
}

/// The running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

/// Serves what comes to `listener`.
pub(crate) fn start(
    registry: Registry,
    health: Arc<Health>,
    endpoint: &str,
    listener: Bounded,
) -> Result<Running, Error> {
    let address = listener.address()?;
    let stop = CancellationToken::new();
    let router = Router::new()
        .route(endpoint, get(metrics))
        .route("/health", get(report))
        .with_state(Arc::new(Monitored { registry, health }));
    let served =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let task = tokio::spawn(async move {
        if let Err(error) = served.await {
            tracing::error!(%error, "the server of the metrics ended");
        }
    });
    Ok(Running {
        address,
        task,
        stop,
    })
}

async fn metrics(State(monitored): State<Arc<Monitored>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &monitored.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn report(State(monitored): State<Arc<Monitored>>) -> Response {
    let report = monitored.health.report().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report.parts)).into_response()
}
