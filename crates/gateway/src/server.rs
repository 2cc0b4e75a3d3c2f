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
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use trunkline_bus::metrics::millis;
use trunkline_bus::{Bus, Method, Request as RpcRequest, Rpc, RpcError};
use trunkline_model::random;
use trunkline_model::service::Service;
use trunkline_store::Database;

use crate::api_error::ApiError;
use crate::auth;
use crate::body;
use crate::config::Config;
use crate::dispatch::{Matched, dispatch};
use crate::events::Events;
use crate::health::{Readiness, healthz, readyz};
use crate::idempotency::{self, Keys};
use crate::limits::{self, Limits};
use crate::listener::{self, BindError, Bounded};
use crate::media::{self, Door, Media};
use crate::metrics::Metrics;
use crate::openapi::Description;
use crate::pages;
use crate::resources::{self, Resource, Route};
use crate::serve;
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
    pub(crate) db: Arc<dyn Database>,
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) keys: Keys,
    pub(crate) description: Description,
    pub(crate) events: Arc<Events>,
    pub(crate) readiness: Arc<dyn Readiness>,
    /// None where there is no media folder.
    pub(crate) media: Option<Door>,
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
        let patience = self.config.request_timeout();
        self.ask_within(service, request, tag, patience).await
    }

    /// The same with a patience of one's own.
    pub(crate) async fn ask_within(
        &self,
        service: Service,
        request: &RpcRequest,
        tag: &'static str,
        patience: std::time::Duration,
    ) -> Result<Value, RpcError> {
        let queue = service.request_queue();
        self.rpc.call(&queue, request, tag, patience).await
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
    start_with_media(deps, None, config, listener, stop)
}

/// The same, with what is in the media folder.
///
/// # Errors
///
/// As [`start`].
pub fn start_with_media(
    deps: Deps,
    media: Option<Media>,
    config: Config,
    listener: Bounded,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let address = listener.address().map_err(Error::Address)?;
    let gateway = Arc::new(Gateway {
        rpc: Rpc::new(deps.bus, Service::GATEWAY, deps.metrics.service.clone()),
        tokens: Tokens::new(Arc::clone(&deps.db)).remembering(config.token_memory()),
        db: deps.db,
        limits: Limits::default(),
        keys: Keys::new(),
        description: Description::default(),
        events: Events::new(&config, stop.clone()),
        readiness: deps.readiness,
        media: media.map(Door::new),
        metrics: deps.metrics,
        config,
    });
    let router = router(Arc::clone(&gateway));
    let task = tokio::spawn(async move {
        let background = TaskTracker::new();
        let events = Arc::clone(&gateway.events);
        background.spawn(events.listen(Arc::clone(gateway.rpc.bus())));
        background.spawn(note_uses(Arc::clone(&gateway), stop.clone()));
        background.spawn(idempotency::sweep(Arc::clone(&gateway), stop.clone()));
        serve::serve(listener, router, gateway.config.clone(), stop).await;
        background.close();
        background.wait().await;
    });
    tracing::info!(%address, "the HTTP API listens");
    Ok(Running { address, task })
}

/// What is served without a token, with `GET`.
#[cfg(test)]
pub(crate) const OPEN: [&str; 6] = [
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/errors",
    "/docs/errors/{code}",
];

/// Every route of the program.
fn router(gateway: Arc<Gateway>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/openapi.json", get(openapi_json))
        .route("/docs", get(docs))
        .route(media::PATH, get(media::signed))
        .route("/docs/errors", get(pages::error_index))
        .route("/docs/errors/{code}", get(pages::error_page));
    for resource in resources::all() {
        for route in resource.routes {
            let handle = move |State(gateway): State<Arc<Gateway>>, request: Request| async move {
                serve_route(gateway, resource, route, request).await
            };
            router = router.route(route.path, on(filter(route.method), handle));
        }
    }
    router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(gateway)
}

async fn openapi_json(State(gateway): State<Arc<Gateway>>) -> Response {
    gateway.description.json(&gateway.config)
}

async fn docs(State(gateway): State<Arc<Gateway>>) -> Response {
    gateway.description.page(&gateway.config)
}

/// Writes now and then which tokens were used, and at the end.
async fn note_uses(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        let pause = tokio::time::sleep(gateway.config.token_uses_interval());
        let ends = stop.run_until_cancelled(pause).await.is_none();
        if let Err(error) = gateway.tokens.write_uses().await {
            tracing::debug!(%error, "when tokens were used could not be written");
        }
        if ends {
            return;
        }
    }
}

/// Serves a route of the table: who asks, what is asked, how it ended.
async fn serve_route(
    gateway: Arc<Gateway>,
    resource: &'static Resource,
    route: &'static Route,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (method, template) = (route.method.as_str(), route.path);
    let request_id = random::uuid().to_string();
    let span = tracing::debug_span!("http_request", method, route = template, request_id);
    let work = work(&gateway, resource, route, request_id.clone(), request);
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

async fn work(
    gateway: &Arc<Gateway>,
    resource: &'static Resource,
    route: &'static Route,
    request_id: String,
    request: Request,
) -> Result<Response, ApiError> {
    let config = &gateway.config;
    limits::check_headers(request.headers(), config)?;
    let caller = auth::caller(gateway, request.headers()).await?;
    let _turn = gateway.limits.enter(caller.1, config, Instant::now())?;
    let (parts, body) = request.into_parts();
    let body = match route.method {
        Method::Get | Method::Delete => bytes::Bytes::new(),
        Method::Post | Method::Put => {
            let limit = if route.bulk {
                config.bulk_body_limit_bytes
            } else {
                config.body_limit_bytes
            };
            body::receive(&parts.headers, body, limit, config).await?
        }
    };
    let key = match route.method {
        Method::Post => idempotency::key(&parts.headers)?,
        Method::Get | Method::Put | Method::Delete => None,
    };
    let matched = Matched {
        gateway,
        caller,
        request_id,
        resource,
        route,
        uri: parts.uri,
        headers: parts.headers,
        body,
    };
    match key {
        Some(key) => idempotency::once(matched, &key).await,
        None => dispatch(matched).await,
    }
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
