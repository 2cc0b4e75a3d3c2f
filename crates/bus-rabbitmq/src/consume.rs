//! A consumer that is there as long as it is wanted: declared, consumed, and begun
//! again whenever its channel, its queue or the connection has gone.
//!
//! Who stands in is no consumer for the broker: he looks whether the queue has one, and
//! takes what waits when it has none. So several who stand in do not see each other, and
//! whoever dies leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer as Stream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Consumer, Error, QueueSpec};

use crate::rabbitmq::{Reserved, Shared};
use crate::session::{Session, short};
use crate::topology::{self, DELAY_EXCHANGE, VolatileForm};

/// Why a channel is given up on which nothing comes.
const SILENT: &str = "the broker does not answer";
/// Time between two looks at a queue for which somebody stands in.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What is done with deliveries.
pub(crate) trait Worker: Send + Sync + 'static {
    /// Begins to work on one, when there is room for it. `waited`: it came while
    /// nobody consumed the queue.
    fn take(
        &self,
        from: &Open,
        delivery: Delivery,
        waited: bool,
    ) -> impl Future<Output = ()> + Send;

    /// Waits until nothing is worked on.
    fn idle(&self) -> impl Future<Output = ()> + Send;
}

/// A queue that is consumed at the moment.
pub(crate) struct Open {
    pub(crate) session: Arc<Session>,
    pub(crate) channel: Channel,
    pub(crate) queue: ShortString,
}

/// A queue, what it is bound to, and what is done with it.
pub(crate) struct Wanted {
    spec: QueueSpec,
    queue: ShortString,
    exchanges: Vec<ShortString>,
    manner: Manner,
}

/// How messages are taken from a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As its consumer.
    Consume,
    /// One by one, while it has no consumer.
    StandIn,
}

impl Wanted {
    /// # Errors
    ///
    /// A name is none.
    pub(crate) fn new(
        spec: QueueSpec,
        exchanges: Vec<String>,
        manner: Manner,
    ) -> Result<Self, Error> {
        let exchanges = exchanges.iter().map(|name| short(name));
        Ok(Self {
            queue: short(&spec.name)?,
            exchanges: exchanges.collect::<Result<_, _>>()?,
            spec,
            manner,
        })
    }
}

/// Why a queue is not consumed any more.
enum Lost {
    Session,
    Channel(String),
    /// The broker does not let us: somebody has to do something about it.
    Refused(String),
}

impl From<lapin::Error> for Lost {
    fn from(error: lapin::Error) -> Self {
        let why = error.to_string();
        if error.is_amqp_soft_error() {
            return Self::Refused(why);
        }
        Self::Channel(why)
    }
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        let why = error.to_string();
        if matches!(error, Error::Refused { .. }) {
            return Self::Refused(why);
        }
        Self::Channel(why)
    }
}

/// Begins to consume a queue; returns when it is consumed for the first time, or when
/// the broker has refused it: it is tried again and again, and whoever waits for it
/// goes on meanwhile.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    wanted: Wanted,
    worker: impl Worker,
) -> Result<Consumer, Error> {
    let reserved = shared.reserve(&wanted.spec.name)?;
    let stop = CancellationToken::new();
    let (ready, begun) = oneshot::channel();
    let attendant = Attendant {
        shared: Arc::clone(shared),
        wanted,
        worker,
        stop: stop.clone(),
        ready: Some(ready),
        reserved,
        told_form: false,
    };
    let guard = stop.clone().drop_guard();
    let task = tokio::spawn(attendant.run());
    begun.await.map_err(|_| Error::Closed)?;
    let ended: BoxFuture<'static, ()> = Box::pin(async move {
        stop.cancel();
        let _ = task.await;
    });
    Ok(Consumer::new(ended, Box::new(guard)))
}

/// Keeps one queue consumed.
struct Attendant<W> {
    shared: Arc<Shared>,
    wanted: Wanted,
    worker: W,
    stop: CancellationToken,
    /// Told when the queue is consumed for the first time.
    ready: Option<oneshot::Sender<()>>,
    reserved: Reserved,
    /// Whether it was told that the queue is there in another form.
    told_form: bool,
}

impl<W: Worker> Attendant<W> {
    async fn run(mut self) {
        let mut failures = 0;
        let stop = self.stop.clone();
        loop {
            let session = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                session = self.shared.session() => session,
            };
            let Ok(session) = session else { break };
            let queue = self.wanted.queue.clone();
            let attended = self.attend(session, &mut failures).await;
            self.reserved.tell(false);
            match attended {
                Ok(()) => break,
                Err(Lost::Session) => continue,
                Err(Lost::Channel(why)) => report(&queue, failures, &why),
                Err(Lost::Refused(why)) => {
                    report_refusal(&queue, failures, &why);
                    self.begun();
                }
            }
            let pause = self.shared.pause(failures);
            failures += 1;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep(pause) => {}
            }
        }
        self.worker.idle().await;
    }

    /// Consumes, or stands in, until it is stopped.
    async fn attend(&mut self, session: Arc<Session>, failures: &mut u32) -> Result<(), Lost> {
        let (open, found) = self.open(session).await?;
        if self.wanted.manner == Manner::StandIn {
            *failures = 0;
            self.reserved.tell(true);
            self.begun();
            return self.stand_in(&open).await;
        }
        if self.wanted.spec.tells_waiting && found.consumer_count() == 0 {
            self.take_waiting(&open, found.message_count()).await?;
        }
        let mut stream = self.consume(&open).await?;
        *failures = 0;
        self.reserved.tell(true);
        self.begun();
        tracing::debug!(queue = %open.queue, "a queue is consumed");
        loop {
            let delivery = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.leave(&open, stream).await;
                    return Ok(());
                }
                () = open.session.over.cancelled() => return Err(Lost::Session),
                delivery = stream.next() => delivery,
            };
            match delivery {
                Some(Ok(delivery)) => self.worker.take(&open, delivery, false).await,
                Some(Err(error)) => return Err(Lost::Channel(error.to_string())),
                None => return Err(Lost::Channel("the queue was deleted".to_owned())),
            }
        }
    }

    /// Takes what waits whenever the queue has no consumer.
    async fn stand_in(&self, open: &Open) -> Result<(), Lost> {
        loop {
            let look = topology::look_for(&open.channel, &open.queue);
            // A queue that is gone is declared again.
            let found = self.answer(open, look).await?;
            let found = found.map_err(|error| Lost::Channel(error.to_string()))?;
            if found.consumer_count() == 0 {
                self.take_waiting(open, found.message_count()).await?;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.close(open).await;
                    return Ok(());
                }
                () = open.session.over.cancelled() => return Err(Lost::Session),
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Takes what was found in the queue, and not what comes after it.
    async fn take_waiting(&self, open: &Open, most: u32) -> Result<(), Lost> {
        for _ in 0..most {
            if self.stop.is_cancelled() {
                break;
            }
            let options = BasicGetOptions::default();
            let get = open.channel.basic_get(open.queue.clone(), options);
            let Some(message) = self.answer(open, get).await?? else {
                break;
            };
            self.worker.take(open, message.delivery, true).await;
        }
        Ok(())
    }

    /// What the broker answers, while there is one.
    async fn answer<T>(&self, open: &Open, asked: impl Future<Output = T>) -> Result<T, Lost> {
        let patience = self.shared.config.answer_timeout();
        let asked = open.session.while_it_lasts(timeout(patience, asked));
        match asked.await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(_)) => Err(Lost::Channel(SILENT.to_owned())),
            None => Err(Lost::Session),
        }
    }

    /// Whoever waits for the beginning goes on.
    fn begun(&mut self) {
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(());
        }
    }

    /// Takes no more, gives back what was not begun, finishes what was.
    async fn leave(&self, open: &Open, mut stream: Stream) {
        let patience = self.shared.config.answer_timeout();
        let cancelled = open
            .channel
            .basic_cancel(stream.tag(), BasicCancelOptions::default());
        if matches!(timeout(patience, cancelled).await, Ok(Ok(()))) {
            let back = BasicNackOptions {
                requeue: true,
                ..BasicNackOptions::default()
            };
            while let Ok(Some(Ok(delivery))) = timeout(patience, stream.next()).await {
                let _ = delivery.nack(back).await;
            }
        }
        self.close(open).await;
    }

    /// Finishes what was begun.
    async fn close(&self, open: &Open) {
        self.worker.idle().await;
        let closed = open.channel.close(200, "done".into());
        let _ = timeout(self.shared.config.answer_timeout(), closed).await;
    }

    /// The queue, and how it was found.
    async fn open(&mut self, session: Arc<Session>) -> Result<(Open, lapin::Queue), Lost> {
        let patience = self.shared.config.answer_timeout();
        for exchange in &self.wanted.exchanges {
            session.declare_events(exchange).await?;
        }
        let opening = async {
            let (channel, found) = self.declare(&session).await?;
            self.bind(&session, &channel).await?;
            Ok::<_, Lost>((channel, found))
        };
        match timeout(patience * 2, opening).await {
            Ok(Ok((channel, found))) => {
                let queue = self.wanted.queue.clone();
                let open = Open {
                    session,
                    channel,
                    queue,
                };
                Ok((open, found))
            }
            Ok(Err(lost)) => {
                // An exchange may be gone since it was declared.
                session.forget(&DELAY_EXCHANGE.into());
                for exchange in &self.wanted.exchanges {
                    session.forget(exchange);
                }
                Err(lost)
            }
            Err(_) => Err(Lost::Channel(SILENT.to_owned())),
        }
    }

    async fn declare(&mut self, session: &Session) -> lapin::Result<(Channel, lapin::Queue)> {
        let channel = session.connection.create_channel().await?;
        let (queue, volatile) = (&self.wanted.queue, self.wanted.spec.volatile);
        let form = self.shared.volatile_form();
        let wanted = match volatile {
            true => topology::volatile(form),
            false => topology::normal(),
        };
        let error = match topology::declare(&channel, queue, wanted).await {
            Ok(found) => return Ok((channel, found)),
            Err(error) => error,
        };
        if error.is_amqp_soft_error() {
            return self.use_as_it_is(session, error).await;
        }
        if volatile && topology::is_refused_for_good(&error) && form == VolatileForm::Transient {
            tracing::warn!(%queue, %error, "the broker refuses volatile queues; durable ones that go with their consumer are used instead");
            self.shared.use_durable_form();
        }
        Err(error)
    }

    /// A queue that is there in another form, or that we may not declare, is good
    /// enough: who writes into it is heard.
    async fn use_as_it_is(
        &mut self,
        session: &Session,
        refused: lapin::Error,
    ) -> lapin::Result<(Channel, lapin::Queue)> {
        let channel = session.connection.create_channel().await?;
        let queue = &self.wanted.queue;
        let Ok(found) = topology::look_for(&channel, queue).await else {
            return Err(refused);
        };
        if !self.wanted.spec.volatile && !std::mem::replace(&mut self.told_form, true) {
            tracing::error!(%queue, %refused, "the broker refuses a queue as we declare it; it is there and is consumed as it is. If it has another form it may lose messages, and services of VoIPbin do not start with it: delete it at the broker");
        }
        Ok((channel, found))
    }

    async fn bind(&self, session: &Session, channel: &Channel) -> Result<(), Lost> {
        let (queue, nothing) = (&self.wanted.queue, ShortString::from(""));
        for exchange in &self.wanted.exchanges {
            topology::bind(channel, queue, exchange, &nothing).await?;
        }
        if session.delays {
            session.declare_delays().await?;
            topology::bind(channel, queue, &DELAY_EXCHANGE.into(), queue).await?;
        }
        Ok(())
    }

    /// As many are delivered as are worked on: what waits, waits at the broker,
    /// where other copies can take it and where it expires.
    async fn consume(&self, open: &Open) -> Result<Stream, Lost> {
        let workers = u16::try_from(self.wanted.spec.workers.max(1)).unwrap_or(u16::MAX);
        let qos = open.channel.basic_qos(workers, BasicQosOptions::default());
        self.answer(open, qos).await??;
        let tag = short(&self.wanted.spec.tag).unwrap_or_default();
        let consumed = open.channel.basic_consume(
            open.queue.clone(),
            tag,
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        Ok(self.answer(open, consumed).await??)
    }
}

/// The first failure in a row and every sixteenth are told: some last long.
fn is_told(failures: u32) -> bool {
    failures.is_multiple_of(16)
}

fn report(queue: &ShortString, failures: u32, why: &str) {
    if is_told(failures) {
        tracing::warn!(%queue, failures, why, "a queue is not consumed for the moment");
    }
}

fn report_refusal(queue: &ShortString, failures: u32, why: &str) {
    if is_told(failures) {
        tracing::error!(%queue, failures, why, "the broker refuses a queue; it is tried again, and the others go on. If another connection has it for itself alone, end that; if we may not use it, permit it");
    }
}
