//! The real way to an Asterisk: HTTP and a websocket over TCP.

use std::error::Error as StdError;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;

use crate::config::Config;
use crate::error::Error;
use crate::link_error::LinkError;
use crate::socket::Socket;
use crate::transport::{Answer, Ask, EventSocket, HttpError, Transport};

/// Longest answer that is read. 1,000 channels are a third of a megabyte.
const MAX_BODY: usize = 16 << 20;
/// Asterisk closes an idle connection after 15 s; ours must be gone before, or a
/// request may meet a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(10);
/// Longest wait for a TCP connection.
const CONNECT: Duration = Duration::from_secs(3);

/// One Asterisk over TCP.
pub(crate) struct Wire {
    client: Client,
    config: Config,
    /// What stands before `/ari/…`.
    base: String,
}

impl Wire {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let base = config.base()?;
        let headers = HeaderMap::from_iter([(AUTHORIZATION, config.account.header())]);
        let client = Client::builder()
            .default_headers(headers)
            // The account is for this Asterisk: no proxy and no redirection sees it.
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(config.max_concurrent_requests)
            .tcp_nodelay(true)
            .build()
            .map_err(Error::Client)?;
        Ok(Self {
            client,
            config: config.clone(),
            base: base.as_str().trim_end_matches('/').to_owned(),
        })
    }
}

#[async_trait]
impl Transport for Wire {
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        let url = format!("{}{}", self.base, ask.uri);
        let mut request = self.client.request(ask.method, url);
        if !ask.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, ask.content_type);
        }
        if let Some(body) = ask.body {
            request = request.body(body.to_owned());
        }
        let mut response = request.send().await.map_err(of_reqwest)?;
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(of_reqwest)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(HttpError::Lost("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            body: body.freeze(),
        })
    }

    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError> {
        Ok(Box::new(Socket::connect(&self.config).await?))
    }
}

fn of_reqwest(error: reqwest::Error) -> HttpError {
    let connect = error.is_connect();
    let text = with_causes(&error.without_url());
    if connect {
        HttpError::Connect(text)
    } else {
        HttpError::Lost(text)
    }
}

/// An error and its causes in one line, the last one first said.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
