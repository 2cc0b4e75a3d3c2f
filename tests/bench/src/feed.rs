//! The other end of a websocket that sends ARI events as fast as they are taken.
//! It answers every request at once and does nothing: what is measured is the
//! program that takes the events, not an Asterisk.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// Its `entity_id`.
pub(crate) const ENTITY: &str = "02:00:00:00:00:01";

/// Events that may wait for the socket.
const WAITING: usize = 1_024;

/// A listening feed.
pub(crate) struct Feed {
    address: SocketAddr,
    shared: Arc<Shared>,
    events: mpsc::Sender<String>,
}

/// What its connections share.
#[derive(Default)]
struct Shared {
    /// Channels that were created, in their order.
    channels: Mutex<Vec<String>>,
    /// Taken by the first websocket; a second one gets nothing.
    events: Mutex<Option<mpsc::Receiver<String>>>,
}

impl Feed {
    /// Listens on loopback until it is dropped.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, receiver) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared {
            channels: Mutex::default(),
            events: Mutex::new(Some(receiver)),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared), events.downgrade()));
        Ok(Self {
            address,
            shared,
            events,
        })
    }

    /// Where ARI is.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The channels that were created, in their order.
    #[must_use]
    pub(crate) fn channels(&self) -> Vec<String> {
        locked(&self.shared.channels).clone()
    }

    /// Sends an event; waits while the socket is full.
    ///
    /// # Errors
    ///
    /// When the websocket is gone.
    pub(crate) async fn send(&self, event: String) -> Result<()> {
        self.events
            .send(event)
            .await
            .ok()
            .context("the websocket is gone")
    }
}

/// Takes connections until the feed is dropped.
async fn accept(listener: TcpListener, shared: Arc<Shared>, feed: mpsc::WeakSender<String>) {
    while feed.upgrade().is_some() {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        // A connection that breaks is the other side's to repeat.
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut begin = [0; 15];
    while stream.peek(&mut begin).await? < begin.len() {
        stream.readable().await?;
    }
    if &begin == b"GET /ari/events" {
        websocket(stream, &shared).await
    } else {
        requests(stream, &shared).await
    }
}

async fn websocket(stream: TcpStream, shared: &Shared) -> Result<()> {
    let (mut out, mut inward) = accept_async(stream).await?.split();
    let events = locked(&shared.events).take();
    let mut events = events.context("a second websocket")?;
    let (gone, closed) = oneshot::channel::<()>();
    tokio::spawn(async move {
        // Reading answers pings, and sees the end.
        while let Some(Ok(_)) = inward.next().await {}
        drop(gone);
    });
    tokio::pin!(closed);
    loop {
        tokio::select! {
            biased;
            _ = &mut closed => return Ok(()),
            event = events.recv() => match event {
                None => return Ok(()),
                Some(event) => out.feed(Message::text(event)).await?,
            }
        }
        if events.is_empty() {
            out.flush().await?;
        }
    }
}

/// One connection of the HTTP client, request after request.
async fn requests(stream: TcpStream, shared: &Shared) -> Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some((method, uri, body)) = read_request(&mut stream).await? {
        let (status, answer) = answer(shared, &method, &uri, &body);
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        stream.get_mut().write_all(head.as_bytes()).await?;
    }
    Ok(())
}

/// Method, path and body of the next request; none when the client is done.
async fn read_request<R: AsyncRead + Unpin>(
    stream: &mut BufReader<R>,
) -> Result<Option<(String, String, Vec<u8>)>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, uri) = (words.next(), words.next());
    let mut length = 0;
    loop {
        let mut header = String::new();
        if stream.read_line(&mut header).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let (method, uri) = method.zip(uri).context("no request line")?;
    Ok(Some((method, uri, body)))
}

fn answer(shared: &Shared, method: &str, uri: &str, body: &[u8]) -> (u16, Value) {
    let path = uri.split('?').next().unwrap_or_default();
    match (method, path) {
        ("GET", "/ari/asterisk/info") => {
            let system = json!({"version": "22.10.1", "entity_id": ENTITY});
            (200, json!({"system": system}))
        }
        ("GET", "/ari/channels" | "/ari/bridges") => (200, json!([])),
        ("POST", "/ari/channels/create") => {
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            let id = asked["channelId"].as_str().unwrap_or_default();
            locked(&shared.channels).push(id.to_owned());
            (
                200,
                json!({"id": id, "name": format!("PJSIP/feed-{id}"), "state": "Down"}),
            )
        }
        _ => (200, json!({})),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
