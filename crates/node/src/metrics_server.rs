//! The port for monitoring: metrics as text, in the classic format unless only OpenMetrics
//! will do, and health as JSON. No token; on 127.0.0.1 unless configured otherwise
//! (architecture decision 16). It answers before anything else has started.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use trunkline_gateway::Readiness as _;
use trunkline_gateway::listener::Bounded;

use crate::error::Error;
use crate::health::Health;
use crate::{classic_text, process_metrics};

const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_1: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What stands in `Accept` where the classic format will do.
const CLASSIC: [&str; 3] = ["text/plain", "text/*", "*/*"];

struct Monitored {
    /// What there is from the beginning.
    house: Registry,
    /// What the roles count, as soon as all have started.
    roles: OnceLock<Registry>,
    health: Arc<Health>,
}

impl Monitored {
    fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.house)?;
        if let Some(roles) = self.roles.get() {
            encode_registry(&mut text, roles)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// The running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    monitored: Arc<Monitored>,
    task: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    /// Shows what the roles count, from here on.
    pub(crate) fn show(&self, roles: Registry) {
        let _ = self.monitored.roles.set(roles);
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

/// Serves what comes to `listener`; `house` has the metrics that belong to no role.
pub(crate) fn start(
    mut house: Registry,
    health: Arc<Health>,
    endpoint: &str,
    listener: Bounded,
) -> Result<Running, Error> {
    let address = listener.address()?;
    process_metrics::register(&mut house);
    let stop = CancellationToken::new();
    let monitored = Arc::new(Monitored {
        house,
        roles: OnceLock::new(),
        health,
    });
    let router = Router::new()
        .route(endpoint, get(metrics))
        .route("/health", get(report))
        .with_state(Arc::clone(&monitored));
    let served =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let task = tokio::spawn(async move {
        if let Err(error) = served.await {
            tracing::error!(%error, "the server of the metrics ended");
        }
    });
    Ok(Running {
        address,
        monitored,
        task,
        stop,
    })
}

async fn metrics(State(monitored): State<Arc<Monitored>>, headers: HeaderMap) -> Response {
    let text = match monitored.text() {
        Ok(text) => text,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    let (kind, text) = match wants_open_metrics(&headers) {
        true => (OPEN_METRICS_1, text),
        false => (
            classic_text::CONTENT_TYPE,
            classic_text::of_open_metrics(&text),
        ),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Whether it is asked for and nothing else will do. A Prometheus takes both and would
/// get the series under other labels than from the reference, which has the classic
/// format only.
fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let mut asked_for = false;
    for kind in accepted.flat_map(|value| value.split(',')) {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if CLASSIC.contains(&kind) {
            return false;
        }
        asked_for |= kind == OPEN_METRICS;
    }
    asked_for
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
