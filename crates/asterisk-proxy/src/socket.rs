//! ARI's websocket: one message after the other, pings, and a deadline for
//! silence.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::header::AUTHORIZATION;
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use crate::config::Config;
use crate::link_error::LinkError;
use crate::pool::with_causes;
use crate::transport::EventSocket;

/// Longest time for the connection and its handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for a polite goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    url: String,
    ping: Pin<Box<Interval>>,
    deadline: Duration,
}

impl Socket {
    /// Connects; from the answer on Asterisk sends the application's events.
    pub(crate) async fn connect(config: &Config) -> Result<Self, LinkError> {
        let url = config.url.clone();
        let request = handshake(config).map_err(|cause| no_answer(&url, &cause))?;
        let connecting = connect_async_with_config(request, None, true);
        let stream = match timeout(CONNECT, Box::pin(connecting)).await {
            Ok(Ok((stream, _))) => stream,
            Ok(Err(WsError::Http(response))) => {
                return Err(LinkError::of_status(&url, response.status().as_u16()));
            }
            Ok(Err(error)) => return Err(no_answer(&url, &with_causes(&error))),
            Err(_) => return Err(no_answer(&url, "the websocket handshake takes too long")),
        };
        let every = config.ping_interval();
        let mut ping = interval_at(Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            stream,
            url,
            ping: Box::pin(ping),
            deadline: config.read_deadline(),
        })
    }

    fn text(
        &self,
        frame: Option<Result<Message, WsError>>,
    ) -> Result<Option<Utf8Bytes>, LinkError> {
        match frame {
            Some(Ok(Message::Text(text))) => Ok(Some(text)),
            Some(Ok(
                Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_),
            )) => Ok(None),
            Some(Ok(Message::Close(_))) | None => Err(self.lost("Asterisk closed it".to_owned())),
            Some(Err(error)) => Err(self.lost(with_causes(&error))),
        }
    }

    async fn ping(&mut self, until: Instant) -> Result<(), LinkError> {
        let sending = self.stream.send(Message::Ping(Bytes::new()));
        match tokio::time::timeout_at(until, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.lost(with_causes(&error))),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&self) -> LinkError {
        LinkError::Silent {
            url: self.url.clone(),
            ms: self.deadline.as_millis(),
        }
    }

    fn lost(&self, cause: String) -> LinkError {
        LinkError::Lost {
            url: self.url.clone(),
            cause,
        }
    }
}

#[async_trait]
impl EventSocket for Socket {
    /// Sends pings meanwhile, and fails when nothing at all arrives: a half-open
    /// connection would look quiet for ever.
    async fn next(&mut self) -> Result<Bytes, LinkError> {
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                biased;
                frame = self.stream.next() => {
                    heard = Instant::now();
                    if let Some(text) = self.text(frame)? {
                        return Ok(text.into());
                    }
                }
                () = sleep_until(heard + self.deadline) => return Err(self.silent()),
                _ = self.ping.tick() => self.ping(heard + self.deadline).await?,
            }
        }
    }

    async fn close(mut self: Box<Self>) {
        let closed = timeout(GOODBYE, self.stream.close(None)).await;
        tracing::debug!(url = self.url, in_time = closed.is_ok(), "websocket closed");
    }
}

/// The account travels in a header: a URL ends up in logs.
fn handshake(config: &Config) -> Result<Request, String> {
    let url = events_url(config)?;
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| with_causes(&error))?;
    request
        .headers_mut()
        .insert(AUTHORIZATION, config.account.header());
    Ok(request)
}

fn events_url(config: &Config) -> Result<Url, String> {
    let mut url = config.base().map_err(|error| error.to_string())?;
    let path = format!("{}/ari/events", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.query_pairs_mut()
        .append_pair("app", &config.application)
        .append_pair(
            "subscribeAll",
            if config.subscribe_all {
                "true"
            } else {
                "false"
            },
        );
    url.set_scheme("ws")
        .map_err(|()| "the URL has no websocket form".to_owned())?;
    Ok(url)
}

fn no_answer(url: &str, cause: &str) -> LinkError {
    LinkError::NoAnswer {
        url: url.to_owned(),
        cause: cause.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_in_a_header_and_not_in_the_url() {
        let config = Config {
            application: "a b&c".to_owned(),
            account: crate::Account::new("user:secret"),
            ..Config::default()
        };
        let request = handshake(&config).unwrap();
        assert_eq!(
            request.uri().to_string(),
            "ws://127.0.0.1:8088/ari/events?app=a+b%26c&subscribeAll=false"
        );
        assert_eq!(request.headers()[AUTHORIZATION], "Basic dXNlcjpzZWNyZXQ=");
        let printed = format!("{request:?}");
        assert!(
            !printed.contains("secret") && !printed.contains("dXNlcjpzZWNyZXQ="),
            "{printed}"
        );
    }
}
