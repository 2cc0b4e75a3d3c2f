//! A carrier behind circuit breakers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;

use crate::breaker::Breakers;
use crate::error::Error;
use crate::port::{
    Bus, Confirmation, Consumer, EventHandler, QueueSpec, RequestHandler, Subscription,
};

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

#[async_trait]
impl Bus for Guarded {
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let admitted = self
            .breakers
            .admit(queue)
            .ok_or_else(|| Error::Open(queue.to_owned()))?;
        let answer = self.inner.request(queue, body.clone(), timeout).await;
        admitted.ended(answer.is_ok() || !is_answered(&body));
        answer
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        self.inner.publish(exchange, message_id, body).await
    }

    async fn declare_exchange(&self, exchange: &str) -> Result<(), Error> {
        self.inner.declare_exchange(exchange).await
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        self.inner.serve(queue, handler).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        self.inner.subscribe(subscription, handler).await
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        self.inner.redeliver(queue, message_id, body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::{BreakerMetrics, Limits};
    use crate::in_process::InProcess;

    async fn asked(bus: &Guarded, uri: &str) -> Error {
        let body = Bytes::from(format!(r#"{{"uri":"{uri}","method":"POST"}}"#));
        bus.request("nobody", body, Duration::from_millis(1))
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn a_queue_that_never_answers_is_left_alone_but_not_for_silent_routes() {
        let breakers = Breakers::new(Limits::default(), BreakerMetrics::default());
        let bus = Guarded::new(Arc::new(InProcess::new()), breakers);
        for _ in 0..10 {
            let error = asked(&bus, "/v1/calls/x/health-check").await;
            assert!(matches!(error, Error::NoQueue(_)), "{error}");
        }
        for _ in 0..5 {
            assert!(matches!(asked(&bus, "/v1/calls").await, Error::NoQueue(_)));
        }
        let error = asked(&bus, "/v1/calls").await;
        assert!(matches!(error, Error::Open(_)), "{error}");
        assert!(error.not_delivered());
        assert_eq!(
            error.to_string(),
            "circuit breaker is open for target: nobody"
        );
    }
}
