//! One connection and what lives on it. Whatever fails ends all of it.

use std::collections::HashSet;
use std::sync::{Mutex as SyncMutex, PoisonError};

use lapin::options::ConfirmSelectOptions;
use lapin::types::ShortString;
use lapin::{Channel, Connection};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trunkline_bus::Error;

use crate::answers::Answers;
use crate::config::Config;
use crate::connect;
use crate::requests::Replies;
use crate::topology::{self, DELAY_EXCHANGE, ExchangeForm};

/// A connection, its channels, and what is known to exist at the broker.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    /// Whether the broker delivers delayed messages.
    pub(crate) delays: bool,
    /// Requests leave here, and their replies come.
    pub(crate) replies: Replies,
    /// Replies of ours leave here.
    pub(crate) answers: Answers,
    /// Events leave here, with confirms.
    pub(crate) events: Channel,
    /// For declarations and questions. A refusal ends the channel, so it is made
    /// anew where it is needed.
    tools: Mutex<Option<Channel>>,
    /// Queues that were seen and exchanges that were declared.
    known: SyncMutex<HashSet<ShortString>>,
    /// Cancelled when the session has ended.
    pub(crate) over: CancellationToken,
    config: Config,
}

/// Queues and exchanges that are remembered; then all are asked for again.
const MOST_KNOWN: usize = 10_000;

impl Session {
    pub(crate) async fn begin(
        connection: Connection,
        delays: bool,
        config: Config,
    ) -> lapin::Result<Self> {
        let over = CancellationToken::new();
        let events = connection.create_channel().await?;
        events
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let channel = connection.create_channel().await?;
        let replies = Replies::begin(channel, over.clone()).await?;
        Ok(Self {
            connection,
            delays,
            replies,
            answers: Answers::default(),
            events,
            tools: Mutex::default(),
            known: SyncMutex::default(),
            over,
            config,
        })
    }

    /// Largest message that is sent, bytes.
    pub(crate) fn message_max_bytes(&self) -> usize {
        self.config.message_max_bytes
    }

    /// Nothing of it is used any more.
    pub(crate) fn end(&self, why: &str) {
        if !self.over.is_cancelled() {
            tracing::debug!(why, "a connection to the broker is given up");
            self.over.cancel();
        }
    }

    /// Does something that is of no use when the session has ended. `None`: it has.
    pub(crate) async fn while_it_lasts<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.over.cancelled() => None,
            done = doing => Some(done),
        }
    }

    pub(crate) async fn close(&self) {
        self.over.cancel();
        connect::close(&self.connection, &self.config).await;
    }

    fn is_known(&self, name: &ShortString) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(name)
    }

    fn remember(&self, name: &ShortString) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(name.clone());
    }

    /// The queue may be gone: it is asked for again before it is used again.
    pub(crate) fn forget(&self, name: &ShortString) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(name);
    }

    /// Whether there is such a queue.
    ///
    /// # Errors
    ///
    /// [`Error::NoQueue`], or [`Error::Closed`] when the broker does not say.
    pub(crate) async fn look_for(&self, queue: &ShortString) -> Result<(), Error> {
        if self.is_known(queue) {
            return Ok(());
        }
        let found = self
            .ask(async |channel| topology::look_for(&channel, queue).await)
            .await;
        match found {
            Ok(_) => {
                self.remember(queue);
                Ok(())
            }
            Err(Some(error)) if error.is_amqp_soft_error() => {
                Err(Error::NoQueue(queue.to_string()))
            }
            Err(why) => {
                if let Some(error) = why {
                    self.end(&format!(
                        "it does not say whether there is a queue: {error}"
                    ));
                }
                Err(Error::Closed)
            }
        }
    }

    /// Declares an exchange, once.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], or [`Error::Closed`] when the broker does not answer.
    pub(crate) async fn declare_exchange(
        &self,
        exchange: &ShortString,
        form: ExchangeForm,
    ) -> Result<(), Error> {
        if self.is_known(exchange) {
            return Ok(());
        }
        let declared = self
            .ask(async |channel| topology::declare_exchange(&channel, exchange, form).await)
            .await;
        match declared {
            Ok(()) => {}
            Err(Some(error)) if error.is_amqp_soft_error() => {
                self.use_as_it_is(exchange, &error).await?;
            }
            Err(why) => {
                let why = why.map(|error| error.to_string());
                tracing::warn!(%exchange, ?why, "an exchange cannot be declared");
                return Err(Error::Closed);
            }
        }
        self.remember(exchange);
        Ok(())
    }

    /// An exchange that is there in another form, or that we may not declare, serves as
    /// it is.
    async fn use_as_it_is(
        &self,
        exchange: &ShortString,
        refused: &lapin::Error,
    ) -> Result<(), Error> {
        let found = self
            .ask(async |channel| topology::look_for_exchange(&channel, exchange).await)
            .await;
        match found {
            Ok(()) => {
                tracing::warn!(%exchange, %refused, "the broker refuses an exchange as we declare it; it is there and is used as it is");
                Ok(())
            }
            Err(Some(error)) if error.is_amqp_soft_error() => Err(Error::Refused {
                name: exchange.to_string(),
                why: refused.to_string(),
            }),
            Err(_) => Err(Error::Closed),
        }
    }

    /// Declares an exchange of events, once.
    pub(crate) async fn declare_events(&self, exchange: &ShortString) -> Result<(), Error> {
        self.declare_exchange(exchange, topology::events()).await
    }

    /// Declares the exchange of delayed messages, once.
    pub(crate) async fn declare_delays(&self) -> Result<(), Error> {
        let name = DELAY_EXCHANGE.into();
        self.declare_exchange(&name, topology::delays()).await
    }

    /// Whether the broker answers: it is asked for the queue of replies.
    pub(crate) async fn is_alive(&self) -> bool {
        let queue = self.replies.queue();
        self.ask(async |channel| topology::look_for(&channel, queue).await)
            .await
            .is_ok()
    }

    /// Has the broker answer something on the channel for that. `None` as error:
    /// not in time.
    pub(crate) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(Channel) -> lapin::Result<T>,
    ) -> Result<T, Option<lapin::Error>> {
        let asked = async {
            let mut tools = self.tools.lock().await;
            let channel = match tools.take().filter(|channel| channel.status().connected()) {
                Some(channel) => channel,
                None => self.connection.create_channel().await?,
            };
            let answer = question(channel.clone()).await?;
            *tools = Some(channel);
            Ok(answer)
        };
        match timeout(self.config.answer_timeout(), asked).await {
            Ok(answer) => answer.map_err(Some),
            Err(_) => Err(None),
        }
    }
}

/// A name as AMQP has them: at most 255 bytes. The empty one is nobody's: a broker
/// takes it for the queue that was named last.
///
/// # Errors
///
/// No queue has such a name.
pub(crate) fn short(name: &str) -> Result<ShortString, Error> {
    ShortString::try_new(name)
        .ok()
        .filter(|_| !name.is_empty())
        .ok_or_else(|| Error::NoQueue(name.to_owned()))
}
