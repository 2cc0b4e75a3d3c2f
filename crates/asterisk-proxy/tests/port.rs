//! The whole proxy over a transport of the test's own: no socket, no real time.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod listen;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use trunkline_asterisk_proxy::transport::{Answer, Ask, EventSocket, HttpError, Transport};
use trunkline_asterisk_proxy::{Config, LinkError, Metrics, start_over};
use trunkline_bus::{Bus, InProcess, Request};
use trunkline_model::Timestamp;

use crate::listen::listen;

/// Sends each of its texts, and after the last one is lost.
struct Scripted {
    sockets: Mutex<mpsc::Receiver<Vec<&'static str>>>,
}

struct Texts(std::vec::IntoIter<&'static str>);

#[async_trait]
impl Transport for Scripted {
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        if ask.uri.starts_with("/ari/slow") {
            std::future::pending::<()>().await;
        }
        let body = match ask.uri {
            "/ari/asterisk/info?only=system" => r#"{"system":{"version":"22","entity_id":"x"}}"#,
            _ => r#"{"done":true}"#,
        };
        Ok(Answer {
            status: 200,
            body: Bytes::from_static(body.as_bytes()),
        })
    }

    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError> {
        let texts = self.sockets.lock().await.recv().await;
        Ok(Box::new(Texts(texts.unwrap_or_default().into_iter())))
    }

    fn now(&self) -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }
}

#[async_trait]
impl EventSocket for Texts {
    async fn next(&mut self) -> Result<Bytes, LinkError> {
        let Some(text) = self.0.next() else {
            return Err(LinkError::Lost {
                url: "http://scripted".to_owned(),
                cause: "the script ends".to_owned(),
            });
        };
        Ok(Bytes::from_static(text.as_bytes()))
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn the_proxy_runs_over_any_transport() {
    let (sockets, scripts) = mpsc::channel(1);
    sockets
        .send(vec![r#"{"type":"Dial"}"#, "{", r#"{"type":"StasisEnd"}"#])
        .await
        .unwrap();
    let scripted = Scripted {
        sockets: Mutex::new(scripts),
    };
    let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
    let (_consumer, mut events) = listen(&bus).await;
    let config = Config {
        url: "http://scripted".to_owned(),
        ..Config::default()
    };
    let shutdown = CancellationToken::new();
    let running = start_over(
        vec![(config, Arc::new(scripted))],
        Arc::clone(&bus),
        Metrics::default(),
        shutdown.clone(),
    )
    .await
    .unwrap();

    let connected = events.recv().await.unwrap();
    assert_eq!(connected["data"]["type"], "TrunklineAsteriskConnected");
    assert_eq!(connected["data"]["timestamp"], "2026-01-02T03:04:05Z");
    assert_eq!(events.recv().await.unwrap()["data"]["type"], "Dial");
    assert_eq!(events.recv().await.unwrap()["data"]["type"], "StasisEnd");
    assert_eq!(
        events.recv().await.unwrap()["type"],
        "asterisk_disconnected"
    );

    // It connects again by itself, and answers while it is connected.
    sockets.send(Vec::new()).await.unwrap();
    assert_eq!(events.recv().await.unwrap()["type"], "asterisk_connected");
    let ask = async |uri: &str| -> Value {
        let request = Request {
            method: "GET".to_owned(),
            uri: uri.to_owned(),
            ..Request::default()
        };
        let body = request.encode();
        let answer = bus
            .request("asterisk.x.request", body, Duration::from_secs(60))
            .await;
        serde_json::from_slice(&answer.unwrap()).unwrap()
    };
    assert_eq!(ask("/ari/channels").await["data"], json!({"done": true}));
    assert_eq!(ask("/ari/slow").await["status_code"], 500);
    assert_eq!(ask("/ari/../ws").await["status_code"], 404);
    shutdown.cancel();
    running.stopped().await;
}
