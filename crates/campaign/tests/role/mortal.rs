//! A database and a bus that stop answering when their process is killed, stand
//! still while it is frozen, and fail when they are told to: what was begun is
//! neither finished nor heard of, later, or not believed to be done.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Confirmation, Error as BusError, Request, Response};
use trunkline_model::Timestamp;
use trunkline_store::{Batch, Database, Dialect, Error, Rows, Value};
use uuid::Uuid;

/// What happens at one operation of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill,
    /// Nothing of the process moves for so long.
    Freeze(Duration),
    /// The operation fails: the store says so, a request is not answered.
    Fail,
}

/// When, relative to the operation's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// The life of a process, and how many operations it has made.
#[derive(Default)]
pub(crate) struct Life {
    pub(crate) dead: CancellationToken,
    /// Cancelled when the planned fault has happened.
    pub(crate) struck: CancellationToken,
    planned: Mutex<Option<(usize, Moment, Fault)>>,
    frozen_until: Mutex<Option<Instant>>,
    /// Batches, requests, publications: what changes the world.
    pub(crate) steps: AtomicUsize,
    pub(crate) batches: AtomicUsize,
    pub(crate) requests: AtomicUsize,
    pub(crate) queries: AtomicUsize,
    /// How long a request takes to arrive, and its reply.
    pub(crate) lag: Duration,
    /// Whether outdial-manager is the reference's: routes of ours are unknown.
    foreign_outdials: bool,
}

impl Life {
    pub(crate) fn with_lag(lag: Duration) -> Arc<Self> {
        Arc::new(Self {
            lag,
            ..Self::default()
        })
    }

    /// In a world where outdial-manager is the reference's.
    pub(crate) fn with_foreign_outdials() -> Arc<Self> {
        Arc::new(Self {
            foreign_outdials: true,
            ..Self::default()
        })
    }

    /// Something happens at a step: `0` is the next one.
    pub(crate) fn plan(&self, step: usize, moment: Moment, fault: Fault) {
        let number = self.steps.load(Ordering::SeqCst) + step;
        *self.planned.lock().unwrap() = Some((number, moment, fault));
    }

    /// Waits while the process stands still; for ever when it is dead.
    async fn stand(&self) {
        if self.dead.is_cancelled() {
            pending::<()>().await;
        }
        let until = *self.frozen_until.lock().unwrap();
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    async fn alive<R>(&self, work: impl Future<Output = R>) -> R {
        self.stand().await;
        let done = tokio::select! {
            biased;
            () = self.dead.cancelled() => pending().await,
            done = work => done,
        };
        self.stand().await;
        done
    }

    /// One step. `failed` makes the error of one that fails.
    async fn step<R>(&self, work: impl Future<Output = R>, failed: impl AsyncFnOnce() -> R) -> R {
        self.stand().await;
        let number = self.steps.fetch_add(1, Ordering::SeqCst);
        let planned = *self.planned.lock().unwrap();
        let due = planned.filter(|(step, ..)| *step == number);
        let Some((_, moment, fault)) = due else {
            return self.alive(work).await;
        };
        if moment == Moment::After {
            let done = self.alive(work).await;
            self.strike(fault);
            self.stand().await;
            return if fault == Fault::Fail {
                failed().await
            } else {
                done
            };
        }
        self.strike(fault);
        self.stand().await;
        if fault == Fault::Fail {
            return failed().await;
        }
        self.alive(work).await
    }

    fn strike(&self, fault: Fault) {
        match fault {
            Fault::Kill => self.dead.cancel(),
            Fault::Freeze(pause) => {
                *self.frozen_until.lock().unwrap() = Some(Instant::now() + pause);
            }
            Fault::Fail => {}
        }
        self.struck.cancel();
    }
}

/// Whether the reference's outdial-manager has no such route.
fn is_ours(body: &Bytes) -> bool {
    let request: Request = serde_json::from_slice(body).unwrap();
    let (path, _) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
    path.starts_with("/v1/outdial")
        && ["/claims", "/reports", "/held", "/summary"]
            .iter()
            .any(|end| path.ends_with(end))
}

pub(crate) struct Mortal<T: ?Sized> {
    pub(crate) inner: Arc<T>,
    pub(crate) life: Arc<Life>,
}

#[async_trait]
impl Database for Mortal<dyn Database> {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.life.queries.fetch_add(1, Ordering::Relaxed);
        self.life.alive(self.inner.query(sql, params)).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.life.batches.fetch_add(1, Ordering::Relaxed);
        let failed = async || Err(Error::Unavailable("it was told to fail".to_owned()));
        self.life.step(self.inner.apply(batch), failed).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.life.alive(self.inner.now()).await
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}

#[async_trait]
impl trunkline_bus::Around for Mortal<dyn Bus> {
    fn inner(&self) -> &dyn Bus {
        &*self.inner
    }

    async fn request(
        &self,
        queue: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, BusError> {
        self.life.requests.fetch_add(1, Ordering::Relaxed);
        if self.life.foreign_outdials && is_ours(&body) {
            return Ok(Response::bare(404).encode());
        }
        let lag = self.life.lag;
        let there_and_back = async {
            if !lag.is_zero() {
                tokio::time::sleep(lag).await;
            }
            // Whether the sender lives makes no difference to it.
            let (inner, to) = (Arc::clone(&self.inner), queue.to_owned());
            let sent = tokio::spawn(async move { inner.request(&to, body, timeout).await });
            let reply = sent.await.unwrap();
            if !lag.is_zero() {
                tokio::time::sleep(lag).await;
            }
            reply
        };
        let failed = async || {
            tokio::time::sleep(timeout).await;
            Err(BusError::Timeout {
                queue: queue.to_owned(),
                waited: timeout,
            })
        };
        self.life.step(there_and_back, failed).await
    }

    async fn publish(
        &self,
        exchange: &str,
        message_id: Option<Uuid>,
        body: Bytes,
    ) -> Result<Confirmation, BusError> {
        let failed = async || Err(BusError::Closed);
        let publish = self.inner.publish(exchange, message_id, body);
        self.life.step(publish, failed).await
    }
}
