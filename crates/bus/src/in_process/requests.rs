//! A queue of requests inside one process.
//!
//! Requests wait with their callers: a caller holds his request until there is
//! a free worker, then the handler runs within the caller. A caller that gives
//! up before takes his request with him; one that gives up later leaves the
//! handler running, as a task of its own. There is nothing between the two: a
//! request costs no task and wakes nobody.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::envelope::Response;
use crate::error::Error;
use crate::port::{Consumer, LONGEST_WORK, QueueSpec, RequestHandler};

/// A queue; whoever serves it comes and goes.
pub(super) struct Requests {
    name: String,
    capacity: usize,
    /// Requests that wait for a worker.
    waiting: AtomicUsize,
    serving: watch::Sender<Option<Arc<Serving>>>,
}

/// One consumer and its workers.
struct Serving {
    handler: Arc<dyn RequestHandler>,
    free: Semaphore,
    busy: AtomicUsize,
    stopped: AtomicBool,
    idle: Notify,
}

/// A worker that has a request. Dropping it makes it free.
struct Worker(Arc<Serving>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.free.add_permits(1);
        let last = self.0.busy.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.0.stopped.load(Ordering::SeqCst) {
            self.0.idle.notify_one();
        }
    }
}

impl Serving {
    fn worker(self: &Arc<Self>, permit: tokio::sync::SemaphorePermit<'_>) -> Worker {
        permit.forget();
        self.busy.fetch_add(1, Ordering::SeqCst);
        Worker(Arc::clone(self))
    }

    /// Those who wait for a worker wait for the next consumer.
    fn take_no_more(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.free.close();
    }

    async fn idle(&self) {
        while self.busy.load(Ordering::SeqCst) > 0 {
            self.idle.notified().await;
        }
    }
}

/// Counts a request that waits.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The end of a consumer.
struct End {
    queue: Arc<Requests>,
    serving: Arc<Serving>,
}

impl End {
    fn take_no_more(&self) {
        self.queue.serving.send_if_modified(|current| {
            let ours = current
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, &self.serving));
            if ours {
                *current = None;
            }
            ours
        });
        self.serving.take_no_more();
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.take_no_more();
    }
}

impl Requests {
    pub(super) fn new(spec: &QueueSpec) -> Arc<Self> {
        Arc::new(Self {
            name: spec.name.clone(),
            capacity: spec.capacity.max(1),
            waiting: AtomicUsize::new(0),
            serving: watch::Sender::new(None),
        })
    }

    pub(super) fn serve(
        self: &Arc<Self>,
        workers: usize,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Consumer, Error> {
        let serving = Arc::new(Serving {
            handler,
            free: Semaphore::new(workers.max(1)),
            busy: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            idle: Notify::new(),
        });
        let begun = self.serving.send_if_modified(|current| {
            let free = current.is_none();
            if free {
                *current = Some(Arc::clone(&serving));
            }
            free
        });
        if !begun {
            return Err(Error::Consumed(self.name.clone()));
        }
        let end = Arc::new(End {
            queue: Arc::clone(self),
            serving,
        });
        let ending = Arc::clone(&end);
        let stop = async move {
            ending.take_no_more();
            ending.serving.idle().await;
        };
        Ok(Consumer::new(Box::pin(stop), Box::new(end)))
    }

    /// Waits for a worker, and for what it answers.
    pub(super) async fn request(&self, body: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let deadline = Instant::now() + timeout;
        let queue = || self.name.clone();
        let waited = timeout;
        let worker = match self.free_worker() {
            Some(worker) => worker,
            None => self
                .wait_for_worker(deadline)
                .await
                .map_err(|crowd| match crowd {
                    Crowd::Queue => Error::Untaken {
                        queue: queue(),
                        waited,
                    },
                    Crowd::Full => Error::Full(queue()),
                })?,
        };
        let late = || Error::Timeout {
            queue: queue(),
            waited,
        };
        match timeout_at(deadline, Work::new(worker, body)).await {
            Ok(Some(answer)) => Ok(answer),
            // No reply will come: a caller of the reference waits in vain as well.
            Ok(None) => {
                sleep_until(deadline).await;
                Err(late())
            }
            Err(_) => Err(late()),
        }
    }

    fn free_worker(&self) -> Option<Worker> {
        let serving = self.serving.borrow().clone()?;
        let permit = serving.free.try_acquire().ok()?;
        Some(serving.worker(permit))
    }

    /// Fails when the time is over.
    async fn wait_for_worker(&self, deadline: Instant) -> Result<Worker, Crowd> {
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        let _place = Place(&self.waiting);
        let mut changes = self.serving.subscribe();
        let wait = async {
            loop {
                let current = changes.borrow_and_update().clone();
                if let Some(serving) = current
                    && let Ok(permit) = serving.free.acquire().await
                {
                    return Some(serving.worker(permit));
                }
                changes.changed().await.ok()?;
            }
        };
        let worker = timeout_at(deadline, wait).await.ok().flatten();
        worker.ok_or(if before < self.capacity {
            Crowd::Queue
        } else {
            Crowd::Full
        })
    }
}

/// Who else waited when a request came.
enum Crowd {
    /// As many as may wait, or fewer.
    Queue,
    /// More.
    Full,
}

/// A handler at its work. Whoever drops it before the end leaves it running: a
/// caller's time-out does not end it, and neither does the caller's own end.
struct Work {
    answering: Option<BoxFuture<'static, Option<Bytes>>>,
    begun: Instant,
}

impl Work {
    fn new(worker: Worker, body: Bytes) -> Self {
        Self {
            answering: Some(Box::pin(answer(worker, body))),
            begun: Instant::now(),
        }
    }
}

impl Future for Work {
    type Output = Option<Bytes>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(answering) = &mut self.answering else {
            return Poll::Ready(None);
        };
        let answer = ready!(answering.as_mut().poll(context));
        self.answering = None;
        Poll::Ready(answer)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Without a runtime the process is at its end.
        if let Some(answering) = self.answering.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(go_on(answering, self.begun + LONGEST_WORK));
        }
    }
}

/// Goes on without the caller. A handler that never ends must not hold its
/// worker for ever.
async fn go_on(answering: BoxFuture<'static, Option<Bytes>>, until: Instant) {
    if timeout_at(until, answering).await.is_err() {
        let seconds = LONGEST_WORK.as_secs();
        tracing::error!(seconds, "a request handler was not done in time");
    }
}

/// Answers one request. The caller always gets an answer, also when the handler
/// fails.
async fn answer(worker: Worker, body: Bytes) -> Option<Bytes> {
    let handler = Arc::clone(&worker.0.handler);
    let outcome = AssertUnwindSafe(handler.handle(body)).catch_unwind().await;
    drop(worker);
    outcome.unwrap_or_else(|_| {
        tracing::error!("a request handler panicked");
        Some(Response::bare(500).encode())
    })
}
