//! A bus that carries events only while everybody who wants them is there.
//!
//! A role publishes what its outbox still holds as soon as it starts. An event
//! that is published before another role has subscribed is delivered to nobody
//! and counts as done, so the gate opens when all roles have started. On the
//! way out it closes: what was not handled stays in the outbox for the next
//! start, and nobody waits for a consumer that has gone.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use trunkline_bus::{Bus, Confirmation, Error};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Starting,
    Open,
    Closed,
}

/// The bus with its gate.
pub(crate) struct Gate {
    inner: Arc<dyn Bus>,
    position: watch::Sender<Position>,
}

impl Gate {
    pub(crate) fn new(inner: Arc<dyn Bus>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            position: watch::Sender::new(Position::Starting),
        })
    }

    /// Lets events through.
    pub(crate) fn open(&self) {
        self.position.send_replace(Position::Open);
    }

    /// Refuses events, also those that wait to be confirmed.
    pub(crate) fn close(&self) {
        self.position.send_replace(Position::Closed);
    }
}

/// Resolves when the gate has closed.
async fn closed(position: &mut watch::Receiver<Position>) -> Error {
    let _ = position
        .wait_for(|position| *position == Position::Closed)
        .await;
    Error::Closed
}

#[async_trait]
impl trunkline_bus::Around for Gate {
    fn inner(&self) -> &dyn Bus {
        &*self.inner
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let mut position = self.position.subscribe();
        let _ = position
            .wait_for(|position| *position != Position::Starting)
            .await;
        let confirmation = tokio::select! {
            biased;
            error = closed(&mut position) => return Err(error),
            published = self.inner.publish(exchange, message_id, body) => published?,
        };
        Ok(Box::pin(async move {
            tokio::select! {
                biased;
                confirmed = confirmation => confirmed,
                error = closed(&mut position) => Err(error),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use trunkline_bus::{EventHandler, InProcess, Message, QueueSpec, Subscription, Work};

    use super::*;

    struct Counted(tokio::sync::mpsc::UnboundedSender<()>);

    impl EventHandler for Counted {
        fn accept(&self, _: Message) -> Work {
            let _ = self.0.send(());
            Work::nothing()
        }
    }

    #[tokio::test]
    async fn an_event_waits_for_those_who_subscribe_later() {
        let gate = Gate::new(Arc::new(InProcess::new()));
        let publisher = Arc::clone(&gate);
        let published = tokio::spawn(async move {
            publisher
                .publish("x", None, Bytes::new())
                .await
                .unwrap()
                .await
        });
        tokio::task::yield_now().await;
        let (seen, mut arrived) = tokio::sync::mpsc::unbounded_channel();
        let subscription = Subscription::new(QueueSpec::new("q", 1), ["x".to_owned()]);
        let _consumer = gate
            .subscribe(subscription, Arc::new(Counted(seen)))
            .await
            .unwrap();
        gate.open();
        published.await.unwrap().unwrap();
        arrived.recv().await.unwrap();
    }

    #[tokio::test]
    async fn a_closed_gate_keeps_nobody_waiting() {
        let gate = Gate::new(Arc::new(InProcess::new()));
        let (seen, _arrived) = tokio::sync::mpsc::unbounded_channel();
        let subscription = Subscription::new(QueueSpec::new("q", 1), ["x".to_owned()]);
        gate.subscribe(subscription, Arc::new(Counted(seen)))
            .await
            .unwrap()
            .stop()
            .await;
        gate.open();
        let confirmation = gate.publish("x", None, Bytes::new()).await.unwrap();
        gate.close();
        assert!(matches!(confirmation.await, Err(Error::Closed)));
        assert!(matches!(
            gate.publish("x", None, Bytes::new()).await,
            Err(Error::Closed)
        ));
    }
}
