//! A queue: what waits in it, and who takes from it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use trunkline_bus::Message;

use super::consumer::Consumed;

/// A message on its way.
#[derive(Clone)]
pub(super) enum Delivery {
    Request { body: Bytes, reply: ReplyTo },
    Event(Message),
}

/// The way back to a caller.
#[derive(Clone)]
pub(super) struct ReplyTo(Arc<Mutex<Option<oneshot::Sender<Bytes>>>>);

impl ReplyTo {
    pub(super) fn new(sender: oneshot::Sender<Bytes>) -> Self {
        Self(Arc::new(Mutex::new(Some(sender))))
    }

    /// Whether nobody waits for the answer.
    pub(super) fn is_given_up(&self) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    pub(super) fn send(&self, answer: Bytes) {
        let mut sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.take() {
            let _ = sender.send(answer);
        }
    }
}

pub(super) struct Queue {
    pub(super) waiting: VecDeque<Delivery>,
    pub(super) capacity: usize,
    pub(super) consumers: Vec<Arc<Consumed>>,
    /// Whose turn it is.
    pub(super) turn: usize,
    /// A message was taken.
    pub(super) room: Arc<Notify>,
}

impl Queue {
    pub(super) fn new(capacity: usize, turn: u64) -> Self {
        Self {
            waiting: VecDeque::new(),
            capacity: capacity.max(1),
            consumers: Vec::new(),
            turn: usize::try_from(turn % 16).unwrap_or(0),
            room: Arc::new(Notify::new()),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.capacity
    }

    /// The next consumer in turn that has room; who stands in, while there is none.
    pub(super) fn free_consumer(&mut self) -> Option<(Arc<Consumed>, OwnedSemaphorePermit)> {
        if self.waiting.is_empty() {
            return None;
        }
        let serves = |it: &Arc<Consumed>| !it.stands_in && !it.is_away();
        let is_served = self.consumers.iter().any(serves);
        for step in 0..self.consumers.len() {
            let at = (self.turn + step) % self.consumers.len();
            if is_served && self.consumers[at].stands_in {
                continue;
            }
            if let Some(room) = self.consumers[at].room() {
                self.turn = at + 1;
                return Some((Arc::clone(&self.consumers[at]), room));
            }
        }
        None
    }

    /// Takes consumers out; they get nothing more.
    pub(super) fn remove(&mut self, which: impl Fn(&Consumed) -> bool) -> Vec<Arc<Consumed>> {
        let (gone, stay) = self.consumers.drain(..).partition(|it| which(it));
        self.consumers = stay;
        gone
    }

    /// What a dead consumer had not acknowledged is the first that comes next.
    pub(super) fn take_back(&mut self, consumer: &Consumed) {
        let mut unacked = consumer.unacked();
        while let Some((_, delivery)) = unacked.pop_last() {
            self.waiting.push_front(delivery);
        }
    }
}
