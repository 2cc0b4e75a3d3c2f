//! Listening on a port with a bounded number of connections. Used by every
//! HTTP server of the program.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
                _room: room,
            },
            peer,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that gives its place back when it ends.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    _room: Option<OwnedSemaphorePermit>,
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
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
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
