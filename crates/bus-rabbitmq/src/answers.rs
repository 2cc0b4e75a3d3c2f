//! Replies that leave.
//!
//! They have channels of their own: when the broker refuses one it ends the channel,
//! and with it everything that was taken on it and not acknowledged. The broker may have
//! a smaller limit of size than ours, and tells it only when it is passed. So replies
//! that are not small are confirmed, one after the other: then it is known which one
//! was refused.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Connection};
use tokio::sync::Mutex;

/// Smaller ones than this, in bytes, are refused by no broker.
const SMALL: usize = 64 * 1024;

/// The side of a session that answers.
#[derive(Default)]
pub(crate) struct Answers {
    small: Mutex<Option<Channel>>,
    large: Mutex<Option<Channel>>,
}

/// Where a reply goes, and with what.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) reply_to: ShortString,
    pub(crate) properties: BasicProperties,
}

impl Answers {
    /// Hands a reply to the broker.
    ///
    /// # Errors
    ///
    /// A soft one: the broker refuses it.
    pub(crate) async fn send(
        &self,
        connection: &Connection,
        to: Envelope,
        reply: &[u8],
    ) -> lapin::Result<()> {
        if reply.len() < SMALL {
            let channel = self.small_channel(connection).await?;
            return publish(&channel, to, reply).await;
        }
        let mut place = self.large.lock().await;
        let channel = match place.take().filter(is_usable) {
            Some(channel) => channel,
            None => {
                let channel = connection.create_channel().await?;
                let options = ConfirmSelectOptions::default();
                channel.confirm_select(options).await?;
                channel
            }
        };
        publish(&channel, to, reply).await?;
        *place = Some(channel);
        Ok(())
    }

    async fn small_channel(&self, connection: &Connection) -> lapin::Result<Channel> {
        let mut place = self.small.lock().await;
        if let Some(channel) = place.as_ref().filter(|channel| is_usable(channel)) {
            return Ok(channel.clone());
        }
        let channel = connection.create_channel().await?;
        *place = Some(channel.clone());
        Ok(channel)
    }
}

fn is_usable(channel: &Channel) -> bool {
    channel.status().connected()
}

/// Returns when it is confirmed, where the channel has confirms.
async fn publish(channel: &Channel, to: Envelope, reply: &[u8]) -> lapin::Result<()> {
    let options = BasicPublishOptions::default();
    let (key, properties) = (to.reply_to, to.properties);
    let sent = channel.basic_publish("".into(), key, options, reply, properties);
    sent.await?.await.map(drop)
}
