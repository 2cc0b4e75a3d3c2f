//! Serving: the routes of the table behind the token, health without it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method as HttpMethod, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use trunkline_bus::metrics::millis;
use trunkline_bus::{Bus, Method, Request as RpcRequest, Rpc, RpcError};
use trunkline_model::random;
use trunkline_model::service::Service;
use trunkline_store::Database;

use crate::api_error::ApiError;
use crate::auth::{self, Caller};
use crate::config::Config;
use crate::dispatch::dispatch;
use crate::health::{Readiness, healthz, readyz};
use crate::listener::{self, BindError, Bounded};
use crate::metrics::Metrics;
use crate::parked;
use crate::resources::{self, Resource, Route};
use crate::tokens::Tokens;

/// What the gateway runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub readiness: Arc<dyn Readiness>,
    pub metrics: Metrics,
}

/// Why the gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system does not tell which port was taken.
    #[error("failed to find out the address of the HTTP API")]
    Address(#[source] std::io::Error),
}

/// The state that the routes share.
pub(crate) struct Gateway {
    pub(crate) rpc: Rpc,
    pub(crate) tokens: Tokens,
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) metrics: Metrics,
    pub(crate) config: Config,
}

impl Gateway {
    /// Sends a request to a role; an empty payload is null.
    pub(crate) async fn ask(
        &self,
        service: Service,
        request: &RpcRequest,
        tag: &'static str,
    ) -> Result<Value, RpcError> {
        self.rpc
            .call(
                &service.request_queue(),
                request,
                tag,
                self.config.request_timeout(),
            )
            .await
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// The address that it listens on, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it was told to stop and the requests in progress are
    /// answered.
    pub async fn stopped(self) {
        let _ = self.task.await;
    }
}

/// Takes the port. Connections wait until [`start`] serves them.
///
/// # Errors
///
/// When the port is taken or not allowed.
pub async fn bind(config: &Config) -> Result<Bounded, Error> {
    Ok(listener::bind(config.listen, config.max_connections, "gateway.listen").await?)
}

/// Serves what comes to `listener` until `stop` is cancelled.
///
/// # Errors
///
/// When the system does not tell the listener's address.
pub fn start(
    deps: Deps,
    config: Config,
    listener: Bounded,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let address = listener.address().map_err(Error::Address)?;
    let gateway = Arc::new(Gateway {
        rpc: Rpc::new(deps.bus, Service::GATEWAY, deps.metrics.service.clone()),
        tokens: Tokens::new(deps.db),
        readiness: deps.readiness,
        metrics: deps.metrics,
        config,
    });
    let served =
        axum::serve(listener, router(gateway)).with_graceful_shutdown(stop.cancelled_owned());
    let task = tokio::spawn(async move {
        if let Err(error) = served.await {
            tracing::error!(%error, "the HTTP API ended");
        }
    });
    tracing::info!(%address, "the HTTP API listens");
    Ok(Running { address, task })
}

/// Every route of the program.
fn router(gateway: Arc<Gateway>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    for resource in resources::all() {
        for route in resource.routes {
            let handle = move |State(gateway): State<Arc<Gateway>>, request: Request| async move {
                serve(gateway, resource, route, request).await
            };
            router = router.route(route.path, on(filter(route.method), handle));
        }
    }
    for route in parked::ROUTES {
        let handle = move |State(gateway): State<Arc<Gateway>>, request: Request| async move {
            serve_parked(gateway, route, request).await
        };
        router = router.route(route.path, on(filter(route.method), handle));
    }
    router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(gateway)
}

/// Serves a route of the table.
async fn serve(
    gateway: Arc<Gateway>,
    resource: &'static Resource,
    route: &'static Route,
    request: Request,
) -> Response {
    let work = async |caller, request_id, request| {
        dispatch(&gateway, caller, resource, route, request_id, request).await
    };
    answer(&gateway, route.method, route.path, request, work).await
}

/// Serves a route about what is parked.
async fn serve_parked(
    gateway: Arc<Gateway>,
    route: &'static parked::Route,
    request: Request,
) -> Response {
    let work = async |caller, request_id: String, request: Request| {
        parked::dispatch(&gateway, caller, route.act, &request_id, request.uri()).await
    };
    answer(&gateway, route.method, route.path, request, work).await
}

/// Who asks, what is asked, how it ended.
async fn answer(
    gateway: &Gateway,
    method: Method,
    template: &'static str,
    request: Request,
    work: impl AsyncFnOnce(Caller, String, Request) -> Result<Response, ApiError>,
) -> Response {
    let started = Instant::now();
    let method = method.as_str();
    let request_id = random::uuid().to_string();
    let span = tracing::debug_span!("http_request", method, route = template, request_id);
    let work = async {
        let caller = auth::caller(gateway, request.headers()).await?;
        work(caller, request_id.clone(), request).await
    };
    let outcome = work.instrument(span).await;
    let mut response = outcome.unwrap_or_else(ApiError::into_response);
    let (status, elapsed) = (response.status().as_u16(), millis(started.elapsed()));
    tracing::debug!(
        method,
        route = template,
        status,
        elapsed_ms = elapsed,
        request_id,
        "an HTTP request was answered"
    );
    gateway.metrics.count(template, method, status, elapsed);
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

async fn not_found(State(gateway): State<Arc<Gateway>>, uri: Uri, headers: HeaderMap) -> Response {
    let message = format!("there is no route `{}`", uri.path());
    refuse(
        &gateway,
        &uri,
        &headers,
        ApiError::new(StatusCode::NOT_FOUND, "NO_SUCH_ROUTE", message),
    )
    .await
}

async fn method_not_allowed(
    State(gateway): State<Arc<Gateway>>,
    method: HttpMethod,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let message = format!("`{method}` is not possible here; the header `Allow` says what is");
    let error = ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        message,
    );
    refuse(&gateway, &uri, &headers, error).await
}

/// Nobody without a token learns which routes the API has.
async fn refuse(gateway: &Gateway, uri: &Uri, headers: &HeaderMap, error: ApiError) -> Response {
    let api = uri.path() == "/v1" || uri.path().starts_with("/v1/");
    let caller = if api {
        auth::caller(gateway, headers).await.map(drop)
    } else {
        Ok(())
    };
    let response = caller.err().unwrap_or(error).into_response();
    gateway
        .metrics
        .count("notfound", "other", response.status().as_u16(), 0.0);
    response
}

fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Delete => MethodFilter::DELETE,
    }
}
