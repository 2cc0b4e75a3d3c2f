//! The real way to an Asterisk: HTTP and a websocket over TCP.

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};

use crate::config::Config;
use crate::error::Error;
use crate::link_error::LinkError;
use crate::pool::Pool;
use crate::socket::Socket;
use crate::transport::{Answer, Ask, Download, EventSocket, HttpError, Transport};

/// One Asterisk over TCP. The account goes to its host and port and nowhere else:
/// no proxy is asked for, and a redirection is an answer like any other.
pub(crate) struct Wire {
    pool: Pool,
    config: Config,
    /// What stands before `/ari/…` in a path.
    prefix: String,
    host: HeaderValue,
    authorization: HeaderValue,
}

impl Wire {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let base = config.base()?;
        let name = base.host_str().unwrap_or_default();
        let host = match base.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let port = base.port_or_known_default().unwrap_or(80);
        Ok(Self {
            pool: Pool::new(format!("{name}:{port}")),
            config: config.clone(),
            prefix: base.path().trim_end_matches('/').to_owned(),
            host: HeaderValue::from_str(&host).expect("a parsed host is visible ASCII"),
            authorization: config.account.header(),
        })
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, HttpError> {
        let body = ask.body.unwrap_or_default().as_bytes();
        let mut request = Request::builder()
            .method(ask.method)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization);
        request = if self.prefix.is_empty() {
            request.uri(ask.uri)
        } else {
            request.uri(format!("{}{}", self.prefix, ask.uri))
        };
        if !ask.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, ask.content_type);
        }
        // What is no path, or no content type, is never sent.
        request
            .body(Full::new(Bytes::copy_from_slice(body)))
            .map_err(|_| HttpError::Path)
    }
}

#[async_trait]
impl Transport for Wire {
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        self.pool.exchange(self.request(ask)?).await
    }

    async fn download(&self, uri: &str) -> Result<Download, HttpError> {
        let ask = Ask {
            method: hyper::Method::GET,
            uri,
            content_type: "",
            body: None,
        };
        self.pool.download(self.request(ask)?).await
    }

    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError> {
        Ok(Box::new(Socket::connect(&self.config).await?))
    }
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::*;

    #[test]
    fn a_request_holds_the_path_the_host_and_the_secret_account() {
        for (url, host, path) in [
            ("http://127.0.0.1:8088", "127.0.0.1:8088", "/ari/bridges"),
            ("http://[::1]:8088/pbx/", "[::1]:8088", "/pbx/ari/bridges"),
            ("http://asterisk", "asterisk", "/ari/bridges"),
        ] {
            let config = Config {
                url: url.to_owned(),
                account: crate::Account::new("user:secret"),
                ..Config::default()
            };
            let wire = Wire::new(&config).unwrap();
            let ask = Ask {
                method: Method::GET,
                uri: "/ari/bridges",
                content_type: "",
                body: None,
            };
            let request = Wire::request(&wire, ask).unwrap();
            assert_eq!(request.uri(), path);
            assert_eq!(request.headers()[HOST], host);
            assert_eq!(request.headers()[AUTHORIZATION], "Basic dXNlcjpzZWNyZXQ=");
            assert!(!format!("{request:?}").contains("dXNlcjpzZWNyZXQ="));
            assert!(request.headers().get(CONTENT_TYPE).is_none());
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_never_sent() {
        let wire = Wire::new(&Config::default()).unwrap();
        let typed = |content_type| {
            let ask = Ask {
                method: Method::POST,
                uri: "/ari/bridges",
                content_type,
                body: Some("{}"),
            };
            Wire::request(&wire, ask).map(|request| request.headers().len())
        };
        assert_eq!(typed("application/json"), Ok(3));
        for content_type in ["a\r\nHost: b", "a\nb", "\0"] {
            assert_eq!(
                typed(content_type),
                Err(HttpError::Path),
                "{content_type:?}"
            );
        }
    }
}
