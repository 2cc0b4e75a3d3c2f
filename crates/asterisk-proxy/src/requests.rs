//! Requests from the bus: which of them go to Asterisk, and what is answered
//! (chapter 01 §8.3). There is always an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::time::Instant;
use trunkline_bus::envelope::JSON;
use trunkline_bus::metrics::{RouteLabels, millis};
use trunkline_bus::{Delivered, Method, Request, RequestHandler, Response};
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::service::Service;

use crate::ami::{AmiError, Fields};
use crate::asterisk::Asterisk;
use crate::diagnostics;
use crate::metrics::Metrics;
use crate::transport::{self, Answer, Ask, HttpError};

/// Finds the Asterisk that a queue's next request is for.
pub(crate) type Pick = Box<dyn Fn() -> Option<Arc<Asterisk>> + Send + Sync>;

/// Serves one queue.
pub(crate) struct Server {
    pub(crate) pick: Pick,
    pub(crate) metrics: Metrics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Ari,
    Ami,
    RecordingMove,
    Diagnostics,
    Unknown,
}

impl Route {
    fn of(method: &str, uri: &str) -> Self {
        if uri.starts_with("/ari/") {
            return Self::Ari;
        }
        // Compat: the reference has a route for `/ami/` only, and its caller asks
        // `/ami` (chapter 01 §13.3, 21).
        if uri == "/ami" || uri.starts_with("/ami/") {
            return Self::Ami;
        }
        match (method, uri) {
            ("POST", "/proxy/recording_file_move") => Self::RecordingMove,
            ("GET", "/proxy/diagnostics") => Self::Diagnostics,
            _ => Self::Unknown,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Ari => "/ari",
            Self::Ami => "/ami",
            Self::RecordingMove => "/proxy/recording_file_move",
            Self::Diagnostics => "/proxy/diagnostics",
            Self::Unknown => "notfound",
        }
    }
}

#[async_trait]
impl RequestHandler for Server {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.handle_delivered(body, Delivered::default()).await
    }

    async fn handle_delivered(&self, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        let Some(request) = Request::decode(&body) else {
            tracing::warn!(bytes = body.len(), "a request envelope cannot be read");
            return Some(Response::bare(400).encode());
        };
        let started = Instant::now();
        let route = Route::of(&request.method, &request.uri);
        let response = match untimely(&request, route, delivered) {
            Some(refusal) => refusal,
            None => self.answer(&request, route).await,
        };
        let method = Method::parse(&request.method).map_or("other", Method::as_str);
        let labels = RouteLabels {
            r#type: route.label(),
            method,
        };
        let elapsed = millis(started.elapsed());
        self.metrics
            .service
            .receive_request_process_time
            .get_or_create(&labels)
            .observe(elapsed);
        Some(response.encode())
    }
}

/// The answer to a request that must not be done any more: its caller may have left,
/// and nothing says when he did. `None`: it may be done.
fn untimely(request: &Request, route: Route, delivered: Delivered) -> Option<Response> {
    // Who sets an expiration waits as long as his request exists.
    if delivered.expires || route == Route::Unknown {
        return None;
    }
    if delivered.waited {
        tracing::debug!(uri = path(request), "a request came while nobody served it");
        return Some(unavailable(
            "ASTERISK_UNAVAILABLE",
            "No Asterisk was connected when the request came.",
        ));
    }
    if delivered.again && !may_be_repeated(request, route) {
        tracing::warn!(
            method = request.method,
            uri = path(request),
            "a request that somebody may have done is not done a second time"
        );
        return Some(Response::bare(500));
    }
    None
}

/// Whether a second time changes nothing: what POST does is done anew, as are AMI's
/// actions, and a second Asterisk would do it beside the first.
fn may_be_repeated(request: &Request, route: Route) -> bool {
    match route {
        Route::Ari => request.method != "POST",
        Route::Ami => false,
        Route::RecordingMove | Route::Diagnostics | Route::Unknown => true,
    }
}

impl Server {
    async fn answer(&self, request: &Request, route: Route) -> Response {
        match route {
            Route::Ari => self.ari(request).await,
            Route::Ami => self.ami(request).await,
            Route::RecordingMove => self.recording_move(request).await,
            Route::Diagnostics => self.diagnostics().await,
            Route::Unknown => Response::bare(404),
        }
    }

    async fn ari(&self, request: &Request) -> Response {
        let Some(asterisk) = (self.pick)() else {
            return unavailable("ASTERISK_UNAVAILABLE", "No Asterisk is connected.");
        };
        // Asterisk would say 200 and drop the channel without an event.
        if creates_channel(request) && !asterisk.is_connected() {
            return unavailable(
                "ASTERISK_UNAVAILABLE",
                "The events of this Asterisk do not arrive.",
            );
        }
        let Ok(method) = transport::Method::from_bytes(request.method.as_bytes()) else {
            return Response::bare(400);
        };
        let ask = Ask {
            method,
            uri: &request.uri,
            content_type: &request.data_type,
            body: request.payload(),
        };
        match asterisk.http.ask(ask).await {
            Ok(answer) => passed_on(request, answer),
            Err(error) => failed(request, &asterisk, &error),
        }
    }
}

impl Server {
    async fn diagnostics(&self) -> Response {
        match (self.pick)() {
            Some(asterisk) => Response::json(&diagnostics::parts(&asterisk).await),
            None => unavailable("ASTERISK_UNAVAILABLE", "No Asterisk is connected."),
        }
    }

    async fn recording_move(&self, request: &Request) -> Response {
        let Some(asterisk) = (self.pick)() else {
            return unavailable("ASTERISK_UNAVAILABLE", "No Asterisk is connected.");
        };
        if !asterisk.config.recording_bucket.is_empty() {
            return typed(
                Status::FailedPrecondition,
                "BUCKET_NOT_SUPPORTED",
                "This proxy cannot move recordings to a bucket (RECORDING_BUCKET_NAME) in this version: they stay where Asterisk keeps them.",
            );
        }
        match &asterisk.mover {
            Some(mover) => mover.serve(&asterisk, request).await,
            None => typed(
                Status::FailedPrecondition,
                "NO_MEDIA_FOLDER",
                "This proxy has no media folder to move recordings to.",
            ),
        }
    }

    /// An action as it is, and its answer as an object of texts.
    async fn ami(&self, request: &Request) -> Response {
        let Some(asterisk) = (self.pick)() else {
            return unavailable("ASTERISK_UNAVAILABLE", "No Asterisk is connected.");
        };
        let Some(ami) = &asterisk.ami else {
            let message = "AMI is not configured for this Asterisk: set asterisk.ami and asterisk.ami_account_file.";
            return typed(Status::FailedPrecondition, "AMI_NOT_CONFIGURED", message);
        };
        // Compat: what is no object of texts is a generic 500.
        let Some(action) = action(request) else {
            return Response::bare(500);
        };
        match ami.act(&action).await {
            Ok(answer) => Response::json(&answer),
            Err(AmiError::Action) => Response::bare(500),
            Err(error @ AmiError::Away(_)) => unavailable("AMI_UNAVAILABLE", &error.to_string()),
            Err(error @ AmiError::Lost(_)) => {
                tracing::warn!(url = asterisk.url(), %error, "an AMI action got no answer");
                Response::bare(500)
            }
        }
    }
}

/// The action that a request holds. A null in it is as good as an empty text.
fn action(request: &Request) -> Option<Fields> {
    let fields =
        serde_json::from_str::<BTreeMap<String, Option<String>>>(request.payload()?).ok()?;
    let text = |(name, value): (String, Option<String>)| (name, value.unwrap_or_default());
    Some(fields.into_iter().map(text).collect())
}

/// Whether the request brings a channel into the application, which needs its
/// websocket.
fn creates_channel(request: &Request) -> bool {
    let path = request.uri.split('?').next().unwrap_or_default();
    let creates = matches!(
        path,
        "/ari/channels" | "/ari/channels/create" | "/ari/channels/externalMedia"
    );
    request.method == "POST" && creates
}

/// Asterisk's answer as it is.
fn passed_on(request: &Request, answer: Answer) -> Response {
    let data = match body(&answer.body) {
        Ok(data) => data,
        Err(error) => {
            // Compat: the reference does not reply at all.
            tracing::warn!(uri = path(request), status = answer.status, %error, "Asterisk's answer is no JSON");
            return Response::bare(500);
        }
    };
    Response {
        status_code: answer.status,
        data_type: JSON.to_owned(),
        data,
    }
}

fn body(bytes: &Bytes) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(bytes).map(Some)
}

fn failed(request: &Request, asterisk: &Asterisk, error: &HttpError) -> Response {
    let (url, method, uri) = (asterisk.url(), request.method.as_str(), path(request));
    match error {
        HttpError::Path => Response::bare(404),
        HttpError::Busy => {
            tracing::warn!(
                url,
                method,
                uri,
                "Asterisk has too many requests in progress"
            );
            unavailable(
                "ASTERISK_BUSY",
                "Asterisk has too many requests in progress.",
            )
        }
        HttpError::Connect(cause) => {
            // The link says so in the log, and what to do.
            tracing::debug!(url, method, uri, cause, "a request finds no Asterisk");
            unavailable("ASTERISK_UNAVAILABLE", "Asterisk does not answer.")
        }
        HttpError::Lost(_) | HttpError::Timeout => {
            tracing::warn!(url, method, uri, %error, "a request to Asterisk got no answer");
            Response::bare(500)
        }
    }
}

/// A query may hold a value of a channel variable.
fn path(request: &Request) -> &str {
    request.uri.split('?').next().unwrap_or_default()
}

fn unavailable(reason: &str, message: &str) -> Response {
    typed(Status::Unavailable, reason, message)
}

pub(crate) fn typed(status: Status, reason: &str, message: &str) -> Response {
    Response::typed(&TypedError::new(
        status,
        reason,
        Service::ASTERISK_PROXY.name(),
        message,
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    async fn said(body: &str) -> String {
        let server = Server {
            pick: Box::new(|| None),
            metrics: Metrics::default(),
        };
        let answer = server.handle(Bytes::copy_from_slice(body.as_bytes())).await;
        String::from_utf8(answer.unwrap().to_vec()).unwrap()
    }

    async fn ask(method: &str, uri: &str) -> String {
        said(&format!(r#"{{"uri":"{uri}","method":"{method}"}}"#)).await
    }

    /// Whether the request gets as far as to look for an Asterisk, and the answer.
    async fn delivered(method: &str, uri: &str, delivered: Delivered) -> (bool, String) {
        let picked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&picked);
        let server = Server {
            pick: Box::new(move || {
                flag.store(true, Ordering::SeqCst);
                None
            }),
            metrics: Metrics::default(),
        };
        let request = Request {
            method: method.to_owned(),
            uri: uri.to_owned(),
            ..Request::default()
        };
        let answer = server.handle_delivered(request.encode(), delivered).await;
        let answer = String::from_utf8(answer.unwrap().to_vec()).unwrap();
        (picked.load(Ordering::SeqCst), answer)
    }

    #[tokio::test]
    async fn what_waited_while_nobody_served_is_done_only_for_a_caller_who_waits() {
        for (waited, expires, done) in [
            (true, false, false),
            (true, true, true),
            (false, false, true),
        ] {
            let known = Delivered {
                waited,
                expires,
                ..Delivered::default()
            };
            let (asked, answer) = delivered("POST", "/ari/channels/create", known).await;
            assert!(answer.contains("ASTERISK_UNAVAILABLE"), "{answer}");
            assert_eq!(asked, done, "{known:?}");
        }
    }

    #[tokio::test]
    async fn what_comes_again_is_done_again_only_if_that_changes_nothing() {
        let again = Delivered {
            again: true,
            ..Delivered::default()
        };
        let expiring = Delivered {
            expires: true,
            ..again
        };
        for (method, uri, done) in [
            ("POST", "/ari/channels", false),
            ("POST", "/ari/channels/create", false),
            ("POST", "/ari/channels/a/play/b", false),
            ("POST", "/ari/bridges/a/record", false),
            ("POST", "/ami/", false),
            ("GET", "/ari/channels", true),
            ("PUT", "/ari/deviceStates/a", true),
            ("DELETE", "/ari/channels/a", true),
            ("POST", "/proxy/recording_file_move", true),
        ] {
            let (asked, answer) = delivered(method, uri, again).await;
            assert_eq!(asked, done, "{method} {uri}");
            let unknown = answer == r#"{"status_code":500,"data_type":""}"#;
            assert_eq!(unknown, !done, "{method} {uri}: {answer}");
            assert!(delivered(method, uri, expiring).await.0, "{method} {uri}");
        }
    }

    #[tokio::test]
    async fn every_request_is_answered() {
        assert_eq!(
            ask("GET", "/v1/calls").await,
            r#"{"status_code":404,"data_type":""}"#
        );
        assert_eq!(
            ask("GET", "/ari").await,
            r#"{"status_code":404,"data_type":""}"#
        );
        assert_eq!(
            ask("GET", "/ari/channels").await,
            r#"{"status_code":503,"data_type":"voipbin_error","data":{"status":"UNAVAILABLE","reason":"ASTERISK_UNAVAILABLE","domain":"asterisk-proxy","message":"No Asterisk is connected."}}"#
        );
        for uri in ["/ami", "/ami/", "/proxy/recording_file_move"] {
            assert!(
                ask("POST", uri).await.contains("ASTERISK_UNAVAILABLE"),
                "{uri}"
            );
        }
        let bad = r#"{"status_code":400,"data_type":""}"#;
        for garbage in ["garbage", "7", r#"["/ari/channels","GET","x",""]"#] {
            assert_eq!(said(garbage).await, bad, "{garbage}");
        }
        let nulls = r#"{"uri":"/ari/x","method":"GET","publisher":null,"data":null}"#;
        assert!(said(nulls).await.contains("ASTERISK_UNAVAILABLE"));
    }

    #[test]
    fn an_action_is_an_object_of_texts_and_a_null_is_an_empty_one() {
        let action = |data: &str| {
            let data = RawValue::from_string(data.to_owned()).unwrap();
            action(&Request::default().raw(data))
        };
        let fields = action(r#"{"Action":"Ping","Channel":null}"#).unwrap();
        assert_eq!((&*fields["Action"], &*fields["Channel"]), ("Ping", ""));
        for other in ["null", "[]", r#"{"Action":1}"#, r#""Ping""#] {
            assert_eq!(action(other), None, "{other}");
        }
        assert_eq!(super::action(&Request::default()), None);
    }
}
