//! From a table of routes to a request handler (chapter 02 §5.1).
//!
//! A pattern is a path of literal pieces and placeholders:
//!
//! * `{id}` stands for a lower-case UUID, any other `{name}` for one piece;
//! * a trailing `?` makes the query string obligatory, as the reference's lists
//!   have it; a trailing `[?]` allows it; otherwise a query string is no match.
//!
//! No match answers a bare 404; an envelope that cannot be read, a bare 400.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::Instrument as _;
use trunkline_model::page::{self, Page};
use trunkline_model::{Timestamp, TypedError, wire};
use uuid::Uuid;

use crate::envelope::{JSON, Method, Request, Response};
use crate::metrics::{RouteLabels, ServiceMetrics, millis};
use crate::port::{Delivered, RequestHandler};

/// What a route answers when it succeeds; always 200 (chapter 01 §2.4).
#[derive(Debug)]
pub enum Reply {
    /// A payload.
    Json(Box<RawValue>),
    /// No payload, `data_type` `application/json`.
    Empty,
    /// No payload, `data_type` `""`.
    Bare,
    /// No reply at all.
    Silent,
}

impl Reply {
    /// A payload.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(payload: &T) -> Self {
        Self::Json(wire::raw(payload))
    }
}

/// What a route answers when it refuses or fails.
#[derive(Debug, Clone)]
pub struct Refusal(pub Response);

impl Refusal {
    /// A status without payload.
    #[must_use]
    pub fn bare(status: u16) -> Self {
        Self(Response::bare(status))
    }

    /// The body is missing, not JSON, or has a wrong type (class B of chapter
    /// 02 §1.2).
    #[must_use]
    pub fn bad_body() -> Self {
        Self::bare(400)
    }

    /// A typed error with its own status.
    #[must_use]
    pub fn typed(error: &TypedError) -> Self {
        Self(Response::typed(error))
    }
}

/// A request that matched a route.
#[derive(Debug)]
pub struct Routed {
    values: Vec<String>,
    query: String,
    data: Option<Box<RawValue>>,
    /// Name of the service that asks.
    pub publisher: String,
    /// For logs, and to recognize a repetition; empty when the asker has none.
    pub request_id: String,
    /// The same when the carrier delivers the request again.
    identity: Option<Uuid>,
}

impl Routed {
    /// The value of the `n`th placeholder, from 0.
    #[must_use]
    pub fn value(&self, n: usize) -> &str {
        self.values.get(n).map_or("", String::as_str)
    }

    /// The `n`th placeholder as an id; the pattern has checked its form.
    #[must_use]
    pub fn id<T: From<Uuid>>(&self, n: usize) -> T {
        Uuid::try_parse(self.value(n)).unwrap_or_default().into()
    }

    /// The id of the `n`th thing, from 0, that this request makes, if its repetition
    /// would make it again: derived, so that the repetition finds it. `None` from a
    /// carrier that delivers nothing again: any new id will do.
    #[must_use]
    pub fn own_id<T: From<Uuid>>(&self, n: usize) -> Option<T> {
        let identity = self.identity?;
        let name = u64::try_from(n).unwrap_or(u64::MAX).to_be_bytes();
        Some(Uuid::new_v5(&identity, &name).into())
    }

    /// A parameter of the query string, percent-decoded; empty when missing.
    #[must_use]
    pub fn query(&self, name: &str) -> String {
        page::parameter(&self.query, name).unwrap_or_default()
    }

    /// Which part of a list is asked for (chapter 01 §4.1).
    #[must_use]
    pub fn page(&self, now: Timestamp) -> Page {
        Page::from_query(&self.query, now)
    }

    /// The payload's JSON text.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.data.as_deref().map(RawValue::get)
    }

    /// The payload as a shape.
    ///
    /// # Errors
    ///
    /// A bare 400 when it is missing or does not fit.
    ///
    /// Compat: `null` is the zero value, as for the reference.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let decoded = match self.data().ok_or_else(Refusal::bad_body)? {
            "null" => wire::zero(),
            text => wire::decode(text),
        };
        decoded.map_err(|error| {
            tracing::debug!(%error, "a request body does not fit");
            Refusal::bad_body()
        })
    }

    /// The payload as a shape, its zero value when missing or `null`.
    ///
    /// # Errors
    ///
    /// A bare 400 when it does not fit.
    pub fn body_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Refusal> {
        match self.data() {
            None | Some("null") => Ok(T::default()),
            Some(_) => self.body(),
        }
    }
}

type Handler<S> =
    Arc<dyn Fn(Arc<S>, Routed) -> BoxFuture<'static, Result<Reply, Refusal>> + Send + Sync>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Query {
    Refused,
    Allowed,
    Obligatory,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(&'static str),
    Id,
    Any,
}

struct Route<S> {
    method: Method,
    pieces: Vec<Piece>,
    query: Query,
    label: &'static str,
    handler: Handler<S>,
}

/// A service's routes over its state.
pub struct Router<S> {
    state: Arc<S>,
    routes: Vec<Route<S>>,
    metrics: ServiceMetrics,
}

impl<S: Send + Sync + 'static> Router<S> {
    /// A router without routes.
    #[must_use]
    pub fn new(state: Arc<S>, metrics: ServiceMetrics) -> Self {
        Self {
            state,
            routes: Vec::new(),
            metrics,
        }
    }

    /// Adds a route. `label` is the route's name in metrics (chapter 01 §7).
    #[must_use]
    pub fn route<F, Fut>(
        mut self,
        method: Method,
        pattern: &'static str,
        label: &'static str,
        handler: F,
    ) -> Self
    where
        F: Fn(Arc<S>, Routed) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, Refusal>> + Send + 'static,
    {
        let (path, query) = split_pattern(pattern);
        let pieces = path.split('/').skip(1).map(piece).collect();
        let handler: Handler<S> = Arc::new(move |state, routed| Box::pin(handler(state, routed)));
        self.routes.push(Route {
            method,
            pieces,
            query,
            label,
            handler,
        });
        self
    }

    /// Method and label of every route, in the order of the table.
    pub fn table(&self) -> impl Iterator<Item = (Method, &'static str)> + '_ {
        self.routes.iter().map(|route| (route.method, route.label))
    }

    async fn respond(
        &self,
        request: Request,
        identity: Option<Uuid>,
    ) -> (Option<Response>, RouteLabels) {
        let method = Method::parse(&request.method);
        let found = method.and_then(|method| self.find(method, &request.uri));
        let name = method.map_or("other", Method::as_str);
        let Some((route, values, query)) = found else {
            tracing::debug!(uri = %request.uri, method = %request.method, "no such route");
            return (
                Some(Response::bare(404)),
                RouteLabels {
                    r#type: "notfound",
                    method: name,
                },
            );
        };
        let id = values.first().map(String::as_str).unwrap_or_default();
        let span = tracing::info_span!(
            "request",
            route = route.label,
            method = name,
            id,
            request_id = request.request_id.as_str()
        );
        let routed = Routed {
            values,
            query,
            data: request.data,
            publisher: request.publisher,
            request_id: request.request_id,
            identity,
        };
        let outcome = (route.handler)(Arc::clone(&self.state), routed)
            .instrument(span)
            .await;
        (
            to_response(outcome),
            RouteLabels {
                r#type: route.label,
                method: name,
            },
        )
    }

    fn find(&self, method: Method, uri: &str) -> Option<(&Route<S>, Vec<String>, String)> {
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri, None),
        };
        self.routes
            .iter()
            .filter(|route| route.method == method)
            .find_map(|route| {
                let refused = match route.query {
                    Query::Refused => query.is_some(),
                    Query::Allowed => false,
                    Query::Obligatory => query.is_none(),
                };
                if refused {
                    return None;
                }
                let values = match_path(&route.pieces, path)?;
                Some((route, values, query.unwrap_or_default().to_owned()))
            })
    }
}

fn split_pattern(pattern: &'static str) -> (&'static str, Query) {
    if let Some(path) = pattern.strip_suffix("[?]") {
        return (path, Query::Allowed);
    }
    match pattern.strip_suffix('?') {
        Some(path) => (path, Query::Obligatory),
        None => (pattern, Query::Refused),
    }
}

fn piece(text: &'static str) -> Piece {
    match text {
        "{id}" => Piece::Id,
        name if name.starts_with('{') => Piece::Any,
        literal => Piece::Literal(literal),
    }
}

fn match_path(pieces: &[Piece], path: &str) -> Option<Vec<String>> {
    let mut given = path.strip_prefix('/')?.split('/');
    let mut values = Vec::new();
    for piece in pieces {
        let text = given.next()?;
        match piece {
            Piece::Literal(literal) if *literal == text => {}
            Piece::Literal(_) => return None,
            Piece::Id if is_canonical_uuid(text) => values.push(text.to_owned()),
            Piece::Id => return None,
            Piece::Any if text.is_empty() => return None,
            Piece::Any => values.push(decode_piece(text)),
        }
    }
    given.next().is_none().then_some(values)
}

/// Lower-case hexadecimal in groups of 8-4-4-4-12, nothing else.
fn is_canonical_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn decode_piece(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

fn to_response(outcome: Result<Reply, Refusal>) -> Option<Response> {
    match outcome {
        Ok(Reply::Json(data)) => Some(Response {
            status_code: 200,
            data_type: JSON.to_owned(),
            data: Some(data),
        }),
        Ok(Reply::Empty) => Some(Response {
            status_code: 200,
            data_type: JSON.to_owned(),
            data: None,
        }),
        Ok(Reply::Bare) => Some(Response::bare(200)),
        Ok(Reply::Silent) => None,
        Err(Refusal(response)) => Some(response),
    }
}

#[async_trait]
impl<S: Send + Sync + 'static> RequestHandler for Router<S> {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.answer(body, None).await
    }

    async fn handle_delivered(&self, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        self.answer(body, delivered.identity).await
    }
}

impl<S: Send + Sync + 'static> Router<S> {
    async fn answer(&self, body: Bytes, identity: Option<Uuid>) -> Option<Bytes> {
        let Some(request) = Request::decode(&body) else {
            tracing::warn!(bytes = body.len(), "a request envelope cannot be read");
            return Some(Response::bare(400).encode());
        };
        let started = Instant::now();
        let (response, labels) = self.respond(request, identity).await;
        self.metrics
            .receive_request_process_time
            .get_or_create(&labels)
            .observe(millis(started.elapsed()));
        response.map(|response| response.encode())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const ID: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";

    fn router() -> Router<()> {
        let echo = |_: Arc<()>, routed: Routed| async move {
            Ok(Reply::json(&(
                routed.values.clone(),
                routed.query("page_token"),
            )))
        };
        Router::new(Arc::new(()), ServiceMetrics::default())
            .route(Method::Get, "/v1/calls?", "/v1/calls", echo)
            .route(Method::Get, "/v1/outdials[?]", "/v1/outdials", echo)
            .route(Method::Get, "/v1/calls/{id}", "/v1/calls/<call-id>", echo)
            .route(Method::Get, "/v1/channels/{channel}", "/v1/channels", echo)
            .route(
                Method::Post,
                "/v1/strict",
                "/v1/strict",
                |_, routed| async move {
                    let _: std::collections::HashMap<String, i64> = routed.body()?;
                    Ok(Reply::Bare)
                },
            )
            .route(
                Method::Put,
                "/v1/names",
                "/v1/names",
                |_, routed| async move {
                    let Names { name, detail } = routed.body()?;
                    Ok(Reply::json(&[name, detail]))
                },
            )
    }

    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Names {
        name: String,
        detail: String,
    }

    async fn ask(body: &str) -> String {
        ask_bytes(body.as_bytes()).await
    }

    async fn ask_bytes(body: &[u8]) -> String {
        let answer = router().handle(Bytes::copy_from_slice(body)).await.unwrap();
        String::from_utf8(answer.to_vec()).unwrap()
    }

    async fn put_names(data: &str) -> String {
        ask(&format!(
            r#"{{"uri":"/v1/names","method":"PUT","data":{data}}}"#
        ))
        .await
    }

    async fn get(uri: &str) -> String {
        ask(&format!(
            r#"{{"uri":"{uri}","method":"GET","publisher":"x","data_type":""}}"#
        ))
        .await
    }

    #[tokio::test]
    async fn lists_need_a_query_and_single_resources_refuse_one() {
        assert!(get("/v1/calls").await.contains("404"));
        assert!(
            get("/v1/calls?page_token=2026-01-02T03%3A04%3A05Z")
                .await
                .contains("2026-01-02T03:04:05Z")
        );
        assert!(get("/v1/outdials").await.contains("200"));
        assert!(get(&format!("/v1/calls/{ID}")).await.contains(ID));
        assert!(get(&format!("/v1/calls/{ID}?a=b")).await.contains("404"));
        assert!(get(&format!("/v1/calls/{ID}/")).await.contains("404"));
        assert!(
            get(&format!("/v1/calls/{}", ID.to_uppercase()))
                .await
                .contains("404")
        );
        assert!(get("/v1/channels/17.2").await.contains("17.2"));
    }

    #[tokio::test]
    async fn what_a_request_makes_has_the_same_id_when_it_is_delivered_again() {
        let makes = |_: Arc<()>, routed: Routed| async move {
            let ids: [Option<Uuid>; 2] = [routed.own_id(0), routed.own_id(1)];
            Ok(Reply::json(&ids))
        };
        let router = Router::new(Arc::new(()), ServiceMetrics::default());
        let router = router.route(Method::Post, "/v1/x", "/v1/x", makes);
        let body = Bytes::from_static(br#"{"uri":"/v1/x","method":"POST"}"#);
        let ask = |id| {
            let delivered = Delivered {
                identity: Some(Uuid::from_u128(id)),
                ..Delivered::default()
            };
            router.handle_delivered(body.clone(), delivered)
        };
        let first = ask(1).await;
        assert_eq!(first, ask(1).await);
        assert_ne!(first, ask(2).await);
        let text = String::from_utf8(first.unwrap().to_vec()).unwrap();
        let ids: Response = serde_json::from_str(&text).unwrap();
        let ids: [Uuid; 2] = serde_json::from_str(ids.data.unwrap().get()).unwrap();
        assert_ne!(ids[0], ids[1]);
        let unknown = router.handle(body.clone()).await.unwrap();
        assert!(String::from_utf8_lossy(&unknown).contains("[null,null]"));
    }

    #[tokio::test]
    async fn a_body_is_read_as_the_reference_reads_it() {
        for refused in ["[]", r#"["a","b"]"#, "7", r#"{"name":7}"#] {
            assert!(put_names(refused).await.contains("400"), "{refused}");
        }
        for (data, names) in [
            ("null", r#"["",""]"#),
            (r#"{"NAME":"a","detail":null}"#, r#"["a",""]"#),
            (
                r#"{"name":"a\ud83d","name":"b\ud83d"}"#,
                "[\"b\u{fffd}\",\"\"]",
            ),
        ] {
            assert!(put_names(data).await.contains(names), "{data}");
        }
        let envelope = r#"{"URI":"/v1/names","Method":"PUT","Data":{"name":"a"}}"#;
        assert!(ask(envelope).await.contains(r#"["a",""]"#));
        let twice = r#"{"uri":"/v1/x","uri":"/v1/names","method":"PUT","data":{}}"#;
        assert!(ask(twice).await.contains("200"));
        let no_text = b"{\"uri\":\"/v1/names\",\"method\":\"PUT\",\"data\":{\"name\":\"\xff\"}}";
        assert!(ask_bytes(no_text).await.contains('\u{fffd}'));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_answered_with_400() {
        for garbage in ["garbage", "", "7", "[]", r#"["/v1/strict","POST"]"#] {
            assert!(ask(garbage).await.contains("400"), "{garbage}");
        }
        let nulls = r#" {"uri":"/v1/outdials","method":"GET","publisher":null,"data":null}"#;
        assert!(ask(nulls).await.contains("200"));
        for data in ["", r#","data":"text""#, r#","data":{"a":"b"}"#] {
            let body = format!(r#"{{"uri":"/v1/strict","method":"POST"{data}}}"#);
            assert!(ask(&body).await.contains("400"), "{body}");
        }
        assert!(
            ask(r#"{"uri":"/v1/strict","method":"POST","data":{"a":null}}"#)
                .await
                .contains("200")
        );
        assert!(
            ask(r#"{"uri":"/v1/strict","method":"PATCH"}"#)
                .await
                .contains("404")
        );
    }
}
