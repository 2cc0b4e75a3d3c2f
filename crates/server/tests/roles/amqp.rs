//! A client as the Go services have it, with nothing of ours: an exclusive reply queue
//! for every request, no correlation id (chapter 01 §1.6).

use futures_util::StreamExt as _;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use serde_json::Value;
use tokio::time::timeout;

use crate::world::PATIENCE;

pub(crate) struct Client {
    connection: Connection,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> Self {
        let connection = Connection::connect(address, ConnectionProperties::default()).await;
        Self {
            connection: connection.unwrap(),
        }
    }

    async fn channel(&self) -> Channel {
        self.connection.create_channel().await.unwrap()
    }

    /// What comes back for these bytes, and its properties.
    pub(crate) async fn ask_bytes(&self, queue: &str, body: &[u8]) -> Value {
        let channel = self.channel().await;
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let replies = channel
            .queue_declare("".into(), exclusive, FieldTable::default())
            .await
            .unwrap();
        let mut consumer = consume(&channel, replies.name().as_str()).await;
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_reply_to(replies.name().clone());
        let options = BasicPublishOptions::default();
        channel
            .basic_publish("".into(), queue.into(), options, body, properties)
            .await
            .unwrap();
        let reply = timeout(PATIENCE, consumer.next()).await;
        let reply = reply.unwrap_or_else(|_| panic!("no reply from {queue}"));
        let body = reply.unwrap().unwrap().data;
        channel.close(200, "done".into()).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    pub(crate) async fn ask(&self, queue: &str, request: &Value) -> Value {
        self.ask_bytes(queue, request.to_string().as_bytes()).await
    }

    /// Whether there is a queue of this name.
    pub(crate) async fn has_queue(&self, name: &str) -> bool {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let channel = self.channel().await;
        let declared = channel.queue_declare(name.into(), passive, FieldTable::default());
        declared.await.is_ok()
    }

    /// Whether there is an exchange of this name.
    pub(crate) async fn has_exchange(&self, name: &str) -> bool {
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let (kind, nothing) = (ExchangeKind::Fanout, FieldTable::default());
        let channel = self.channel().await;
        let declared = channel.exchange_declare(name.into(), kind, passive, nothing);
        declared.await.is_ok()
    }

    /// Deletes an exchange, if there is one.
    pub(crate) async fn delete_exchange(&self, name: &str) {
        let options = ExchangeDeleteOptions::default();
        let channel = self.channel().await;
        channel.exchange_delete(name.into(), options).await.unwrap();
    }

    /// Declares a queue as the reference declares its kind `normal` or `volatile`: the
    /// broker refuses another form of one that is there (chapter 01 §1.3).
    pub(crate) async fn declare(&self, name: &str, volatile: bool) -> Result<(), lapin::Error> {
        let mut arguments = FieldTable::default();
        if volatile {
            arguments.insert("x-expires".into(), AMQPValue::LongInt(1_800_000));
        }
        let options = QueueDeclareOptions {
            durable: !volatile,
            auto_delete: volatile,
            ..QueueDeclareOptions::default()
        };
        let channel = self.channel().await;
        channel
            .queue_declare(name.into(), options, arguments)
            .await
            .map(drop)
    }

    /// The events of Asterisks from here on, through an exchange that is declared as the
    /// reference has it.
    pub(crate) async fn events(&self) -> Events {
        const EXCHANGE: &str = "asterisk.all.event";
        let channel = self.channel().await;
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let none = FieldTable::default();
        channel
            .exchange_declare(EXCHANGE.into(), ExchangeKind::Fanout, durable, none.clone())
            .await
            .unwrap();
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), exclusive, none.clone())
            .await
            .unwrap();
        let options = QueueBindOptions::default();
        channel
            .queue_bind(
                queue.name().clone(),
                EXCHANGE.into(),
                "".into(),
                options,
                none,
            )
            .await
            .unwrap();
        let consumer = consume(&channel, queue.name().as_str()).await;
        Events {
            consumer,
            _channel: channel,
        }
    }
}

async fn consume(channel: &Channel, queue: &str) -> Consumer {
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await
        .unwrap()
}

/// Events as they come.
pub(crate) struct Events {
    consumer: Consumer,
    _channel: Channel,
}

impl Events {
    /// The next event of Asterisk's own of this type, as text.
    pub(crate) async fn next(&mut self, kind: &str) -> String {
        loop {
            let delivery = timeout(PATIENCE, self.consumer.next()).await;
            let delivery = delivery.unwrap_or_else(|_| panic!("no event {kind}"));
            let text = String::from_utf8(delivery.unwrap().unwrap().data).unwrap();
            let event: Value = serde_json::from_str(&text).unwrap();
            if event["data"]["type"] == kind {
                return text;
            }
        }
    }
}
