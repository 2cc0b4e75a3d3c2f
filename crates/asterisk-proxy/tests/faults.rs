//! Faults that a real Asterisk cannot be made to have on demand: a scripted ARI
//! stands in for it. What works is tested against a real one (`real.rs`).

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod listen;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use trunkline_asterisk_proxy::{Account, Config, Metrics, Running, Status, start};
use trunkline_bus::{Bus, Consumer, InProcess, Request};

use crate::listen::listen;

const PATIENCE: Duration = Duration::from_secs(10);
const ID: &str = "02:00:00:00:00:01";
/// What the Basic header of `user:secret` says.
const HEADER: &str = "Basic dXNlcjpzZWNyZXQ=";

/// What the scripted ARI does with a websocket.
#[derive(Clone)]
enum Behaviour {
    /// Neither sends nor answers anything.
    Silent,
    /// Sends these texts and then answers pings.
    Sends(Vec<&'static str>),
    /// Sends bytes that are no frame.
    Garbles,
    /// Refuses the account.
    Refuses,
}

struct FakeAri {
    url: String,
    behaviour: watch::Sender<Behaviour>,
}

impl FakeAri {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (behaviour, current) = watch::channel(behaviour);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let behaviour = current.borrow().clone();
                tokio::spawn(serve(stream, behaviour));
            }
        });
        Self { url, behaviour }
    }

    fn config(&self) -> Config {
        Config {
            url: self.url.clone(),
            account: Account::new("user:secret"),
            request_timeout_ms: 300,
            ping_interval_ms: 50,
            read_deadline_ms: 300,
            reconnect_min_ms: 20,
            reconnect_max_ms: 100,
            ..Config::default()
        }
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour) {
    let mut buffer = vec![0; 8_192];
    let head = loop {
        let length = stream.peek(&mut buffer).await.unwrap_or(0);
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if length == 0 || text.contains("\r\n\r\n") {
            break text;
        }
        tokio::task::yield_now().await;
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if !head.contains(HEADER) || matches!(behaviour, Behaviour::Refuses) {
        return answer(&mut stream, "401 Unauthorized", "").await;
    }
    match path.split('?').next().unwrap_or_default() {
        "/ari/events" => websocket(stream, behaviour).await,
        "/ari/asterisk/info" => {
            let info = json!({"system": {"version": "22.0.0", "entity_id": ID}});
            answer(&mut stream, "200 OK", &info.to_string()).await;
        }
        "/ari/slow" => std::future::pending().await,
        "/ari/html" => answer(&mut stream, "404 Not Found", "<html>").await,
        "/ari/cut" => {}
        _ => answer(&mut stream, "204 No Content", "").await,
    }
}

async fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let mut request = vec![0; 8_192];
    let _ = stream.read(&mut request).await;
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn websocket(stream: TcpStream, behaviour: Behaviour) {
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    match behaviour {
        Behaviour::Silent | Behaviour::Refuses => std::future::pending().await,
        Behaviour::Garbles => {
            let _ = socket.get_mut().write_all(&[0xff; 64]).await;
            std::future::pending().await
        }
        Behaviour::Sends(texts) => {
            for text in texts {
                let _ = socket.send(Message::text(text)).await;
            }
            while let Some(Ok(_)) = socket.next().await {}
        }
    }
}

struct Proxy {
    bus: Arc<dyn Bus>,
    events: mpsc::UnboundedReceiver<Value>,
    running: Running,
    shutdown: CancellationToken,
    _consumer: Consumer,
}

impl Proxy {
    async fn start(config: Config) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let (consumer, events) = listen(&bus).await;
        let shutdown = CancellationToken::new();
        let running = start(
            vec![config],
            Arc::clone(&bus),
            Metrics::default(),
            shutdown.clone(),
        )
        .await
        .unwrap();
        Self {
            bus,
            events,
            running,
            shutdown,
            _consumer: consumer,
        }
    }

    async fn event(&mut self) -> Value {
        timeout(PATIENCE, self.events.recv())
            .await
            .unwrap()
            .unwrap()
    }

    async fn until(&self, what: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.running.watch().remove(0);
        timeout(PATIENCE, status.wait_for(what))
            .await
            .unwrap()
            .unwrap()
            .clone()
    }

    async fn ask(&self, queue: &str, method: &str, uri: &str) -> Value {
        let request = Request {
            method: method.to_owned(),
            uri: uri.to_owned(),
            ..Request::default()
        };
        let answer = self
            .bus
            .request(queue, request.encode(), PATIENCE)
            .await
            .unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.running.stopped()).await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_websocket_is_replaced() {
    let ari = FakeAri::start(Behaviour::Silent).await;
    let mut proxy = Proxy::start(ari.config()).await;
    assert_eq!(proxy.event().await["type"], "asterisk_connected");
    ari.behaviour.send_replace(Behaviour::Sends(Vec::new()));
    let gone = proxy.event().await;
    assert_eq!(gone["type"], "asterisk_disconnected");
    assert_eq!(gone["data"]["type"], "TrunklineAsteriskDisconnected");
    assert_eq!(
        (&gone["data"]["asterisk_id"], &gone["data"]["application"]),
        (&json!(ID), &json!("voipbin"))
    );
    assert_eq!(proxy.event().await["type"], "asterisk_connected");
    // A peer that answers pings is not silent, however quiet it is.
    let quiet = timeout(Duration::from_millis(900), proxy.events.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    proxy.stop().await;
}

#[tokio::test]
async fn a_refused_account_says_what_to_do_and_is_tried_again() {
    let ari = FakeAri::start(Behaviour::Refuses).await;
    let proxy = Proxy::start(ari.config()).await;
    let status = proxy.until(|status| status.last_error.is_some()).await;
    let error = status.last_error.unwrap();
    assert!(
        error.contains("ari.conf") && error.contains("TRUNKLINE_ARI_ACCOUNT"),
        "{error}"
    );
    assert!(
        !error.contains("secret") && !error.contains("user:"),
        "{error}"
    );
    let refused = proxy.ask("asterisk.call.request", "GET", "/ari/x").await;
    assert_eq!(refused["data"]["reason"], "ASTERISK_UNAVAILABLE");

    ari.behaviour.send_replace(Behaviour::Sends(Vec::new()));
    let status = proxy.until(|status| status.connected).await;
    assert_eq!(
        (status.asterisk_id, status.last_error),
        (Some(ID.into()), None)
    );
    assert_eq!(
        proxy.ask("asterisk.call.request", "GET", "/ari/x").await["status_code"],
        204
    );
    proxy.stop().await;
}

#[tokio::test]
async fn events_are_forwarded_unchanged_and_in_order_and_garbage_is_dropped() {
    let first = r#"{"type":"StasisEnd", "b":1, "a":"<ü>", "asterisk_id":"x"}"#;
    let ari = FakeAri::start(Behaviour::Sends(vec![
        first,
        "no json",
        r#"{"type":"Dial"}"#,
    ]))
    .await;
    let mut proxy = Proxy::start(ari.config()).await;
    assert_eq!(proxy.event().await["type"], "asterisk_connected");
    assert_eq!(
        proxy.event().await,
        json!({"type": "ari_event", "publisher": "asterisk-proxy", "data_type": "application/json",
            "data": serde_json::from_str::<Value>(first).unwrap()})
    );
    assert_eq!(proxy.event().await["data"]["type"], "Dial");
    proxy.stop().await;
}

#[tokio::test]
async fn a_broken_frame_costs_the_connection() {
    let ari = FakeAri::start(Behaviour::Garbles).await;
    let mut proxy = Proxy::start(ari.config()).await;
    for expected in [
        "asterisk_connected",
        "asterisk_disconnected",
        "asterisk_connected",
    ] {
        assert_eq!(proxy.event().await["type"], expected);
    }
    proxy.stop().await;
}

#[tokio::test]
async fn a_taken_over_application_is_a_loss() {
    let ari = FakeAri::start(Behaviour::Sends(vec![r#"{"type":"ApplicationReplaced"}"#])).await;
    let mut proxy = Proxy::start(ari.config()).await;
    assert_eq!(proxy.event().await["type"], "asterisk_connected");
    assert_eq!(proxy.event().await["data"]["type"], "ApplicationReplaced");
    assert_eq!(proxy.event().await["type"], "asterisk_disconnected");
    let status = proxy
        .until(|status| !status.connected && status.last_error.is_some())
        .await;
    assert!(status.last_error.unwrap().contains("another program"));
    proxy.stop().await;
}

#[tokio::test]
async fn every_request_is_answered_whatever_asterisk_does() {
    let ari = FakeAri::start(Behaviour::Sends(Vec::new())).await;
    let proxy = Proxy::start(ari.config()).await;
    proxy.until(|status| status.connected).await;
    let queue = format!("asterisk.{ID}.request");
    let bare = json!({"status_code": 500, "data_type": ""});
    for uri in ["/ari/slow", "/ari/html", "/ari/cut"] {
        assert_eq!(proxy.ask(&queue, "GET", uri).await, bare, "{uri}");
    }
    let done = json!({"status_code": 204, "data_type": "application/json"});
    assert_eq!(proxy.ask(&queue, "DELETE", "/ari/channels/1").await, done);
    proxy.stop().await;
}

#[tokio::test]
async fn requests_in_progress_are_finished_at_the_end() {
    let ari = FakeAri::start(Behaviour::Sends(Vec::new())).await;
    let mut proxy = Proxy::start(ari.config()).await;
    assert_eq!(proxy.event().await["type"], "asterisk_connected");
    let bus = Arc::clone(&proxy.bus);
    let request = Request {
        method: "GET".to_owned(),
        uri: "/ari/slow".to_owned(),
        ..Request::default()
    };
    let asking = tokio::spawn(async move {
        bus.request(
            &format!("asterisk.{ID}.request"),
            request.encode(),
            PATIENCE,
        )
        .await
    });
    tokio::task::yield_now().await;
    tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>())
        .await
        .unwrap_err();
    proxy.shutdown.cancel();
    let answer: Value = serde_json::from_slice(&asking.await.unwrap().unwrap()).unwrap();
    assert_eq!(answer["status_code"], 500);
    assert_eq!(proxy.event().await["type"], "asterisk_disconnected");
    timeout(PATIENCE, proxy.running.stopped()).await.unwrap();
}
