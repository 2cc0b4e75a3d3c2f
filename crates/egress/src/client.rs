//! One exchange: a request, the redirects that follow it, the answer.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Response, StatusCode};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

pub use hyper::Method;

use crate::allow::Allowed;
use crate::config::{Config, Wrong};
use crate::connect::{Connector, Names, SystemNames};
use crate::error::Error;

/// Whether to go where an answer sends us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// As often as the configuration says.
    Follow,
    /// The redirect is the answer.
    Refuse,
}

/// What to ask for.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    /// As the customer wrote it.
    pub address: String,
    /// The body's type.
    pub content_type: String,
    /// Further headers. Not sent on to another host.
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// Longest time for everything.
    pub timeout: Duration,
    /// Largest answer; 0 does not read the answer.
    pub max_answer_bytes: usize,
    pub redirects: Redirects,
}

/// Without the address and the headers, which may hold secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &host_of(&self.address))
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Empty when it was not to be read.
    pub body: Bytes,
}

/// Asks addresses that customers name.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    max_redirects: usize,
}

/// Reaches the public internet only.
impl Default for Client {
    fn default() -> Self {
        Self::over(
            &Config::default(),
            Allowed::default(),
            Arc::new(SystemNames),
        )
    }
}

impl Client {
    /// A client that looks names up as this machine does.
    ///
    /// # Errors
    ///
    /// An entry of `allow` that says nothing.
    pub fn new(config: &Config) -> Result<Self, Wrong> {
        Self::with_names(config, Arc::new(SystemNames))
    }

    /// A client with names of its own.
    ///
    /// # Errors
    ///
    /// As [`Client::new`].
    pub fn with_names(config: &Config, names: Arc<dyn Names>) -> Result<Self, Wrong> {
        Ok(Self::over(config, config.allowed()?, names))
    }

    fn over(config: &Config, allowed: Allowed, names: Arc<dyn Names>) -> Self {
        let connector = Connector::new(names, allowed, config.connect_timeout());
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.idle_timeout())
            .pool_max_idle_per_host(config.idle_connections_per_host)
            .build(connector);
        Self {
            pool,
            max_redirects: config.max_redirects,
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// When there is none. A status of any kind is an answer.
    pub async fn send(&self, request: Request) -> Result<Answer, Error> {
        let (limit, host) = (request.timeout, host_of(&request.address));
        let exchanged = tokio::time::timeout(limit, self.exchange(request)).await;
        exchanged.unwrap_or(Err(Error::Timeout {
            host,
            ms: limit.as_millis(),
        }))
    }

    async fn exchange(&self, mut request: Request) -> Result<Answer, Error> {
        let mut url = readable(&request.address)?;
        for _ in 0..=self.max_redirects {
            let host = url.host_str().unwrap_or_default().to_owned();
            let answer = self.once(&request, &url, &host).await?;
            let status = answer.status();
            if request.redirects == Redirects::Refuse || !is_redirect(status) {
                return read(answer, &host, request.max_answer_bytes).await;
            }
            let next = place(&answer, &url).ok_or_else(|| Error::Redirect(host.clone()))?;
            if next.origin() != url.origin() {
                request.headers.clear();
            }
            if becomes_get(status, &request.method) {
                request.method = Method::GET;
                request.body = Bytes::new();
            }
            url = readable(next.as_str())?;
        }
        Err(Error::TooManyRedirects {
            host: url.host_str().unwrap_or_default().to_owned(),
            limit: self.max_redirects,
        })
    }

    async fn once(
        &self,
        request: &Request,
        url: &Url,
        host: &str,
    ) -> Result<Response<Incoming>, Error> {
        let built = build(request, url).map_err(|_| Error::Address)?;
        self.pool.request(built).await.map_err(|error| {
            // What the connector says is ours; the rest is HTTP's.
            let mut cause = error.source();
            while let Some(inner) = cause {
                if let Some(ours) = inner.downcast_ref::<Error>() {
                    return ours.clone();
                }
                cause = inner.source();
            }
            let why = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Error::Exchange {
                host: host.to_owned(),
                why,
            }
        })
    }
}

/// The host of an address, for messages.
fn host_of(address: &str) -> String {
    Url::parse(address)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}

fn readable(address: &str) -> Result<Url, Error> {
    let url = Url::parse(address).map_err(|_| Error::Address)?;
    let good = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty());
    good.then_some(url).ok_or(Error::Address)
}

fn build(request: &Request, url: &Url) -> Result<hyper::Request<Full<Bytes>>, hyper::http::Error> {
    let mut bare = url.clone();
    // User and password go into a header, as browsers do it.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_fragment(None);
    let mut builder = hyper::Request::builder()
        .method(request.method.clone())
        .uri(bare.as_str())
        .header(USER_AGENT, concat!("trunkline/", env!("CARGO_PKG_VERSION")));
    if !request.body.is_empty() {
        builder = builder.header(CONTENT_TYPE, request.content_type.as_str());
    }
    if let Some(account) = account(url) {
        builder = builder.header(AUTHORIZATION, account);
    }
    for (name, value) in &request.headers {
        builder = builder.header(HeaderName::from_static(name), value.as_str());
    }
    builder.body(Full::new(request.body.clone()))
}

fn account(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain = [url.username(), url.password().unwrap_or_default()].map(unescaped);
    let encoded = STANDARD.encode(plain.join(&b':'));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `%40` and the like, as they stand in the user's name and the password.
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// As browsers do it (RFC 9110 §15.4).
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

fn place(answer: &Response<Incoming>, from: &Url) -> Option<Url> {
    let place = answer.headers().get(LOCATION)?.to_str().ok()?;
    from.join(place).ok()
}

async fn read(answer: Response<Incoming>, host: &str, limit: usize) -> Result<Answer, Error> {
    let status = answer.status().as_u16();
    if limit == 0 {
        return Ok(Answer {
            status,
            body: Bytes::new(),
        });
    }
    let too_large = || Error::TooLarge {
        host: host.to_owned(),
        limit,
    };
    let encoding = answer.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding.as_bytes() != b"identity") {
        return Err(Error::Compressed(host.to_owned()));
    }
    let mut body = answer.into_body();
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::Exchange {
            host: host.to_owned(),
            why: error.to_string(),
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len() + data.len() > limit {
            return Err(too_large());
        }
        read.extend_from_slice(&data);
    }
    Ok(Answer {
        status,
        body: read.freeze(),
    })
}
