//! Requests that come twice because a connection ended.
//!
//! A request is acknowledged when it was done. When the connection ends before the
//! broker knows of it, it is delivered again, to this process or to another copy. A
//! copy finds the rows as they are; this process knows more: the request may still
//! be at work, or done with its reply at hand. The broker has no more
//! unacknowledged than are worked on at once, so that few need to be remembered.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lapin::BasicProperties;
use tokio::sync::watch;

/// Larger replies are not remembered: such requests read, and may read again.
const LARGEST_REPLY: usize = 64 * 1024;

/// What a request answered: none while it is at work.
type Outcome = Option<Option<Bytes>>;

/// The last requests of one queue.
pub(crate) struct Journal {
    most: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    outcomes: HashMap<u64, watch::Receiver<Outcome>>,
    /// Oldest first.
    order: VecDeque<u64>,
}

/// What is to be done with a request.
pub(crate) enum Begin {
    /// It is new: do it, and tell.
    Do(watch::Sender<Outcome>),
    /// It is at work, or was done.
    Await(watch::Receiver<Outcome>),
}

/// Tells two requests apart: the caller's reply queue and id are his alone.
pub(crate) fn identity(properties: &BasicProperties, body: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    let text = |text: &Option<lapin::types::ShortString>| {
        text.as_ref().map(|text| text.as_str().to_owned())
    };
    text(properties.reply_to()).hash(&mut hasher);
    text(properties.correlation_id()).hash(&mut hasher);
    body.hash(&mut hasher);
    hasher.finish()
}

impl Journal {
    /// For a queue of which `workers` requests are worked on at once.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            most: workers.saturating_mul(2).max(16),
            entries: Mutex::default(),
        }
    }

    pub(crate) fn begin(&self, identity: u64, redelivered: bool) -> Begin {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if redelivered && let Some(known) = entries.outcomes.get(&identity) {
            return Begin::Await(known.clone());
        }
        let (sender, receiver) = watch::channel(None);
        if entries.outcomes.insert(identity, receiver).is_none() {
            entries.order.push_back(identity);
        }
        while entries.order.len() > self.most {
            if let Some(oldest) = entries.order.pop_front() {
                entries.outcomes.remove(&oldest);
            }
        }
        Begin::Do(sender)
    }
}

/// Tells what a request answered. Without it, whoever waits does the work himself.
pub(crate) fn tell(sender: watch::Sender<Outcome>, reply: &Option<Bytes>) {
    if reply
        .as_ref()
        .is_none_or(|reply| reply.len() <= LARGEST_REPLY)
    {
        sender.send_replace(Some(reply.clone()));
    }
}

/// What the request answered that was begun before; none when it never ended.
pub(crate) async fn outcome(mut receiver: watch::Receiver<Outcome>) -> Outcome {
    let told = receiver.wait_for(Option::is_some).await.ok()?;
    told.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply() -> Option<Bytes> {
        Some(Bytes::from_static(b"done"))
    }

    #[tokio::test]
    async fn a_repetition_gets_the_reply_of_the_first() {
        let journal = Journal::new(1);
        let Begin::Do(sender) = journal.begin(7, false) else {
            panic!("it is new")
        };
        let Begin::Await(waiting) = journal.begin(7, true) else {
            panic!("it is at work")
        };
        tell(sender, &reply());
        assert_eq!(outcome(waiting).await, Some(reply()));
        let Begin::Await(done) = journal.begin(7, true) else {
            panic!("it was done")
        };
        assert_eq!(outcome(done).await, Some(reply()));
    }

    #[tokio::test]
    async fn what_never_ended_is_done_again() {
        let journal = Journal::new(1);
        drop(journal.begin(7, false));
        let Begin::Await(waiting) = journal.begin(7, true) else {
            panic!("it was begun")
        };
        assert_eq!(outcome(waiting).await, None);
    }

    #[test]
    fn the_same_words_of_the_same_caller_are_new_unless_delivered_again() {
        let journal = Journal::new(1);
        let _first = journal.begin(7, false);
        assert!(matches!(journal.begin(7, false), Begin::Do(_)));
        for other in 0..100 {
            let _ = journal.begin(other, false);
        }
        assert!(journal.entries.lock().unwrap().outcomes.len() <= 16);
    }
}
