//! Keyed execution: work with one key stays in order, different keys run in
//! parallel, and the sum is bounded (architecture decision 10).

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type Job = (
    Pin<Box<dyn Future<Output = ()> + Send>>,
    OwnedSemaphorePermit,
);

/// Runs jobs, at most `limit` accepted and unfinished at a time.
///
/// A lane exists for a key only while it has work; the task of a lane ends when
/// the lane is empty.
pub struct Keyed {
    lanes: Mutex<HashMap<String, VecDeque<Job>>>,
    permits: Arc<Semaphore>,
    limit: u32,
}

impl Keyed {
    /// An executor for at most `limit` unfinished jobs.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        let limit = u32::try_from(limit.max(1)).unwrap_or(u32::MAX);
        Arc::new(Self {
            lanes: Mutex::new(HashMap::new()),
            permits: Arc::new(Semaphore::new(limit as usize)),
            limit,
        })
    }

    /// Waits for room.
    ///
    /// # Panics
    ///
    /// Never: the semaphore is not closed.
    pub async fn room(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed")
    }

    /// Runs `job` behind the earlier ones of its key.
    pub fn submit(
        self: &Arc<Self>,
        key: Option<String>,
        room: OwnedSemaphorePermit,
        job: impl Future<Output = ()> + Send + 'static,
    ) {
        let job: Job = (Box::pin(job), room);
        let Some(key) = key else {
            tokio::spawn(run(job));
            return;
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = lanes.get_mut(&key) {
            waiting.push_back(job);
            return;
        }
        lanes.insert(key.clone(), VecDeque::new());
        drop(lanes);
        tokio::spawn(Arc::clone(self).work_off(key, job));
    }

    async fn work_off(self: Arc<Self>, key: String, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            run(job).await;
            next = self.next(&key);
        }
    }

    /// The lane's next job; closes the lane when there is none.
    fn next(&self, key: &str) -> Option<Job> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let job = lanes.get_mut(key).and_then(VecDeque::pop_front);
        if job.is_none() {
            lanes.remove(key);
        }
        job
    }

    /// Waits until nothing is unfinished.
    pub async fn idle(&self) {
        let _all = self.permits.acquire_many(self.limit).await;
    }
}

/// A job that panics must not take its lane with it.
async fn run((job, room): Job) {
    if AssertUnwindSafe(job).catch_unwind().await.is_err() {
        tracing::error!("a job panicked; the next one of its key goes on");
    }
    drop(room);
}
