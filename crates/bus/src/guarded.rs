//! A carrier behind circuit breakers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use trunkline_model::wire;

use crate::breaker::Breakers;
use crate::envelope::Response;
use crate::error::Error;
use crate::port::Bus;

/// Requests of one role, each watched by the breaker of its target. Everything else
/// passes (chapter 01 §10.1).
pub struct Guarded {
    inner: Arc<dyn Bus>,
    breakers: Breakers,
}

impl Guarded {
    /// `inner`, with requests watched by `breakers`.
    #[must_use]
    pub fn new(inner: Arc<dyn Bus>, breakers: Breakers) -> Arc<Self> {
        Arc::new(Self { inner, breakers })
    }

    /// The breakers.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.breakers
    }
}

/// Whether a reply can be expected at all: the reference never answers a health
/// check (chapter 01 §2.4), which says nothing about the service.
fn is_answered(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Uri<'a> {
        #[serde(borrow)]
        uri: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Uri<'_>>(body)
        .map_or(true, |request| !request.uri.ends_with("/health-check"))
}

/// Whether the target has answered; none when nothing is known of it: it was not asked,
/// or the connection to the broker was lost, with all requests that were on it. An answer
/// that cannot be read is none (chapter 01 §10.1).
fn told(answer: &Result<Bytes, Error>) -> Option<bool> {
    match answer {
        Ok(reply) => Some(wire::decode_bytes::<Response>(reply).is_ok()),
        Err(Error::Timeout { .. } | Error::Untaken { .. }) => Some(false),
        Err(
            Error::Away { .. }
            | Error::Disconnected(_)
            | Error::Closed
            | Error::NoQueue(_)
            | Error::Full(_)
            | Error::TooLarge { .. }
            | Error::Consumed(_)
            | Error::Refused { .. }
            | Error::Open(_),
        ) => None,
    }
}

#[async_trait]
impl crate::Around for Guarded {
    fn inner(&self) -> &dyn Bus {
        &*self.inner
    }

    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let admitted = self
            .breakers
            .admit(queue)
            .ok_or_else(|| Error::Open(queue.to_owned()))?;
        let answer = self.inner.request(queue, body.clone(), timeout).await;
        match told(&answer) {
            Some(answered) => admitted.ended(answered || !is_answered(&body)),
            None => admitted.unsent(),
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::{BreakerMetrics, Limits};
    use crate::in_process::InProcess;
    use crate::port::{Consumer, QueueSpec, RequestHandler};

    /// Answers always with these words, or never.
    struct Says(Option<&'static [u8]>);

    #[async_trait]
    impl RequestHandler for Says {
        async fn handle(&self, _: Bytes) -> Option<Bytes> {
            self.0.map(Bytes::from_static)
        }
    }

    /// One queue that is served.
    async fn bus(says: Option<&'static [u8]>) -> (Arc<Guarded>, Consumer) {
        let breakers = Breakers::new(Limits::default(), BreakerMetrics::default());
        let bus = Guarded::new(Arc::new(InProcess::new()), breakers);
        let served = bus.serve(QueueSpec::new("q", 1), Arc::new(Says(says)));
        let served = served.await.unwrap();
        (bus, served)
    }

    async fn asked(bus: &Guarded, queue: &str, uri: &str) -> Result<Bytes, Error> {
        let body = Bytes::from(format!(r#"{{"uri":"{uri}","method":"POST"}}"#));
        bus.request(queue, body, Duration::from_secs(3)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_never_answers_is_left_alone_but_not_for_silent_routes() {
        let (bus, _served) = bus(None).await;
        for _ in 0..10 {
            let asked = asked(&bus, "q", "/v1/calls/x/health-check").await;
            assert!(matches!(asked, Err(Error::Timeout { .. })), "{asked:?}");
        }
        for _ in 0..5 {
            let asked = asked(&bus, "q", "/v1/calls").await;
            assert!(matches!(asked, Err(Error::Timeout { .. })), "{asked:?}");
        }
        let error = asked(&bus, "q", "/v1/calls").await.unwrap_err();
        assert!(matches!(error, Error::Open(_)), "{error}");
        assert!(error.not_delivered());
        assert_eq!(error.to_string(), "circuit breaker is open for target: q");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_cannot_be_read_open_it() {
        for unreadable in [&b"garbage"[..], br#"{"status_code":"x"}"#] {
            let (bus, _served) = bus(Some(unreadable)).await;
            for _ in 0..5 {
                assert!(asked(&bus, "q", "/v1/calls").await.is_ok());
            }
            let asked = asked(&bus, "q", "/v1/calls").await;
            assert!(matches!(asked, Err(Error::Open(_))), "{asked:?}");
        }
    }

    /// What its caller can read the breaker can: Go reads a null as nothing.
    #[tokio::test(start_paused = true)]
    async fn answers_that_are_read_leniently_open_nothing() {
        let (bus, _served) = bus(Some(br#"{"status_code":200,"data_type":null}"#)).await;
        for _ in 0..10 {
            assert!(asked(&bus, "q", "/v1/calls").await.is_ok());
        }
    }

    /// A peer that starts a moment later must not be left alone for that.
    #[tokio::test(start_paused = true)]
    async fn what_we_refuse_ourselves_opens_nothing() {
        let (bus, _served) = bus(Some(br#"{"status_code":500,"data_type":""}"#)).await;
        for _ in 0..10 {
            let asked = asked(&bus, "later", "/v1/calls").await;
            assert!(matches!(asked, Err(Error::NoQueue(_))), "{asked:?}");
        }
        for _ in 0..10 {
            assert!(asked(&bus, "q", "/v1/calls").await.is_ok());
        }
    }

    #[test]
    fn only_what_the_target_did_not_answer_counts() {
        let name = || "q".to_owned();
        let waited = Duration::ZERO;
        let failures = [
            Error::Timeout {
                queue: name(),
                waited,
            },
            Error::Untaken {
                queue: name(),
                waited,
            },
        ];
        let others = [
            Error::Away {
                queue: name(),
                waited,
            },
            Error::Disconnected(name()),
            Error::Closed,
            Error::NoQueue(name()),
            Error::Full(name()),
            Error::TooLarge { bytes: 2, most: 1 },
        ];
        for error in failures {
            assert_eq!(told(&Err(error)), Some(false));
        }
        for error in others {
            assert_eq!(told(&Err(error)), None);
        }
    }
}
