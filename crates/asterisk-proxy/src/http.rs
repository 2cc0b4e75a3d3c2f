//! Requests to one Asterisk: kept below `/ari/`, bounded in number and in time,
//! counted.
//!
//! A request without an answer is a doubt, no more: it may be slow for a reason of
//! its own. The link asks again then ([`Http::doubted`]); when that has no answer
//! either, further requests are refused at once until one of the link's has.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout_at};
use trunkline_bus::envelope;
use trunkline_bus::metrics::millis;
use url::{Position, Url};

use crate::config::Config;
use crate::metrics::{AriLabels, Metrics};
use crate::transport::{Answer, Ask, Download, HttpError, Transport};

/// Beginning of every path that may be asked.
const ARI: &str = "/ari/";

/// The requests of one Asterisk.
pub(crate) struct Http {
    transport: Arc<dyn Transport>,
    permits: Semaphore,
    timeout: Duration,
    metrics: Metrics,
    /// Whether the link's last request had no answer.
    away: AtomicBool,
    doubt: Notify,
}

impl Http {
    pub(crate) fn new(config: &Config, transport: Arc<dyn Transport>, metrics: Metrics) -> Self {
        Self {
            transport,
            permits: Semaphore::new(config.max_concurrent_requests),
            timeout: config.request_timeout(),
            metrics,
            away: AtomicBool::new(false),
            doubt: Notify::new(),
        }
    }

    /// Asks when it is its turn.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        if self.away.load(Ordering::SeqCst) {
            let known = "it did not answer a moment ago";
            return Err(HttpError::Connect(known.to_owned()));
        }
        let deadline = Instant::now() + self.timeout;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(HttpError::Busy);
        };
        let outcome = self.exchange(ask, deadline).await;
        if is_unanswered(&outcome) {
            self.doubt.notify_one();
        }
        outcome
    }

    /// Asks at once: the link's own requests do not stand in line, and they tell
    /// whether Asterisk answers.
    pub(crate) async fn ask_now(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        self.ask_within(ask, self.timeout).await
    }

    /// The same with less patience.
    pub(crate) async fn ask_within(
        &self,
        ask: Ask<'_>,
        patience: Duration,
    ) -> Result<Answer, HttpError> {
        let deadline = Instant::now() + patience.min(self.timeout);
        let outcome = self.exchange(ask, deadline).await;
        self.away.store(is_unanswered(&outcome), Ordering::SeqCst);
        outcome
    }

    /// Fetches what may be large. The caller bounds time and number; a request that
    /// takes long here does not stand in the way of others.
    pub(crate) async fn download(&self, uri: &str) -> Result<Download, HttpError> {
        let uri = inside_ari(uri)?;
        self.transport.download(&uri).await
    }

    /// Resolves when a request had no answer.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    async fn exchange(&self, ask: Ask<'_>, deadline: Instant) -> Result<Answer, HttpError> {
        let uri = inside_ari(ask.uri)?;
        let started = Instant::now();
        let method = envelope::Method::parse(ask.method.as_str());
        let ask = Ask { uri: &uri, ..ask };
        let outcome = match timeout_at(deadline, self.transport.request(ask)).await {
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

fn is_unanswered(outcome: &Result<Answer, HttpError>) -> bool {
    match outcome {
        Err(HttpError::Connect(_) | HttpError::Lost(_) | HttpError::Timeout) => true,
        Ok(_) | Err(HttpError::Path | HttpError::Busy) => false,
    }
}

/// Path and query as they are sent. Parsing resolves `..`, so what it gives is
/// checked, not what was asked; a text in which parsing has nothing to change is
/// not parsed.
fn inside_ari(uri: &str) -> Result<Cow<'_, str>, HttpError> {
    // The host cannot be another: what follows it begins with `/`.
    if !uri.starts_with(ARI) {
        return Err(HttpError::Path);
    }
    if is_plain(uri) {
        return Ok(Cow::Borrowed(uri));
    }
    let url = Url::parse(&format!("http://asterisk{uri}")).map_err(|_| HttpError::Path)?;
    let resolved = &url[Position::BeforePath..Position::AfterQuery];
    if resolved.starts_with(ARI) {
        Ok(Cow::Owned(resolved.to_owned()))
    } else {
        Err(HttpError::Path)
    }
}

/// Whether it is a path without escapes and dot segments, and a query of which
/// every character stands for itself.
fn is_plain(uri: &str) -> bool {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let is_mark = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:,+".contains(&byte);
    path.bytes().all(is_mark)
        && !path.contains("/.")
        && query
            .bytes()
            .all(|byte| is_mark(byte) || b"%&=?".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_ari() {
        for uri in [
            "/ari/../ws",
            "/ari",
            "/ari/..",
            "/ari/x/../../ws?a=b",
            "@evil.example/ari/x",
            "//evil.example/ari/x",
            "/ari/%2e%2e/ws",
            "/ari/.%2E/ws",
            "/ari\\..\\..\\ws",
            "/ari/\t../\n../ws",
        ] {
            assert_eq!(inside_ari(uri), Err(HttpError::Path), "{uri}");
        }
    }

    #[test]
    fn what_stays_inside_is_sent_as_it_means() {
        for (uri, sent) in [
            ("/ari/channels?x=%2F..", "/ari/channels?x=%2F.."),
            ("/ari/channels/a-1.2~:x", "/ari/channels/a-1.2~:x"),
            ("/ari/a/../bridges", "/ari/bridges"),
            ("/ari/.", "/ari/"),
            ("/ari/a b?c=d e#f", "/ari/a%20b?c=d%20e"),
            ("/ari/sounds/..x", "/ari/sounds/..x"),
        ] {
            assert_eq!(inside_ari(uri).unwrap(), sent);
        }
        assert!(is_plain("/ari/channels/1735787045.12?reason_code=16"));
        assert!(!is_plain("/ari/sounds/..x"));
    }

    /// A parser must have nothing to change in what is sent unparsed.
    #[test]
    fn a_plain_text_is_its_own_parse() {
        let uri: String = (0..128u8)
            .map(char::from)
            .filter(|mark| is_plain(&format!("/ari/{mark}a?{mark}")))
            .collect();
        let path: String = uri
            .chars()
            .filter(|mark| !"%&=?.".contains(*mark))
            .collect();
        let text = format!("/ari/{path}.a?{uri}");
        assert!(is_plain(&text), "{text}");
        let url = Url::parse(&format!("http://asterisk{text}")).unwrap();
        assert_eq!(&url[Position::BeforePath..], text);
    }
}
