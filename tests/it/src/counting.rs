//! A carrier and a store that count what they are asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use trunkline_bus::{
    Bus, Confirmation, Consumer, Delivered, Error, EventHandler, QueueSpec, Request,
    RequestHandler, Response, Subscription,
};
use trunkline_model::Timestamp;
use trunkline_store::{Batch, Database, Dialect, Rows, Value};
use trunkline_store_sqlite::SqliteDatabase;
use uuid::Uuid;

use crate::handled::Handled;

/// How often each thing happened, by its name.
#[derive(Debug, Default, Clone)]
pub struct Counts(Arc<Mutex<BTreeMap<String, usize>>>);

impl Counts {
    fn add(&self, name: String) {
        *self.locked().entry(name).or_default() += 1;
    }

    /// Sets how often a thing is to happen.
    pub fn set(&self, name: &str, count: usize) {
        self.locked().insert(name.to_owned(), count);
    }

    /// Whether a thing is still to happen; then once less.
    fn use_up(&self, name: &str) -> bool {
        match self.locked().get_mut(name) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew and returns what was counted.
    pub fn take(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.locked())
    }
}

/// The carrier; counts requests by queue, method and route.
#[derive(Clone)]
pub struct CountingBus {
    pub inner: Arc<dyn Bus>,
    pub requests: Counts,
    /// Requests, by the same names, that are answered with 503: so many of each.
    pub busy: Counts,
    /// The same, answered with 404.
    pub unknown: Counts,
    /// Who serves which queue.
    pub served: Served,
    /// What became of events.
    pub handled: Handled,
}

impl CountingBus {
    /// Publishes an event as somebody does who keeps nothing; returns when every queue
    /// that is bound has handled it, or has parked it.
    ///
    /// # Panics
    ///
    /// When one does neither in time.
    pub async fn tell(&self, exchange: &str, body: Bytes) {
        let published = self.put(exchange, None, body.clone()).await;
        let (confirmation, queues) = published.expect("an event is taken");
        confirmation.await.expect("an event is safe");
        self.handled.wait(&queues, &body).await;
    }

    /// Puts an event into one queue; returns when that has handled it, or has parked it.
    ///
    /// # Panics
    ///
    /// When it does neither in time.
    pub async fn tell_queue(&self, queue: &str, body: Bytes) {
        let put = self.redeliver(queue, None, body.clone()).await;
        let confirmation = put.expect("an event is taken");
        confirmation.await.expect("an event is safe");
        self.handled.wait(&[queue.to_owned()], &body).await;
    }

    /// Publishes an event; says into which queues it goes.
    async fn put(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<(Confirmation, Vec<String>), Error> {
        let queues = self.handled.published(exchange, &body);
        let published = self.inner.publish(exchange, message_id, body.clone()).await;
        if published.is_err() {
            for queue in &queues {
                self.handled.settle(queue, &body);
            }
        }
        Ok((published?, queues))
    }
}

/// Who serves which queue, to hand over requests as a broker does.
#[derive(Default, Clone)]
pub struct Served(Arc<Mutex<BTreeMap<String, Arc<dyn RequestHandler>>>>);

impl Served {
    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<dyn RequestHandler>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers a request that has this identity; the same one is the same request,
    /// delivered again.
    pub async fn deliver(&self, queue: &str, body: Bytes, identity: Uuid) -> Option<Bytes> {
        let handler = self.locked().get(queue).cloned()?;
        let delivered = Delivered {
            identity: Some(identity),
            ..Delivered::default()
        };
        handler.handle_delivered(body, delivered).await
    }
}

/// A URI with a placeholder for each id.
fn route(uri: &str) -> String {
    let path = uri.split('?').next().unwrap_or_default();
    let is_id = |piece: &&str| piece.len() >= 32;
    let pieces: Vec<&str> = path
        .split('/')
        .map(|piece| if is_id(&piece) { "{id}" } else { piece })
        .collect();
    pieces.join("/")
}

#[async_trait]
impl trunkline_bus::Around for CountingBus {
    fn inner(&self) -> &dyn Bus {
        &*self.inner
    }

    async fn request(&self, queue: &str, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        if let Ok(request) = serde_json::from_slice::<Request>(&body) {
            let target = queue
                .trim_start_matches("bin-manager.")
                .trim_end_matches(".request");
            let (method, route) = (&request.method, route(&request.uri));
            let name = format!("{target} {method} {route}");
            self.requests.add(name.clone());
            if self.busy.use_up(&name) {
                return Ok(Response::bare(503).encode());
            }
            if self.unknown.use_up(&name) {
                return Ok(Response::bare(404).encode());
            }
        }
        self.inner.request(queue, body, timeout).await
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        let published = self.put(exchange, message_id, body).await;
        published.map(|(confirmation, _)| confirmation)
    }

    async fn serve(
        &self,
        queue: QueueSpec,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        let name = queue.name.clone();
        self.served.locked().insert(name, Arc::clone(&handler));
        self.inner.serve(queue, handler).await
    }

    async fn subscribe(
        &self,
        subscription: Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        let (subscription, handler) = self.handled.watch(subscription, handler);
        let queue = subscription.queue.name.clone();
        let exchanges = subscription.exchanges.clone();
        let consumer = self.inner.subscribe(subscription, handler).await?;
        self.handled.bind(&queue, &exchanges);
        Ok(consumer)
    }

    async fn redeliver(
        &self,
        queue: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, Error> {
        self.handled.put(queue, &body);
        let put = self.inner.redeliver(queue, message_id, body.clone()).await;
        if put.is_err() {
            self.handled.settle(queue, &body);
        }
        put
    }
}

/// The store; counts batches by the tables that they write, and queries by the
/// table that they read.
#[derive(Clone)]
pub struct CountingStore {
    pub inner: Arc<SqliteDatabase>,
    /// While it is set nothing can be read.
    pub away: Arc<AtomicBool>,
    pub batches: Counts,
    pub queries: Counts,
    /// Queries, by the same names, that the store cannot answer: so many of each.
    pub failing: Counts,
}

/// What a statement does to which table: the first words of its text.
fn subject(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let verb = words.first().copied().unwrap_or_default();
    let before_table = match verb {
        "UPDATE" => "UPDATE",
        "INSERT" | "REPLACE" => "INTO",
        _ => "FROM",
    };
    let at = words.iter().position(|word| *word == before_table);
    let table = at.and_then(|at| words.get(at + 1));
    format!("{verb} {}", table.copied().unwrap_or_default()).to_lowercase()
}

#[async_trait]
impl Database for CountingStore {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, trunkline_store::Error> {
        let subject = subject(sql);
        self.queries.add(subject.clone());
        if self.away.load(Ordering::Relaxed) || self.failing.use_up(&subject) {
            let why = "the store of this test is away".to_owned();
            return Err(trunkline_store::Error::Unavailable(why));
        }
        self.inner.query(sql, params).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), trunkline_store::Error> {
        if !batch.is_empty() {
            let mut subjects: Vec<String> = batch
                .statements
                .iter()
                .map(|statement| subject(&statement.sql))
                .collect();
            subjects.dedup();
            self.batches.add(subjects.join(", "));
        }
        self.inner.apply(batch).await
    }

    async fn now(&self) -> Result<Timestamp, trunkline_store::Error> {
        self.inner.now().await
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}
