//! A database and a bus that stop answering when their process is killed: what
//! was begun is neither finished nor heard of.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{
    Bus, Confirmation, Consumer, Error as BusError, EventHandler, QueueSpec, RequestHandler,
    Subscription,
};
use trunkline_model::Timestamp;
use trunkline_store::{Batch, Database, Dialect, Error, Rows, Value};
use uuid::Uuid;

pub(crate) struct Mortal<T: ?Sized> {
    pub(crate) inner: Arc<T>,
    pub(crate) dead: CancellationToken,
    /// How long a request takes to arrive, and its reply.
    pub(crate) lag: Duration,
}

impl<T: ?Sized> Mortal<T> {
    async fn alive<R>(&self, work: impl Future<Output = R>) -> R {
        tokio::select! {
            biased;
            () = self.dead.cancelled() => pending().await,
            done = work => done,
        }
    }
}

#[async_trait]
impl Database for Mortal<dyn Database> {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.alive(self.inner.query(sql, params)).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.alive(self.inner.apply(batch)).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.alive(self.inner.now()).await
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}

#[async_trait]
impl Bus for Mortal<dyn Bus> {
    async fn request(
        &self,
        queue: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, BusError> {
        let there_and_back = async {
            tokio::time::sleep(self.lag).await;
            // Whether the sender lives makes no difference to it.
            let (inner, queue) = (Arc::clone(&self.inner), queue.to_owned());
            let sent = tokio::spawn(async move { inner.request(&queue, body, timeout).await });
            let reply = sent.await.unwrap();
            tokio::time::sleep(self.lag).await;
            reply
        };
        self.alive(there_and_back).await
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, BusError> {
        self.alive(self.inner.publish(exchange, message_id, body))
            .await
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, BusError> {
        self.inner.serve(queue, handler).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, BusError> {
        self.inner.subscribe(subscription, handler).await
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, BusError> {
        self.alive(self.inner.redeliver(queue, message_id, body))
            .await
    }
}
