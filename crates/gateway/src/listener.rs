//! Listening on a port with a bounded number of connections. Used by every
//! HTTP server of the program.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Why a port could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (option `{option}`): {advice}")]
pub struct BindError {
    address: SocketAddr,
    option: &'static str,
    advice: &'static str,
    #[source]
    source: io::Error,
}

/// A listening socket.
#[derive(Debug)]
pub struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

/// Listens on `address`, which the option `option` of the configuration gives.
///
/// # Errors
///
/// When the port is taken or not allowed; the error says what to do.
pub async fn bind(
    address: SocketAddr,
    max_connections: usize,
    option: &'static str,
) -> Result<Bounded, BindError> {
    let listener = TcpListener::bind(address).await.map_err(|source| {
        let advice = advice(source.kind());
        BindError {
            address,
            option,
            advice,
            source,
        }
    })?;
    Ok(Bounded {
        listener,
        room: Arc::new(Semaphore::new(max_connections.max(1))),
    })
}

fn advice(kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::AddrInUse {
        "another program uses the port; stop it, or choose another port (0 takes a free one)"
    } else if kind == io::ErrorKind::PermissionDenied {
        "the system does not allow this port; choose one above 1023"
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "this machine does not have that address; use 127.0.0.1, or 0.0.0.0 for all addresses"
    } else {
        "the system refuses; choose another address or port"
    }
}

impl Bounded {
    /// The address with the port that was taken.
    ///
    /// # Errors
    ///
    /// When the system cannot tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed; without room the system's backlog waits.
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        (
            Connection {
                stream,
                stalled: None,
                write_timeout: None,
                _room: room,
            },
            peer,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that gives its place back when it ends, and that ends when its
/// other side leaves too long unread what is written.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    write_timeout: Option<Duration>,
    /// Until when a write that is stuck is waited for.
    stalled: Option<Pin<Box<Sleep>>>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Ends when a write gets nowhere for as long.
    #[must_use]
    pub fn with_write_timeout(self, timeout: Duration) -> Self {
        Self {
            write_timeout: Some(timeout),
            ..self
        }
    }

    /// Looks at how a write went.
    fn watch<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        let (Poll::Pending, Some(timeout)) = (&written, self.write_timeout) else {
            self.stalled = None;
            return written;
        };
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
