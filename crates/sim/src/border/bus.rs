//! The bus across a border.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;
use trunkline_bus::{
    Bus, Confirmation, Consumer, Error, EventHandler, QueueSpec, RequestHandler, Subscription,
};
use uuid::Uuid;

use super::{Border, Mortal, pause};
use crate::fault::{Op, What};

/// Longest ordinary way of a message, milliseconds.
const WAY_MS: u64 = 2;

impl Mortal<dyn Bus> {
    /// A request on its way: whether its sender lives makes no difference to it.
    async fn travel(&self, queue: &str, body: Bytes, deadline: Instant) -> Result<Bytes, Error> {
        let (inner, queue) = (Arc::clone(&self.inner), queue.to_owned());
        let left = deadline.saturating_duration_since(Instant::now());
        let travelling = tokio::spawn(async move { inner.request(&queue, body, left).await });
        travelling.await.unwrap_or(Err(Error::Closed))
    }
}

/// Waits for an answer that does not come.
async fn in_vain(queue: &str, deadline: Instant, waited: Duration) -> Result<Bytes, Error> {
    tokio::time::sleep_until(deadline).await;
    let queue = queue.to_owned();
    Err(Error::Timeout { queue, waited })
}

/// A publisher whose confirmation got lost.
fn unconfirmed() -> Confirmation {
    Box::pin(std::future::ready(Err(Error::Closed)))
}

#[async_trait]
impl Bus for Mortal<dyn Bus> {
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let deadline = Instant::now() + timeout;
        let crossing = async {
            self.border.lag(WAY_MS).await;
            let what = self.border.fault(Op::Request).await;
            match what {
                Some(What::Lost | What::AwayBefore | What::Cut) => {
                    return in_vain(queue, deadline, timeout).await;
                }
                Some(What::AnswerLost | What::AwayAfter) => {
                    let _ = self.travel(queue, body, deadline).await;
                    return in_vain(queue, deadline, timeout).await;
                }
                Some(What::KilledBefore) => return self.border.die().await,
                Some(What::KilledAfter) => {
                    let _ = self.travel(queue, body, deadline).await;
                    return self.border.die().await;
                }
                Some(What::Twice) => {
                    let (inner, queue, body) =
                        (Arc::clone(&self.inner), queue.to_owned(), body.clone());
                    tokio::spawn(async move { inner.request(&queue, body, timeout).await });
                }
                Some(What::TwiceLate(ms)) => {
                    let (inner, queue, body) =
                        (Arc::clone(&self.inner), queue.to_owned(), body.clone());
                    tokio::spawn(async move {
                        pause(ms).await;
                        inner.request(&queue, body, timeout).await
                    });
                }
                Some(What::AnswerLate(ms)) => {
                    let answer = self.travel(queue, body, deadline).await;
                    if Instant::now() + Duration::from_millis(ms) >= deadline {
                        return in_vain(queue, deadline, timeout).await;
                    }
                    pause(ms).await;
                    return answer;
                }
                Some(What::Late(ms)) => {
                    if Instant::now() + Duration::from_millis(ms) >= deadline {
                        return in_vain(queue, deadline, timeout).await;
                    }
                    pause(ms).await;
                }
                None
                | Some(What::FrozenBefore(_) | What::FrozenAfter(_))
                | Some(
                    What::AsteriskDies(..) | What::AsteriskUnreachable(..) | What::ClockStep(_),
                ) => {}
            }
            let answer = self.travel(queue, body, deadline).await;
            if let Err(error) = &answer {
                tracing::debug!(target: "world", queue, %error, "a request has no answer");
            }
            self.border.lag(WAY_MS).await;
            self.border.done(what).await;
            answer
        };
        self.border.crossing(crossing).await
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let crossing = async {
            self.border.opened().await;
            self.border.lag(WAY_MS).await;
            let publish = || self.inner.publish(exchange, message_id, body.clone());
            let what = self.border.fault(Op::Publish).await;
            match what {
                Some(What::Lost | What::AwayBefore | What::Cut) => return Err(Error::Closed),
                Some(What::AnswerLost | What::AwayAfter) => {
                    drop(publish().await?);
                    return Ok(unconfirmed());
                }
                Some(What::KilledBefore) => return self.border.die().await,
                Some(What::KilledAfter) => {
                    let _ = publish().await;
                    return self.border.die().await;
                }
                Some(What::Twice) => drop(publish().await?),
                Some(What::TwiceLate(ms)) => {
                    let (inner, exchange, body) =
                        (Arc::clone(&self.inner), exchange.to_owned(), body.clone());
                    tokio::spawn(async move {
                        pause(ms).await;
                        inner.publish(&exchange, message_id, body).await.map(drop)
                    });
                }
                Some(What::Late(ms)) => pause(ms).await,
                None
                | Some(What::AnswerLate(_) | What::FrozenBefore(_) | What::FrozenAfter(_))
                | Some(
                    What::AsteriskDies(..) | What::AsteriskUnreachable(..) | What::ClockStep(_),
                ) => {}
            }
            let published = publish().await;
            self.border.done(what).await;
            published
        };
        let confirmation = self.border.crossing(crossing).await?;
        let border = Arc::clone(&self.border);
        Ok(Box::pin(mortal_confirmation(border, confirmation)))
    }

    async fn declare_exchange(&self, exchange: &str) -> Result<(), Error> {
        self.inner.declare_exchange(exchange).await
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        let border = Arc::clone(&self.border);
        let handler = Arc::new(MortalHandler { handler, border });
        self.border.crossing(self.inner.serve(queue, handler)).await
    }

    async fn stand_in(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        let border = Arc::clone(&self.border);
        let handler = Arc::new(MortalHandler { handler, border });
        let standing_in = self.inner.stand_in(queue, handler);
        self.border.crossing(standing_in).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        let subscribing = self.inner.subscribe(subscription, handler);
        self.border.crossing(subscribing).await
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let redelivering = self.inner.redeliver(queue, message_id, body);
        let confirmation = self.border.crossing(redelivering).await?;
        let border = Arc::clone(&self.border);
        Ok(Box::pin(mortal_confirmation(border, confirmation)))
    }
}

/// A handler whose work is gone with its process.
struct MortalHandler {
    handler: Arc<dyn RequestHandler>,
    border: Arc<Border>,
}

#[async_trait]
impl RequestHandler for MortalHandler {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        tokio::select! {
            biased;
            () = self.border.died() => None,
            answer = self.handler.handle(body) => {
                self.border.crossing(std::future::ready(answer)).await
            }
        }
    }
}

async fn mortal_confirmation(border: Arc<Border>, confirmation: Confirmation) -> Result<(), Error> {
    border.crossing(confirmation).await
}
