//! A client of the broker that knows nothing of ours: what a Go service, or anybody
//! else, may do.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};

use crate::world::{in_time, until};

/// A connection and a channel.
pub(crate) struct Raw {
    connection: Connection,
    pub(crate) channel: Channel,
}

/// The properties of a request as the reference sends it.
pub(crate) fn request_properties(reply_to: &str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_reply_to(reply_to.into())
}

/// Arguments or headers of one entry.
pub(crate) fn table(name: &str, value: AMQPValue) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert(name.into(), value);
    table
}

/// The next delivery, and not for ever waited for.
pub(crate) async fn next(stream: &mut Consumer) -> Result<Delivery> {
    let delivery = in_time("a delivery", stream.next()).await?;
    Ok(delivery.context("the stream has ended")??)
}

impl Raw {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let connection = Connection::connect(address, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok(Self {
            connection,
            channel,
        })
    }

    /// A channel of its own: a refusal ends the one that it comes on.
    pub(crate) async fn another_channel(&self) -> Result<Channel> {
        Ok(self.connection.create_channel().await?)
    }

    /// A reply queue as the reference's client makes it for each request: named by the
    /// broker, exclusive, auto-delete; consumed with auto-ack.
    pub(crate) async fn replies(channel: &Channel) -> Result<(String, Consumer)> {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), options, FieldTable::default())
            .await?;
        let name = queue.name().to_string();
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let stream = channel
            .basic_consume(
                name.as_str().into(),
                "".into(),
                options,
                FieldTable::default(),
            )
            .await?;
        Ok((name, stream))
    }

    /// Publishes to an exchange; `""` with a queue's name as key reaches that queue.
    pub(crate) async fn send(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<()> {
        self.channel
            .basic_publish(
                exchange.into(),
                key.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await?;
        Ok(())
    }

    /// One request, as the reference's client sends it, and the reply to it.
    pub(crate) async fn ask(&self, queue: &str, body: &[u8]) -> Result<Delivery> {
        let channel = self.another_channel().await?;
        let (reply_to, mut replies) = Self::replies(&channel).await?;
        self.send("", queue, body, request_properties(&reply_to))
            .await?;
        let reply = next(&mut replies).await;
        channel.close(200, "done".into()).await?;
        reply
    }

    /// Declares a queue in some form.
    pub(crate) async fn declare(
        &self,
        name: &str,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    ) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        let declared = channel.queue_declare(name.into(), options, arguments);
        declared.await.map(drop)
    }

    /// Declares an exchange in some form.
    pub(crate) async fn declare_exchange(
        &self,
        name: &str,
        kind: ExchangeKind,
        options: ExchangeDeclareOptions,
    ) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        let arguments = FieldTable::default();
        channel
            .exchange_declare(name.into(), kind, options, arguments)
            .await
    }

    /// Whether there is an exchange of this name.
    pub(crate) async fn has_exchange(&self, name: &str) -> bool {
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let declared = self.declare_exchange(name, ExchangeKind::Fanout, passive);
        declared.await.is_ok()
    }

    /// Deletes an exchange with its bindings.
    pub(crate) async fn delete_exchange(&self, name: &str) -> Result<()> {
        self.channel
            .exchange_delete(name.into(), ExchangeDeleteOptions::default())
            .await?;
        Ok(())
    }

    /// A queue of its own that gets what is published to an exchange; consumed.
    pub(crate) async fn listen(&self, exchange: &str) -> Result<Consumer> {
        let (queue, stream) = Self::replies(&self.channel).await?;
        self.channel
            .queue_bind(
                queue.as_str().into(),
                exchange.into(),
                "".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(stream)
    }

    /// Messages of a queue that wait; none where there is no such queue.
    pub(crate) async fn waiting(&self, queue: &str) -> Option<u32> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let channel = self.connection.create_channel().await.ok()?;
        let found = channel.queue_declare(queue.into(), passive, FieldTable::default());
        let count = found.await.ok()?.message_count();
        let _ = channel.close(200, "done".into()).await;
        Some(count)
    }

    /// Waits until a queue has so many messages that wait.
    pub(crate) async fn until_waiting(&self, queue: &str, wanted: u32) -> Result<()> {
        until(&format!("{wanted} messages in {queue}"), async || {
            self.waiting(queue).await == Some(wanted)
        })
        .await
    }

    /// Takes the first message out of a queue that somebody fills.
    pub(crate) async fn get(&self, queue: &str) -> Result<BasicGetMessage> {
        in_time("a message in a queue", async {
            loop {
                let channel = self.another_channel().await?;
                let got = channel
                    .basic_get(queue.into(), BasicGetOptions { no_ack: true })
                    .await;
                if let Ok(Some(message)) = got {
                    channel.close(200, "done".into()).await?;
                    return Ok(message);
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await?
    }

    /// Deletes a queue with all that is in it.
    pub(crate) async fn delete(&self, queue: &str) -> Result<()> {
        self.channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await?;
        Ok(())
    }
}
