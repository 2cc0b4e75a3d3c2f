//! HTTP of ARI.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, server};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::door::Door;
use super::{control, socket};
use crate::answer::{Answer, Request as Asked};

/// Longest body that is read.
const MAX_BODY: usize = 1 << 20;

/// One connection. Asterisk remembers a duplicate id on it: from then on it
/// answers 409 to whatever it cannot allocate.
#[derive(Debug, Default)]
pub(super) struct Connection {
    duplicate_seen: AtomicBool,
}

pub(super) async fn serve(stream: TcpStream, door: Arc<Door>) {
    let connection = Arc::new(Connection::default());
    let service = service_fn(move |request| {
        let (door, connection) = (Arc::clone(&door), Arc::clone(&connection));
        async move { Ok::<_, Infallible>(answer(request, door, connection).await) }
    });
    let serving = server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A connection that breaks off is the client's affair.
    serving.await.ok();
}

async fn answer(
    request: Request<Incoming>,
    door: Arc<Door>,
    connection: Arc<Connection>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if let Some(what) = path.strip_prefix("/sim/") {
        let (method, what) = (request.method().clone(), what.to_owned());
        let body = body_of(request).await.unwrap_or_default();
        return control::answer(&door, &method, &what, &body);
    }
    if !path.starts_with("/ari") {
        return plain(StatusCode::NOT_FOUND, "Not Found");
    }
    let header = request.headers().get(AUTHORIZATION);
    let header = header.and_then(|header| header.to_str().ok());
    if !door.lets_in(header, request.uri().query().unwrap_or_default()) {
        return unauthorized();
    }
    if path == "/ari/events" {
        return socket::upgrade(request, door).await;
    }
    ari(request, door, connection).await
}

async fn ari(
    request: Request<Incoming>,
    door: Arc<Door>,
    connection: Arc<Connection>,
) -> Response<Full<Bytes>> {
    let uri = request.uri().path_and_query();
    let mut asked = Asked {
        method: request.method().as_str().to_owned(),
        uri: uri.map(ToString::to_string).unwrap_or_default(),
        body: None,
    };
    let Ok(body) = body_of(request).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "");
    };
    asked.body = (!body.is_empty()).then_some(body);
    if door.gate.is_open() {
        return of(carried_out(&door, &connection, &asked));
    }
    // What a frozen Asterisk was sent is done when it thaws, whoever waits.
    let later = tokio::spawn(async move {
        door.gate.passed().await;
        carried_out(&door, &connection, &asked)
    });
    match later.await {
        Ok(answer) => of(answer),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
    }
}

fn carried_out(door: &Door, connection: &Connection, asked: &Asked) -> Answer {
    let answer = door.with(|sim, now| sim.request(now, asked));
    let allocates = asked.method == "POST" && asked.uri.starts_with("/ari/channels");
    match answer.status {
        409 if allocates && answer.is_duplicate_channel() => {
            connection.duplicate_seen.store(true, Ordering::Relaxed);
            answer
        }
        500 if allocates && answer == Answer::allocation_failed() => {
            if connection.duplicate_seen.load(Ordering::Relaxed) {
                return Answer::duplicate_channel();
            }
            answer
        }
        _ => answer,
    }
}

async fn body_of(request: Request<Incoming>) -> Result<String, ()> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|_| ())?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn of(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(file) = answer.file {
        return with_type(status, Bytes::from(file), "application/octet-stream");
    }
    if answer.body.is_empty() {
        return plain(status, "");
    }
    with_type(status, Bytes::from(answer.body), "application/json")
}

pub(super) fn json(body: String) -> Response<Full<Bytes>> {
    with_type(StatusCode::OK, Bytes::from(body), "application/json")
}

fn with_type(status: StatusCode, body: Bytes, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

fn unauthorized() -> Response<Full<Bytes>> {
    let body = Bytes::from_static(br#"{"message":"Authentication required"}"#);
    let mut response = with_type(StatusCode::UNAUTHORIZED, body, "application/json");
    let realm = HeaderValue::from_static("Basic realm=\"Asterisk REST Interface\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    response
}
