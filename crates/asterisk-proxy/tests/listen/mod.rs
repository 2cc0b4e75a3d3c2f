//! Listens to what a proxy publishes.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use trunkline_bus::{Bus, Consumer, EventHandler, Message, QueueSpec, Subscription, Work};

struct Collect(mpsc::UnboundedSender<Value>);

impl EventHandler for Collect {
    fn accept(&self, message: Message) -> Work {
        let _ = self.0.send(serde_json::from_slice(&message.body).unwrap());
        Work::nothing()
    }
}

/// All events of Asterisks from here on, while the consumer lives.
pub(crate) async fn listen(bus: &Arc<dyn Bus>) -> (Consumer, mpsc::UnboundedReceiver<Value>) {
    let (sender, events) = mpsc::unbounded_channel();
    let exchange = "asterisk.all.event".to_owned();
    let subscription = Subscription::new(QueueSpec::new("test", 1), [exchange]);
    let consumer = bus
        .subscribe(subscription, Arc::new(Collect(sender)))
        .await
        .unwrap();
    (consumer, events)
}
