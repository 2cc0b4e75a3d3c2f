//! The websocket of ARI: events go out, in order.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::door::Door;
use super::http::plain;

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// Takes `GET /ari/events?app=…&subscribeAll=…`.
pub(super) async fn upgrade(request: Request<Incoming>, door: Arc<Door>) -> Response<Full<Bytes>> {
    door.gate.passed().await;
    let query = request.uri().query().unwrap_or_default();
    let Some(application) = parameter(query, "app").filter(|name| !name.is_empty()) else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    let all = parameter(query, "subscribeAll").is_some_and(|value| value == "true");
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return plain(StatusCode::UPGRADE_REQUIRED, "");
    };
    let accept = derive_accept_key(key.as_bytes());
    let Ok(accept) = HeaderValue::from_str(&accept) else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    tokio::spawn(serve(request, door, application, all));
    let mut response = plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

async fn serve(request: Request<Incoming>, door: Arc<Door>, application: String, all: bool) {
    let Ok(upgraded) = hyper::upgrade::on(request).await else {
        return;
    };
    let io = TokioIo::new(upgraded);
    let mut stream: Stream = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    let (socket, woken) = door.connect(&application, all);
    // `None` says that Asterisk is gone: no goodbye then.
    while let Some(events) = door.events(socket) {
        if send(&mut stream, events).await.is_err() {
            break;
        }
        tokio::select! {
            biased;
            () = woken.notified() => {}
            message = stream.next() => {
                let open = matches!(message, Some(Ok(ref message)) if !message.is_close());
                if !open {
                    break;
                }
            }
        }
        door.gate.passed().await;
    }
    door.disconnect(socket);
}

async fn send(
    stream: &mut Stream,
    events: Vec<String>,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    if events.is_empty() {
        return Ok(());
    }
    for event in events {
        stream.feed(Message::text(event)).await?;
    }
    stream.flush().await
}
