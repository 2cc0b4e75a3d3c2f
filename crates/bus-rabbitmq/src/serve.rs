//! Requests that come, and their replies.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use trunkline_bus::port::LONGEST_WORK;
use trunkline_bus::{Delivered, RequestHandler, Response};

use crate::answers::Envelope;
use crate::consume::{Open, Worker};
use crate::redelivered::{self, Begin, Identity, Journal};
use crate::requests::CONTENT_TYPE;
use crate::session::Session;

/// Answers the requests of one queue.
pub(crate) struct Serving {
    desk: Arc<Desk>,
    free: Arc<Semaphore>,
    tasks: TaskTracker,
}

struct Desk {
    handler: Arc<dyn RequestHandler>,
    journal: Journal,
}

impl Serving {
    pub(crate) fn new(workers: usize, handler: Arc<dyn RequestHandler>) -> Self {
        let workers = workers.max(1);
        Self {
            desk: Arc::new(Desk {
                handler,
                journal: Journal::new(workers),
            }),
            free: Arc::new(Semaphore::new(workers)),
            tasks: TaskTracker::new(),
        }
    }
}

impl Worker for Serving {
    async fn take(&self, from: &Open, delivery: Delivery, waited: bool) {
        let place = Arc::clone(&self.free).acquire_owned();
        let Some(Ok(place)) = from.session.while_it_lasts(place).await else {
            return;
        };
        let desk = Arc::clone(&self.desk);
        let session = Arc::clone(&from.session);
        self.tasks.spawn(async move {
            desk.answer(&session, delivery, waited).await;
            drop(place);
        });
    }

    async fn idle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Desk {
    /// The acknowledgement comes last: what was not finished comes again.
    async fn answer(&self, session: &Session, delivery: Delivery, waited: bool) {
        let Delivery {
            properties,
            data,
            redelivered,
            acker,
            ..
        } = delivery;
        let body = Bytes::from(data);
        let identity = Identity::of(&properties, &body);
        let delivered = Delivered {
            identity: identity.certain(),
            again: redelivered,
            waited,
            expires: properties.expiration().is_some(),
        };
        let reply = self.reply(identity, body, delivered).await;
        let settled = async {
            if let Some(reply) = reply {
                send(session, &properties, reply).await;
            }
            acker.ack(BasicAckOptions::default()).await
        };
        // A connection that is given up may take nothing for a long time yet.
        match session.while_it_lasts(settled).await {
            Some(Ok(_)) => self.journal.acknowledged(identity),
            Some(Err(_)) | None => {
                tracing::debug!("a request could not be acknowledged and may come again");
            }
        }
    }

    async fn reply(&self, identity: Identity, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        match self.journal.begin(identity, delivered.again) {
            Begin::Do(sender) => {
                let reply = self.work(body, delivered).await;
                redelivered::tell(sender, &reply);
                reply
            }
            Begin::Await(earlier) => match redelivered::outcome(earlier).await {
                Some(reply) => reply,
                None => self.work(body, delivered).await,
            },
        }
    }

    /// There is an answer also when the handler fails or never ends.
    async fn work(&self, body: Bytes, delivered: Delivered) -> Option<Bytes> {
        let handled = timeout(LONGEST_WORK, self.handler.handle_delivered(body, delivered));
        match AssertUnwindSafe(handled).catch_unwind().await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => {
                let seconds = LONGEST_WORK.as_secs();
                tracing::error!(seconds, "a request handler was not done in time");
                Some(failed())
            }
            Err(_) => {
                tracing::error!("a request handler panicked");
                Some(failed())
            }
        }
    }
}

/// Replies to whatever the request names, with the id that it has, if it has one. A
/// reply that cannot be sent must not make the request come again: it would be done
/// again, for ever.
async fn send(session: &Session, properties: &BasicProperties, reply: Bytes) {
    let Some(reply_to) = properties
        .reply_to()
        .clone()
        .filter(|name| !name.as_str().is_empty())
    else {
        return;
    };
    let mut with = BasicProperties::default().with_content_type(CONTENT_TYPE.into());
    if let Some(id) = properties.correlation_id() {
        with = with.with_correlation_id(id.clone());
    }
    let to = Envelope {
        reply_to,
        properties: with,
    };
    let reply = fitting(reply, session.message_max_bytes());
    let (answers, connection) = (&session.answers, &session.connection);
    let mut sent = answers.send(connection, to.clone(), &reply).await;
    if let Err(error) = &sent
        && error.is_amqp_soft_error()
    {
        let bytes = reply.len();
        tracing::error!(bytes, %error, "the broker refuses a reply; its caller is told that we failed");
        sent = answers.send(connection, to, &failed()).await;
    }
    if let Err(error) = sent {
        tracing::debug!(%error, "a reply could not be sent");
    }
}

fn failed() -> Bytes {
    Response::bare(500).encode()
}

/// The reply, or that we failed where it is larger than what is sent.
fn fitting(reply: Bytes, most: usize) -> Bytes {
    let bytes = reply.len();
    if bytes <= most {
        return reply;
    }
    tracing::error!(
        bytes,
        most,
        "a reply is larger than what is sent; its caller is told that we failed"
    );
    failed()
}
