//! ARI's HTTP side: bounded in number and in time.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use trunkline_bus::envelope;
use trunkline_bus::metrics::millis;
use url::Url;

use crate::config::Config;
use crate::error::Error;
use crate::metrics::{AriLabels, Metrics};

/// Longest answer that is read. 1,000 channels are a third of a megabyte.
const MAX_BODY: usize = 16 << 20;
/// Asterisk closes an idle connection after 15 s; ours must be gone before, or a
/// request may meet a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(10);
/// Longest wait for a TCP connection.
const CONNECT: Duration = Duration::from_secs(3);

/// What goes to Asterisk.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// Path and query, beginning with `/ari/`.
    pub(crate) uri: &'a str,
    /// Content type; empty for none.
    pub(crate) content_type: &'a str,
    pub(crate) body: Option<&'a str>,
}

/// What Asterisk said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Nothing was sent: the path does not stay below `/ari/`.
    #[error("the path leads out of ARI")]
    Path,
    /// Nothing was sent: too many requests are in progress.
    #[error("too many requests are in progress")]
    Busy,
    /// Nothing was sent: there is no connection.
    #[error("{0}")]
    Connect(String),
    /// The request may have been carried out.
    #[error("{0}")]
    Lost(String),
    /// The request may have been carried out.
    #[error("no answer in time")]
    Timeout,
}

/// The client of one Asterisk.
pub(crate) struct Http {
    client: Client,
    base: Url,
    permits: Semaphore,
    timeout: Duration,
    metrics: Metrics,
}

impl Http {
    pub(crate) fn new(config: &Config, metrics: Metrics) -> Result<Self, Error> {
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
            base: config.base()?,
            permits: Semaphore::new(config.max_concurrent_requests),
            timeout: config.request_timeout(),
            metrics,
        })
    }

    /// Asks when it is its turn.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        let url = self.url(ask.uri)?;
        let deadline = Instant::now() + self.timeout;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(HttpError::Busy);
        };
        self.exchange(url, ask, deadline).await
    }

    /// Asks at once: the link's own requests do not stand in line.
    pub(crate) async fn ask_now(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        let url = self.url(ask.uri)?;
        self.exchange(url, ask, Instant::now() + self.timeout).await
    }

    /// Parsing resolves `..`, so what it gives is checked, not what was asked.
    fn url(&self, uri: &str) -> Result<Url, HttpError> {
        let base = self.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{uri}")).map_err(|_| HttpError::Path)?;
        let inside = format!("{}/ari/", self.base.path().trim_end_matches('/'));
        let same = url.origin() == self.base.origin();
        if same && url.path().starts_with(&inside) {
            Ok(url)
        } else {
            Err(HttpError::Path)
        }
    }

    async fn exchange(
        &self,
        url: Url,
        ask: Ask<'_>,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        let started = Instant::now();
        let method = envelope::Method::parse(ask.method.as_str());
        let mut request = self.client.request(ask.method, url);
        if !ask.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, ask.content_type);
        }
        if let Some(body) = ask.body {
            request = request.body(body.to_owned());
        }
        let outcome = match timeout_at(deadline, receive(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(HttpError::Timeout),
        };
        let status = outcome
            .as_ref()
            .map_or("error".to_owned(), |answer| answer.status.to_string());
        let labels = AriLabels {
            method: method.map_or("other", envelope::Method::as_str),
            status,
        };
        let elapsed = millis(started.elapsed());
        self.metrics
            .ari_request_process_time
            .get_or_create(&labels)
            .observe(elapsed);
        outcome
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<Answer, HttpError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_cannot_leave_ari() {
        for base in ["http://127.0.0.1:8088", "http://127.0.0.1:8088/pbx/"] {
            let config = Config {
                url: base.to_owned(),
                ..Config::default()
            };
            let http = Http::new(&config, Metrics::default()).unwrap();
            assert!(http.url("/ari/channels?x=%2F..").is_ok());
            for uri in [
                "/ari/../ws",
                "/ari",
                "/ari/..",
                "@evil.example/ari/x",
                "/ari/%2e%2e/ws",
            ] {
                assert!(matches!(http.url(uri), Err(HttpError::Path)), "{base}{uri}");
            }
        }
        let config = Config {
            url: "http://127.0.0.1:8088/pbx/".to_owned(),
            ..Config::default()
        };
        let http = Http::new(&config, Metrics::default()).unwrap();
        assert_eq!(http.url("/ari/bridges").unwrap().path(), "/pbx/ari/bridges");
    }
}
