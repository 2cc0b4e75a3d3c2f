//! A bounded queue from tasks to threads.
//!
//! Not `tokio::sync::mpsc`: its receiver waits for senders that hold a place,
//! and at the end the thread that closes the database may be the very one that
//! would have to poll them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    places: Semaphore,
}

struct State<T> {
    jobs: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        let state = State {
            jobs: VecDeque::new(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            filled: Condvar::new(),
            places: Semaphore::new(places),
        }
    }

    /// Waits for a place and puts the job there. False when the queue is closed.
    pub(crate) async fn push(&self, job: T) -> bool {
        let Ok(place) = self.places.acquire().await else {
            return false;
        };
        // Given back by `take`.
        place.forget();
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.jobs.push_back(job);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Blocks until there are jobs and takes up to `most` of them. None when
    /// the queue is closed and empty.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<T>> {
        let waits = |state: &mut State<T>| state.jobs.is_empty() && !state.closed;
        let mut state = self
            .filled
            .wait_while(self.lock(), waits)
            .unwrap_or_else(PoisonError::into_inner);
        if state.jobs.is_empty() {
            return None;
        }
        let count = most.min(state.jobs.len());
        let taken = state.jobs.drain(..count).collect();
        drop(state);
        self.places.add_permits(count);
        Some(taken)
    }

    /// Takes up to `most` jobs that are there already.
    pub(crate) fn take_more(&self, most: usize) -> Vec<T> {
        let mut state = self.lock();
        let count = most.min(state.jobs.len());
        let taken = state.jobs.drain(..count).collect();
        drop(state);
        self.places.add_permits(count);
        taken
    }

    /// Refuses further jobs. What is in the queue can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.places.close();
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
