//! A simulated broker: what processes of a fleet share.
//!
//! ```text
//!  process ── Connection ──> queue ── round robin ──> consumers, each with its workers
//!                              ^                              │
//!                              └── unacknowledged messages <──┘ when a process dies
//! ```
//!
//! Durable in itself: it never dies, and what a queue has accepted is handled at
//! least once. A message is acknowledged after its handler; when the process
//! dies before, the next one gets it, in front of what waits. So an event counts
//! as confirmed when every bound queue has accepted it. A request whose consumer
//! died is handed to another one as long as its caller waits.

mod connection;
mod consumer;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::connection::Connection;
use self::consumer::Consumed;
use self::queue::{Delivery, Queue};
use crate::dice::Dice;

/// The broker. A clone is another handle to the same one.
#[derive(Clone)]
pub struct SimBus {
    state: Arc<Mutex<State>>,
}

struct State {
    queues: BTreeMap<String, Queue>,
    /// Exchange → names of the bound queues.
    bindings: BTreeMap<String, BTreeSet<String>>,
    dice: Dice,
    /// Given to consumers and deliveries.
    last_tag: u64,
}

impl State {
    fn tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }
}

impl SimBus {
    /// A broker without queues; who gets the first message of a queue comes from
    /// the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                queues: BTreeMap::new(),
                bindings: BTreeMap::new(),
                dice: Dice::new(seed, "broker"),
                last_tag: 0,
            })),
        }
    }

    /// The connection of one process.
    #[must_use]
    pub fn connect(&self) -> Connection {
        let process = self.with(State::tag);
        Connection::new(self.clone(), process)
    }

    /// Messages that wait, and messages that are being handled, by queue; queues
    /// without any are left out.
    #[must_use]
    pub fn undelivered(&self) -> Vec<(String, usize, usize)> {
        self.with(|state| {
            let counts = state.queues.iter().map(|(name, queue)| {
                let handled = queue.consumers.iter().map(|it| it.unacked().len()).sum();
                (name.clone(), queue.waiting.len(), handled)
            });
            counts
                .filter(|(_, waiting, handled)| waiting + handled > 0)
                .collect()
        })
    }

    /// Lets go of all queues and consumers: handlers hold the broker, and the
    /// broker holds them.
    pub fn clear(&self) {
        let queues = self.with(|state| std::mem::take(&mut state.queues));
        drop(queues);
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the consumers of a process; what they had not acknowledged goes back
    /// to the front of its queue, in the order in which it was accepted.
    fn drop_process(&self, process: u64) {
        let names = self.with(|state| {
            let mut touched = Vec::new();
            for (name, queue) in &mut state.queues {
                let gone = queue.remove(|consumer| consumer.process == process);
                for consumer in gone {
                    queue.take_back(&consumer);
                    touched.push(name.clone());
                }
            }
            touched
        });
        for name in names {
            self.pump(&name);
        }
    }

    /// The consumers of a process get nothing, and what they had not acknowledged
    /// goes back to the front of its queue; what they make of it is not heard of.
    fn set_aside(&self, process: u64) {
        let names: Vec<String> = self.with(|state| {
            let queues = state.queues.iter_mut();
            let touched = queues.filter_map(|(name, queue)| {
                let consumer = queue.consumers.iter().find(|it| it.process == process)?;
                let consumer = Arc::clone(consumer);
                consumer.set_away(true);
                queue.take_back(&consumer);
                Some(name.clone())
            });
            touched.collect()
        });
        for name in names {
            self.pump(&name);
        }
    }

    /// The consumers of a process get messages again.
    fn take_in(&self, process: u64) {
        let names: Vec<String> = self.with(|state| {
            for consumer in state.queues.values().flat_map(|queue| &queue.consumers) {
                if consumer.process == process {
                    consumer.set_away(false);
                }
            }
            state.queues.keys().cloned().collect()
        });
        for name in names {
            self.pump(&name);
        }
    }

    /// Hands out messages as long as a consumer has room.
    fn pump(&self, name: &str) {
        loop {
            let handed = self.with(|state| {
                let tag = state.tag();
                let queue = state.queues.get_mut(name)?;
                let (consumer, room) = queue.free_consumer()?;
                let delivery = queue.waiting.pop_front()?;
                consumer.unacked().insert(tag, delivery.clone());
                Some((consumer, room, tag, delivery))
            });
            let Some((consumer, room, tag, delivery)) = handed else {
                return;
            };
            self.room_made(name);
            consumer::handle(self, name, &consumer, room, tag, delivery);
        }
    }

    /// A handler has finished. False when the process had died before: then
    /// somebody else handles the message again.
    fn acknowledge(&self, name: &str, consumer: &Consumed, tag: u64) -> bool {
        let known = consumer.unacked().remove(&tag).is_some();
        if known {
            self.pump(name);
        }
        known
    }

    fn room_made(&self, name: &str) {
        self.with(|state| {
            if let Some(queue) = state.queues.get(name) {
                queue.room.notify_waiters();
            }
        });
    }

    /// Puts a message at the end of a queue, whether there is room or not.
    fn put(&self, name: &str, delivery: Delivery) {
        self.with(|state| {
            if let Some(queue) = state.queues.get_mut(name) {
                queue.waiting.push_back(delivery);
            }
        });
        self.pump(name);
    }
}
