//! The border to an Asterisk: a port.
//!
//! Everything that the proxy says to its Asterisk and hears of it crosses here.
//! [`crate::start`] uses HTTP and a websocket over TCP; a simulation puts its own
//! Asterisk behind the port ([`crate::start_over`]) and runs the real proxy
//! without a socket. What stays on the proxy's side: which paths may be asked,
//! how many requests are in progress, how long they may take, what is counted.

use async_trait::async_trait;
use bytes::Bytes;
pub use hyper::Method;
use trunkline_model::Timestamp;

use crate::link_error::LinkError;

/// The way to one Asterisk.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and waits for the whole answer; the caller bounds the
    /// time, by dropping the future.
    ///
    /// # Errors
    ///
    /// [`HttpError`] says whether the request may have been carried out.
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError>;

    /// Fetches what may be too large to be held as a whole.
    ///
    /// # Errors
    ///
    /// When there is no answer; asking again is harmless.
    async fn download(&self, uri: &str) -> Result<Download, HttpError> {
        let ask = Ask {
            method: Method::GET,
            uri,
            content_type: "",
            body: None,
        };
        let Answer { status, body } = self.request(ask).await?;
        Ok(Download {
            status,
            length: Some(body.len() as u64),
            date: None,
            body: Box::new(Whole(Some(body))),
        })
    }

    /// Opens the websocket of the application's events. From the answer on
    /// Asterisk sends them.
    ///
    /// # Errors
    ///
    /// Nobody there, the account refused, or something that is not ARI.
    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError>;

    /// What the time is on this side: the proxy's own events carry it.
    fn now(&self) -> Timestamp {
        Timestamp::system_now()
    }
}

/// An open websocket.
#[async_trait]
pub trait EventSocket: Send {
    /// The next text message, as it came; nothing has checked that it is JSON.
    /// May be dropped and called again: no message is lost by that.
    ///
    /// # Errors
    ///
    /// The connection is lost or silent; the socket is useless then.
    async fn next(&mut self) -> Result<Bytes, LinkError>;

    /// Says goodbye.
    async fn close(self: Box<Self>);
}

/// What goes to Asterisk.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Any method; ARI knows GET, POST, PUT and DELETE.
    pub method: Method,
    /// Path and query, beginning with `/ari/` and checked to stay there.
    pub uri: &'a str,
    /// Content type; empty for none.
    pub content_type: &'a str,
    /// The body, if there is one.
    pub body: Option<&'a str>,
}

/// What Asterisk said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The whole body, empty for none.
    pub body: Bytes,
}

/// An answer whose body comes in pieces.
pub struct Download {
    /// HTTP status.
    pub status: u16,
    /// Bytes of the body, when that was said.
    pub length: Option<u64>,
    /// What time it was there, in seconds since the Unix epoch, when that was said.
    pub date: Option<u64>,
    /// The body.
    pub body: Box<dyn Pieces>,
}

/// A body.
#[async_trait]
pub trait Pieces: Send {
    /// The next piece; none at the end.
    async fn next(&mut self) -> Option<Result<Bytes, HttpError>>;
}

/// One that came as a whole.
struct Whole(Option<Bytes>);

#[async_trait]
impl Pieces for Whole {
    async fn next(&mut self) -> Option<Result<Bytes, HttpError>> {
        self.0.take().map(Ok)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
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
