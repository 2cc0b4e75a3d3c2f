//! Handlers made of closures.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use trunkline_bus::{EventHandler, Message, QueueSpec, RequestHandler, Subscription, Work};

struct Answer<F>(F);

#[async_trait]
impl<F, Fut> RequestHandler for Answer<F>
where
    F: Fn(Bytes) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Bytes>> + Send + 'static,
{
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        (self.0)(body).await
    }
}

struct Take<F>(F);

impl<F: Fn(Message) -> Work + Send + Sync + 'static> EventHandler for Take<F> {
    fn accept(&self, message: Message) -> Work {
        (self.0)(message)
    }
}

/// Answers requests with what `act` returns.
pub(crate) fn answer<F, Fut>(act: F) -> Arc<dyn RequestHandler>
where
    F: Fn(Bytes) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<Bytes>> + Send + 'static,
{
    Arc::new(Answer(act))
}

/// Answers a request with its own words.
pub(crate) fn echo() -> Arc<dyn RequestHandler> {
    answer(|body| async move { Some(body) })
}

/// Does with events what `act` says.
pub(crate) fn take<F>(act: F) -> Arc<dyn EventHandler>
where
    F: Fn(Message) -> Work + Send + Sync + 'static,
{
    Arc::new(Take(act))
}

/// Collects events; those of one first byte in order.
pub(crate) fn collect() -> (Arc<dyn EventHandler>, mpsc::UnboundedReceiver<Message>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let handler = take(move |message| {
        let sender = sender.clone();
        let key = message.body.first().map(u8::to_string);
        Work::new(key, async move {
            let _ = sender.send(message);
            Ok(())
        })
    });
    (handler, receiver)
}

/// A queue with ten workers for events of the exchange of the same name.
pub(crate) fn subscription(name: &str) -> Subscription {
    Subscription::new(QueueSpec::new(name, 10), [name.to_owned()])
}
