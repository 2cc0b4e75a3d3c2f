//! The only place where a connection is made: look the name up, judge every
//! address it has, connect to one of them.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tower_service::Service;

use crate::allow::Allowed;
use crate::error::Error;

/// Says what a name means.
#[async_trait]
pub trait Names: Send + Sync {
    /// The addresses of a host.
    ///
    /// # Errors
    ///
    /// When they cannot be had.
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The names as this machine knows them.
#[derive(Debug, Default)]
pub struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// TLS, made at the first https address: whom this machine trusts is read from
/// files.
static TLS: LazyLock<TlsConnector> = LazyLock::new(|| TlsConnector::from(Arc::new(tls())));

/// Connects where it may.
#[derive(Clone)]
pub(crate) struct Connector {
    names: Arc<dyn Names>,
    allowed: Arc<Allowed>,
    timeout: Duration,
}

impl Connector {
    pub(crate) fn new(names: Arc<dyn Names>, allowed: Allowed, timeout: Duration) -> Self {
        Self {
            names,
            allowed: Arc::new(allowed),
            timeout,
        }
    }

    async fn connect(self, uri: Uri) -> Result<Stream, Error> {
        let host = uri.host().unwrap_or_default().to_owned();
        let ms = self.timeout.as_millis();
        let stream = tokio::time::timeout(self.timeout, self.open(&uri, &host)).await;
        stream.unwrap_or(Err(Error::Timeout { host, ms }))
    }

    async fn open(&self, uri: &Uri, host: &str) -> Result<Stream, Error> {
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let addresses = self.addresses(host).await?;
        let stream = tcp(host, &addresses, port).await?;
        if !secure {
            return Ok(Stream::Plain(TokioIo::new(stream)));
        }
        let tls_error = |why: String| Error::Tls {
            host: host.to_owned(),
            why,
        };
        let name = match literal(host) {
            Some(address) => ServerName::from(address),
            None => ServerName::try_from(host.to_owned())
                .map_err(|error| tls_error(error.to_string()))?,
        };
        let stream = TLS.connect(name, stream).await;
        let stream = stream.map_err(|error| tls_error(error.to_string()))?;
        Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
    }

    /// Every address of the host, all of which it may be reached at. A name that
    /// has one foot inside is refused as a whole.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        let found = match literal(host) {
            Some(address) => vec![address],
            None => {
                let found = self.names.look_up(host).await;
                found.map_err(|_| Error::Name(host.to_owned()))?
            }
        };
        if found.is_empty() {
            return Err(Error::Name(host.to_owned()));
        }
        for address in &found {
            self.allowed
                .judge(host, *address)
                .map_err(|what| Error::Refused {
                    host: host.to_owned(),
                    address: *address,
                    what,
                })?;
        }
        Ok(found)
    }
}

/// The address that a host in a URI already is.
fn literal(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => host.parse().ok(),
    }
}

/// One address after the other, until one takes the connection.
async fn tcp(host: &str, addresses: &[IpAddr], port: u16) -> Result<TcpStream, Error> {
    let mut why = String::new();
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(*address, port)).await {
            Ok(stream) => {
                // A request is one write: waiting for more would only delay it.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(Error::Connect {
        host: host.to_owned(),
        why,
    })
}

/// TLS that trusts whom this machine trusts.
fn tls() -> ClientConfig {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(
            "this machine trusts no certificate authority (a package `ca-certificates` brings them): https addresses of customers cannot be reached"
        );
    }
    let provider = Arc::new(crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection, secure or not.
pub(crate) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
