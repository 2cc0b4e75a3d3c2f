//! Connections to one Asterisk's HTTP server.
//!
//! Each is driven by whoever uses it: a request costs no task and no message
//! between tasks. An idle one is driven by nobody, and looked at before it is
//! used again.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper::header::{CONTENT_LENGTH, DATE};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::http_date;
use crate::transport::{Answer, Download, HttpError, Pieces};

/// Longest answer that is read. 1,000 channels are a third of a megabyte.
const MAX_BODY: usize = 16 << 20;
/// Asterisk closes an idle connection after 15 s; ours must be gone before, or a
/// request may meet a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(10);
/// Longest wait for a TCP connection.
const CONNECT: Duration = Duration::from_secs(3);

type Body = Full<Bytes>;

/// The connections that wait to be used again, the last used one at the end.
pub(crate) struct Pool {
    /// `host:port`.
    address: String,
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    line: Line,
    since: Instant,
}

/// One connection.
struct Line {
    sender: SendRequest<Body>,
    driver: Connection<TokioIo<TcpStream>, Body>,
    /// The driver has ended: the connection is closed.
    closed: bool,
}

/// Why there is no answer.
enum Failure {
    /// The connection was gone before anything was written.
    Unsent(Box<Request<Body>>),
    /// The request may have been carried out.
    Lost(String),
}

impl Pool {
    pub(crate) fn new(address: String) -> Self {
        Self {
            address,
            idle: Mutex::default(),
        }
    }

    /// Sends the request and reads the whole answer.
    pub(crate) async fn exchange(&self, request: Request<Body>) -> Result<Answer, HttpError> {
        let mut request = request;
        loop {
            let used = self.take();
            let is_new = used.is_none();
            let mut line = match used {
                Some(line) => line,
                None => self.open().await?,
            };
            match line.exchange(request).await {
                Ok(answer) => {
                    if line.is_ready() {
                        self.give_back(line);
                    }
                    return Ok(answer);
                }
                Err(Failure::Unsent(back)) if !is_new => request = *back,
                Err(Failure::Unsent(_)) => {
                    let closed = "the connection was closed at once";
                    return Err(HttpError::Connect(closed.to_owned()));
                }
                Err(Failure::Lost(cause)) => return Err(HttpError::Lost(cause)),
            }
        }
    }

    /// Sends the request over a connection of its own and leaves the body to be
    /// read.
    pub(crate) async fn download(&self, request: Request<Body>) -> Result<Download, HttpError> {
        let mut line = self.open().await?;
        let sent = line.sender.send_request(request);
        let response = line.driven(sent).await;
        let response = response.map_err(|error| HttpError::Lost(with_causes(&error)))?;
        let header = |name| response.headers().get(name)?.to_str().ok();
        Ok(Download {
            status: response.status().as_u16(),
            length: header(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            date: header(DATE).and_then(http_date::read),
            body: Box::new(Streamed {
                line,
                body: response.into_body(),
            }),
        })
    }

    /// The last used connection that is still open.
    fn take(&self) -> Option<Line> {
        let mut idle = self.lock();
        while idle
            .front()
            .is_some_and(|oldest| oldest.since.elapsed() >= IDLE)
        {
            idle.pop_front();
        }
        while let Some(Idle { mut line, .. }) = idle.pop_back() {
            if line.is_ready() {
                return Some(line);
            }
        }
        None
    }

    fn give_back(&self, line: Line) {
        let since = Instant::now();
        self.lock().push_back(Idle { line, since });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<Line, HttpError> {
        let failed = |cause: &dyn StdError| HttpError::Connect(with_causes(cause));
        let connecting = TcpStream::connect(self.address.as_str());
        let stream = match timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|error| failed(&error))?,
            Err(late) => return Err(failed(&late)),
        };
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let (sender, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        Ok(Line {
            sender,
            driver,
            closed: false,
        })
    }
}

impl Line {
    async fn exchange(&mut self, request: Request<Body>) -> Result<Answer, Failure> {
        let sent = self.sender.try_send_request(request);
        self.driven(async move {
            let response = sent.await.map_err(|mut error| match error.take_message() {
                Some(request) => Failure::Unsent(Box::new(request)),
                None => Failure::Lost(with_causes(error.error())),
            })?;
            let status = response.status().as_u16();
            let body = whole(response.into_body()).await?;
            Ok(Answer { status, body })
        })
        .await
    }

    /// Does `work` while it drives the connection that it is about. What closes
    /// the connection reaches the work as its error.
    async fn driven<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            self.drive(context);
            work.as_mut().poll(context)
        })
        .await
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        self.closed = self.closed || Pin::new(&mut self.driver).poll(context).is_ready();
    }

    /// Whether it is open and everything of the last answer has been read.
    fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.closed && self.sender.is_ready()
    }
}

/// A body with the connection that it comes over.
struct Streamed {
    line: Line,
    body: Incoming,
}

#[async_trait]
impl Pieces for Streamed {
    async fn next(&mut self) -> Option<Result<Bytes, HttpError>> {
        loop {
            let frame = self.line.driven(self.body.frame()).await?;
            match frame {
                Ok(frame) => {
                    if let Ok(piece) = frame.into_data() {
                        return Some(Ok(piece));
                    }
                }
                Err(error) => return Some(Err(HttpError::Lost(with_causes(&error)))),
            }
        }
    }
}

async fn whole(body: Incoming) -> Result<Bytes, Failure> {
    let read = Limited::new(body, MAX_BODY).collect().await;
    let whole = read.map_err(|error| Failure::Lost(with_causes(&*error)))?;
    Ok(whole.to_bytes())
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
mod tests;
