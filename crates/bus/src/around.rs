//! A bus around another one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::error::Error;
use crate::port::{
    Bus, Confirmation, Consumer, EventHandler, QueueSpec, RequestHandler, Subscription,
};

/// A [`Bus`] that does some things its own way; all else is the inner one's. Each
/// function is that of the port. Name this trait where it is implemented and bring only
/// [`Bus`] into scope: the two have the same functions.
#[async_trait]
pub trait Around: Send + Sync + 'static {
    /// The bus that it is around.
    fn inner(&self) -> &dyn Bus;

    /// [`Bus::request`].
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        self.inner().request(queue, body, timeout).await
    }

    /// [`Bus::publish`].
    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        self.inner().publish(exchange, message_id, body).await
    }

    /// [`Bus::declare_exchange`].
    async fn declare_exchange(&self, exchange: &str) -> Result<(), Error> {
        self.inner().declare_exchange(exchange).await
    }

    /// [`Bus::serve`].
    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        self.inner().serve(queue, handler).await
    }

    /// [`Bus::stand_in`].
    async fn stand_in(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        self.inner().stand_in(queue, handler).await
    }

    /// [`Bus::subscribe`].
    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        self.inner().subscribe(subscription, handler).await
    }

    /// [`Bus::redeliver`].
    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        self.inner().redeliver(queue, message_id, body).await
    }
}

#[async_trait]
impl<T: Around> Bus for T {
    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        Around::request(self, queue, body, timeout).await
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        Around::publish(self, exchange, message_id, body).await
    }

    async fn declare_exchange(&self, exchange: &str) -> Result<(), Error> {
        Around::declare_exchange(self, exchange).await
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        Around::serve(self, queue, handler).await
    }

    async fn stand_in(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        Around::stand_in(self, queue, handler).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        Around::subscribe(self, subscription, handler).await
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        Around::redeliver(self, queue, message_id, body).await
    }
}
