//! An Asterisk across a border: what the real proxy has instead of HTTP and a
//! websocket.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use trunkline_asterisk_proxy::transport::{Answer, Ask, EventSocket, HttpError, Transport};
use trunkline_asterisk_proxy::{Config, LinkError};
use trunkline_asterisk_sim::{Request, SocketId};
use trunkline_model::Timestamp;

use super::{Border, pause};
use crate::fault::{Op, What};
use crate::station::Station;

/// Longest ordinary time of a request's way, milliseconds.
const WAY_MS: u64 = 2;

/// The way of one process to one Asterisk.
pub struct Way {
    station: Arc<Station>,
    border: Arc<Border>,
    url: String,
}

/// The proxy's configuration for the Asterisk `at`, and the way to it.
#[must_use]
pub fn way(station: &Arc<Station>, border: &Arc<Border>) -> (Config, Arc<dyn Transport>) {
    let url = format!("http://asterisk-{}.sim:8088", station.at());
    let config = Config {
        url: url.clone(),
        ..Config::default()
    };
    let way = Way {
        station: Arc::clone(station),
        border: Arc::clone(border),
        url,
    };
    (config, Arc::new(way))
}

impl Way {
    fn ask(&self, ask: &Ask<'_>) -> Result<Answer, HttpError> {
        let request = Request {
            method: ask.method.as_str().to_owned(),
            uri: ask.uri.to_owned(),
            body: ask.body.map(str::to_owned),
        };
        let refused = || HttpError::Connect("connection refused".to_owned());
        let answer = self.station.ask(&request).ok_or_else(refused)?;
        let at = self.station.at();
        tracing::debug!(target: "asterisk", at, method = request.method, uri = request.uri, status = answer.status, "request");
        Ok(Answer {
            status: answer.status,
            body: answer.body.into(),
        })
    }

    fn lost(&self) -> LinkError {
        LinkError::Lost {
            url: self.url.clone(),
            cause: "the simulated websocket broke".to_owned(),
        }
    }
}

#[async_trait]
impl Transport for Way {
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        let crossing = async {
            self.border.lag(WAY_MS).await;
            let what = self.border.fault(Op::Ari).await;
            match what {
                Some(What::Lost | What::AwayBefore) => pending().await,
                Some(What::AnswerLost | What::AwayAfter) => {
                    let _ = self.ask(&ask);
                    pending().await
                }
                Some(What::KilledBefore) => self.border.die().await,
                Some(What::KilledAfter) => {
                    let _ = self.ask(&ask);
                    self.border.die().await
                }
                Some(What::Late(ms)) => pause(ms).await,
                None
                | Some(What::Twice | What::TwiceLate(_) | What::Cut)
                | Some(What::AnswerLate(_) | What::FrozenBefore(_) | What::FrozenAfter(_)) => {}
                Some(
                    What::AsteriskDies(..) | What::AsteriskUnreachable(..) | What::ClockStep(_),
                ) => {}
            }
            let answer = self.ask(&ask);
            self.border.lag(WAY_MS).await;
            self.border.done(what).await;
            answer
        };
        self.border.crossing(crossing).await
    }

    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError> {
        let connecting = async {
            self.border.lag(WAY_MS).await;
            let application = &Config::default().application;
            let refused = || LinkError::NoAnswer {
                url: self.url.clone(),
                cause: "connection refused".to_owned(),
            };
            let socket = self.station.open(application, false).ok_or_else(refused)?;
            // When a process dies its machine closes what it had open.
            let (station, border) = (Arc::clone(&self.station), Arc::clone(&self.border));
            tokio::spawn(async move {
                border.died().await;
                station.close(socket);
            });
            let news = self.station.news();
            let way = Self {
                station: Arc::clone(&self.station),
                border: Arc::clone(&self.border),
                url: self.url.clone(),
            };
            Ok(Box::new(Websocket {
                way,
                socket,
                news,
                waiting: Vec::new(),
            }) as Box<dyn EventSocket>)
        };
        self.border.crossing(connecting).await
    }

    fn now(&self) -> Timestamp {
        self.station.now()
    }
}

/// An open websocket. Asterisk notices when it, or its process, is gone.
struct Websocket {
    way: Way,
    socket: SocketId,
    news: watch::Receiver<u64>,
    /// Read and not handed over yet, the next one last.
    waiting: Vec<String>,
}

impl Websocket {
    async fn next_text(&mut self) -> Result<String, LinkError> {
        loop {
            if let Some(text) = self.waiting.pop() {
                return Ok(text);
            }
            self.news.mark_unchanged();
            let events = self.way.station.events(self.socket);
            let mut events = events.ok_or_else(|| self.way.lost())?;
            if events.is_empty() {
                let _ = self.news.changed().await;
                continue;
            }
            events.reverse();
            self.waiting = events;
        }
    }
}

#[async_trait]
impl EventSocket for Websocket {
    async fn next(&mut self) -> Result<Bytes, LinkError> {
        let border = Arc::clone(&self.way.border);
        // Nothing is lost when this is given up half-way: the text is taken last.
        border.alive(border.awake()).await;
        let text = border.alive(self.next_text()).await?;
        match border.faults.next(&border.name, Op::Socket) {
            Some(What::KilledBefore | What::KilledAfter) => border.die().await,
            Some(What::Cut | What::Lost) => {
                self.way.station.close(self.socket);
                Err(self.way.lost())
            }
            None
            | Some(What::AnswerLost | What::Late(_) | What::AnswerLate(_))
            | Some(What::Twice | What::TwiceLate(_) | What::AwayBefore | What::AwayAfter)
            | Some(What::FrozenBefore(_) | What::FrozenAfter(_))
            | Some(What::AsteriskDies(..) | What::AsteriskUnreachable(..) | What::ClockStep(_)) => {
                tracing::debug!(target: "asterisk", at = self.way.station.at(), text, "event");
                Ok(text.into())
            }
        }
    }

    async fn close(self: Box<Self>) {
        self.way.station.close(self.socket);
    }
}

impl Drop for Websocket {
    fn drop(&mut self) {
        self.way.station.close(self.socket);
    }
}
