//! A queue of events inside one process.
//!
//! ```text
//!  publisher ── room for work ──> accept ──> lane of its key, or a task of its own
//!            └─ none, or no consumer ──> backlog (bounded; then the publisher waits)
//!                                          ^ work that ends takes the next from here
//! ```
//!
//! There is no task between publisher and handler: the publisher has the event
//! accepted where there is room for it. At most `workers` events are accepted
//! and unfinished at a time; those of one key run one after the other, in the
//! order of their acceptance, which is the order of their arrival.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::retry::RetryQueue;
use crate::error::Error;
use crate::port::{Consumer, EventHandler, Message, QueueSpec, Subscription, Work};

/// Work of one key waits in one lane. Two keys may share one, which costs time
/// and nothing else.
type Lane = u64;

type Job = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// An event, and whoever waits for it to be handled.
pub(super) struct Delivery {
    pub(super) message: Message,
    pub(super) done: oneshot::Sender<()>,
}

/// A queue; whoever consumes it comes and goes.
pub(super) struct Events {
    name: String,
    state: Mutex<State>,
    /// Room in the backlog.
    room: Semaphore,
    idle: Notify,
}

#[derive(Default)]
struct State {
    consumer: Option<Arc<Consuming>>,
    backlog: VecDeque<Delivery>,
    /// Accepted and unfinished.
    unfinished: usize,
    lanes: BTreeMap<Lane, VecDeque<Job>>,
}

struct Consuming {
    handler: Arc<dyn EventHandler>,
    workers: usize,
    again: RetryQueue,
}

/// What became of an event that was put into the queue.
pub(super) enum Put {
    /// It means nothing to the consumer.
    Handled,
    /// Resolves when it was handled.
    Accepted(oneshot::Receiver<()>),
}

/// The end of a consumer.
struct End {
    queue: Arc<Events>,
    consuming: Arc<Consuming>,
}

impl End {
    fn take_no_more(&self) {
        let mut state = self.queue.state();
        let ours = state
            .consumer
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, &self.consuming));
        if ours {
            state.consumer = None;
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.take_no_more();
    }
}

impl Events {
    pub(super) fn new(spec: &QueueSpec) -> Arc<Self> {
        Arc::new(Self {
            name: spec.name.clone(),
            state: Mutex::default(),
            room: Semaphore::new(spec.capacity.clamp(1, Semaphore::MAX_PERMITS)),
            idle: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(
        self: &Arc<Self>,
        subscription: &Subscription,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Consumer, Error> {
        let consuming = Arc::new(Consuming {
            handler,
            workers: subscription.queue.workers.max(1),
            again: RetryQueue::new(self, subscription),
        });
        let mut state = self.state();
        if state.consumer.is_some() {
            return Err(Error::Consumed(self.name.clone()));
        }
        state.consumer = Some(Arc::clone(&consuming));
        self.pump(&mut state);
        drop(state);
        let end = Arc::new(End {
            queue: Arc::clone(self),
            consuming,
        });
        let (ending, queue) = (Arc::clone(&end), Arc::clone(self));
        let stop = async move {
            ending.take_no_more();
            while queue.state().unfinished > 0 {
                queue.idle.notified().await;
            }
        };
        Ok(Consumer::new(Box::pin(stop), Box::new(end)))
    }

    /// Puts an event in; waits for room until `deadline`.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] when there was none in time.
    pub(super) async fn put(
        self: &Arc<Self>,
        message: Message,
        deadline: Instant,
    ) -> Result<Put, Error> {
        let message = match self.offer(message) {
            Ok(put) => return Ok(put),
            Err(message) => message,
        };
        let (done, handled) = oneshot::channel();
        match timeout_at(deadline, self.enqueue(Delivery { message, done })).await {
            Ok(()) => Ok(Put::Accepted(handled)),
            Err(_) => Err(Error::Full(self.name.clone())),
        }
    }

    /// Puts an event behind those that wait, however long there is no room.
    pub(super) async fn enqueue(self: &Arc<Self>, delivery: Delivery) {
        let Ok(room) = self.room.acquire().await else {
            return;
        };
        room.forget();
        let mut state = self.state();
        state.backlog.push_back(delivery);
        self.pump(&mut state);
    }

    /// Has an event accepted at once; gives it back when there is no room for
    /// work, or no consumer.
    fn offer(self: &Arc<Self>, message: Message) -> Result<Put, Message> {
        let mut state = self.state();
        let Some(consumer) = state.ready() else {
            return Err(message);
        };
        let work = Work::accepted_by(&*consumer.handler, message.clone());
        if work.is_nothing() {
            return Ok(Put::Handled);
        }
        let (done, handled) = oneshot::channel();
        self.begin(&mut state, &consumer, work, Delivery { message, done });
        Ok(Put::Accepted(handled))
    }

    /// Accepts what waits, as far as there is room for work.
    fn pump(self: &Arc<Self>, state: &mut State) {
        while let Some(consumer) = state.worker() {
            let Some(delivery) = state.backlog.pop_front() else {
                return;
            };
            self.room.add_permits(1);
            let work = Work::accepted_by(&*consumer.handler, delivery.message.clone());
            if work.is_nothing() {
                let _ = delivery.done.send(());
            } else {
                self.begin(state, &consumer, work, delivery);
            }
        }
    }

    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        consumer: &Consuming,
        work: Work,
        delivery: Delivery,
    ) {
        state.unfinished += 1;
        let lane = work.key.as_deref().map(lane_of);
        let job: Job = Box::pin(consumer.again.clone().work(work.run, delivery));
        if let Some(lane) = lane {
            if let Some(waiting) = state.lanes.get_mut(&lane) {
                waiting.push_back(job);
                return;
            }
            state.lanes.insert(lane, VecDeque::new());
        }
        tokio::spawn(Arc::clone(self).work_off(lane, job));
    }

    /// Runs a job and those that wait in its lane.
    async fn work_off(self: Arc<Self>, lane: Option<Lane>, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            job.await;
            next = self.finish(lane);
        }
    }

    /// One is finished: others are accepted, and the next one of the lane
    /// follows.
    fn finish(self: &Arc<Self>, lane: Option<Lane>) -> Option<Job> {
        let mut state = self.state();
        state.unfinished -= 1;
        if state.unfinished == 0 {
            self.idle.notify_one();
        }
        // What is accepted here goes behind what waits in the lane already.
        self.pump(&mut state);
        let lane = lane?;
        let next = state.lanes.get_mut(&lane).and_then(VecDeque::pop_front);
        if next.is_none() {
            state.lanes.remove(&lane);
        }
        next
    }
}

impl State {
    /// The consumer, if it has room for one more event.
    fn worker(&self) -> Option<Arc<Consuming>> {
        self.consumer
            .as_ref()
            .filter(|consumer| self.unfinished < consumer.workers)
            .cloned()
    }

    /// The same, if nothing waits before it.
    fn ready(&self) -> Option<Arc<Consuming>> {
        self.worker().filter(|_| self.backlog.is_empty())
    }
}

fn lane_of(key: &str) -> Lane {
    // Without random state: the same in every run.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
