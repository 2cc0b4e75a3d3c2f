//! The inbox: an event that was handled is not handled again.
//!
//! A relay repeats what it published after a crash, and a broker delivers again
//! what was not acknowledged in time. The sender's id tells: ids of handled
//! events are remembered in memory, the latest so many, and written to
//! `trunkline_inbox` many at once, a moment later. So a crash may make an event
//! come twice all the same: handlers stay conditional (architecture decision 9),
//! and the inbox spares them the work.
//!
//! * An id is remembered when the handler has succeeded, not before: what failed
//!   is handled when it comes again.
//! * While an event is being handled a second delivery of it waits for the end.
//! * Where several copies of a role share the tables, an id that is unknown here
//!   is looked for there as well.
//! * Ids are dropped by age; not before one such age after the start, so that
//!   events of a process that ended long ago still meet them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, OnceCell};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{EventHandler, Message, Remember, Retry, Work};
use trunkline_model::service::Service;
use trunkline_store::{Batch, Database, Error, inbox as rows};
use uuid::Uuid;

use crate::config::Config;
use crate::metrics::DeliveryMetrics;

/// Looks for ids that are too old, per age.
const PRUNES_PER_AGE: u32 = 60;

/// The inbox of one service.
pub(crate) struct Inbox {
    db: Arc<dyn Database>,
    service: Service,
    config: Config,
    metrics: DeliveryMetrics,
    /// What a process before this one had written was read.
    loaded: OnceCell<()>,
    known: Mutex<Known>,
    /// There are ids to be written.
    handled: Notify,
}

#[derive(Default)]
struct Known {
    /// In the order in which they became known, at most so many.
    order: VecDeque<Uuid>,
    ids: BTreeSet<Uuid>,
    /// Being handled; how to hear of the end, once somebody wants to.
    running: BTreeMap<Uuid, Option<Arc<Notify>>>,
    unwritten: Vec<Uuid>,
}

impl Known {
    fn remember(&mut self, id: Uuid, window: usize) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        while self.order.len() > window {
            if let Some(oldest) = self.order.pop_front() {
                self.ids.remove(&oldest);
            }
        }
    }
}

/// What to do with a delivery.
enum Turn {
    /// Handle it. Dropping it ends the turn.
    Ours(Running),
    /// It was handled.
    Done,
    /// Somebody is at it. Resolves at the end of it.
    Wait(OwnedNotified),
}

/// An event that is being handled.
struct Running {
    inbox: Arc<Inbox>,
    id: Uuid,
}

impl Drop for Running {
    fn drop(&mut self) {
        let waiting = self.inbox.known().running.remove(&self.id).flatten();
        if let Some(waiting) = waiting {
            waiting.notify_waiters();
        }
    }
}

impl Inbox {
    pub(crate) fn new(
        db: Arc<dyn Database>,
        service: Service,
        config: Config,
        metrics: DeliveryMetrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            db,
            service,
            config,
            metrics,
            loaded: OnceCell::new(),
            known: Mutex::default(),
            handled: Notify::new(),
        })
    }

    /// Puts the inbox before a handler.
    pub(crate) fn before(
        self: &Arc<Self>,
        handler: Arc<dyn EventHandler>,
    ) -> Arc<dyn EventHandler> {
        Arc::new(Once {
            inbox: Arc::clone(self),
            handler,
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knows(&self, id: Uuid) -> bool {
        self.known().ids.contains(&id)
    }

    /// Reads what was handled before this process.
    async fn load(&self) -> Result<(), Error> {
        let read = async {
            let limit = u32::try_from(self.config.inbox_window).unwrap_or(u32::MAX);
            let ids = rows::latest(&*self.db, self.service, limit).await?;
            let mut known = self.known();
            for id in ids {
                known.remember(id, self.config.inbox_window);
            }
            Ok(())
        };
        self.loaded.get_or_try_init(|| read).await.map(|_| ())
    }

    fn turn(self: &Arc<Self>, id: Uuid) -> Turn {
        let mut known = self.known();
        if known.ids.contains(&id) {
            return Turn::Done;
        }
        if let Some(waiting) = known.running.get_mut(&id) {
            // Under the lock: the end cannot come in between.
            return Turn::Wait(Arc::clone(waiting.get_or_insert_default()).notified_owned());
        }
        known.running.insert(id, None);
        Turn::Ours(Running {
            inbox: Arc::clone(self),
            id,
        })
    }

    /// Waits for the turn of this delivery; none when it was handled.
    async fn wait_for_turn(self: &Arc<Self>, id: Uuid) -> Option<Running> {
        loop {
            match self.turn(id) {
                Turn::Ours(running) => return Some(running),
                Turn::Done => return None,
                Turn::Wait(ended) => ended.await,
            }
        }
    }

    /// Whether another copy has handled it.
    async fn handled_elsewhere(&self, id: Uuid) -> Result<bool, Error> {
        if !self.db.dialect().is_shared() {
            return Ok(false);
        }
        rows::contains(&*self.db, self.service, id).await
    }

    async fn handle(
        self: Arc<Self>,
        id: Uuid,
        remember: Remember,
        run: BoxFuture<'static, Result<(), Retry>>,
    ) -> Result<(), Retry> {
        let away = |error: Error| Retry::later(error.to_string());
        self.load().await.map_err(away)?;
        let Some(running) = self.wait_for_turn(id).await else {
            self.metrics.inbox_repeated.inc();
            return Ok(());
        };
        if self.handled_elsewhere(id).await.map_err(away)? {
            self.metrics.inbox_repeated.inc();
            self.known().remember(id, self.config.inbox_window);
            return Ok(());
        }
        run.await?;
        self.note(id, remember);
        drop(running);
        Ok(())
    }

    fn note(&self, id: Uuid, remember: Remember) {
        let mut known = self.known();
        match remember {
            Remember::Not => {}
            Remember::InProcess => known.remember(id, self.config.inbox_window),
            Remember::Durably => {
                known.remember(id, self.config.inbox_window);
                known.unwritten.push(id);
                self.handled.notify_one();
            }
        }
    }

    /// Writes down what was handled since the last time.
    async fn write(&self) -> Result<(), Error> {
        let ids = std::mem::take(&mut self.known().unwritten);
        if ids.is_empty() {
            return Ok(());
        }
        let written = async {
            let now = self.db.now().await?;
            let batch = rows::insert(self.db.dialect(), self.service, ids.iter().copied(), now);
            self.db.apply(batch).await
        };
        let written = written.await;
        if written.is_err() {
            let mut known = self.known();
            // Later ones are written first then, which does not matter.
            known.unwritten.extend(ids);
            // What cannot be written for long is remembered in memory only.
            known.unwritten.truncate(self.config.inbox_window);
        }
        written
    }

    /// Writes down what is left at the end.
    pub(crate) async fn write_rest(&self) {
        if let Err(error) = self.write().await {
            tracing::warn!(service = self.service.name(), %error, "handled events were not written down: some may be handled again");
        }
    }

    async fn prune(&self) -> Result<(), Error> {
        let before = self.db.now().await?.minus(self.config.inbox_keep());
        let old = Batch::new().with(rows::prune(self.service, before));
        self.db.apply(old).await
    }
}

/// A handler behind the inbox.
struct Once {
    inbox: Arc<Inbox>,
    handler: Arc<dyn EventHandler>,
}

impl EventHandler for Once {
    fn accept(&self, message: Message) -> Work {
        let Some(id) = message.message_id else {
            return self.handler.accept(message);
        };
        if self.inbox.knows(id) {
            self.inbox.metrics.inbox_repeated.inc();
            return Work::nothing();
        }
        let work = self.handler.accept(message);
        if work.is_nothing() {
            return work;
        }
        let inbox = Arc::clone(&self.inbox);
        Work {
            run: Box::pin(inbox.handle(id, work.remember, work.run)),
            ..work
        }
    }
}

/// Writes ids of handled events and drops old ones, until `stop` is cancelled.
pub(crate) async fn run(inbox: Arc<Inbox>, stop: CancellationToken) {
    let between_prunes = inbox.config.inbox_keep() / PRUNES_PER_AGE;
    let mut prune_at = Instant::now() + inbox.config.inbox_keep();
    let mut pause = inbox.config.settle();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep_until(prune_at) => {
                prune_at = Instant::now() + between_prunes;
                if let Err(error) = inbox.prune().await {
                    tracing::debug!(service = inbox.service.name(), %error, "old ids of events are dropped later");
                }
                continue;
            }
            () = inbox.handled.notified() => {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep(pause) => {}
        }
        pause = inbox.config.settle();
        if let Err(error) = inbox.write().await {
            tracing::warn!(service = inbox.service.name(), %error, "handled events are written down later");
            pause = inbox.config.retry_min();
            inbox.handled.notify_one();
        }
    }
}
