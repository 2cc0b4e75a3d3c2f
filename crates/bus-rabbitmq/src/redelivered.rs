//! Requests that come twice because a connection ended.
//!
//! A request is acknowledged when it was done. When the connection ends before the
//! broker knows of it, it is delivered again, to this process or to another copy. A
//! copy finds the rows as they are; this process knows more: the request may still
//! be at work, or done with its reply at hand. The broker has no more
//! unacknowledged than are worked on at once, so that few need to be remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;
use tokio::sync::watch;
use uuid::Uuid;

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
    outcomes: HashMap<Uuid, watch::Receiver<Outcome>>,
    /// Oldest first.
    order: VecDeque<Uuid>,
}

/// What is to be done with a request.
pub(crate) enum Begin {
    /// It is new: do it, and tell.
    Do(watch::Sender<Outcome>),
    /// It is at work, or was done.
    Await(watch::Receiver<Outcome>),
}

/// What tells requests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    key: Uuid,
    certain: bool,
}

/// How the names of queues begin that the broker has chosen.
const NAMED_BY_THE_BROKER: &str = "amq.gen-";

/// What identities are made in: chosen once, for all copies.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b0c_1a5e_7d0f_4a35_9c41_2f6e_83d0_97b1);

impl Identity {
    pub(crate) fn of(properties: &BasicProperties, body: &Bytes) -> Self {
        let text = |text: &'_ Option<ShortString>| {
            text.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let reply_to = text(properties.reply_to());
        let id = text(properties.correlation_id());
        let parts = [reply_to.as_bytes(), id.as_bytes(), body];
        let named = !reply_to.is_empty() && !id.is_empty();
        Self {
            key: parts
                .into_iter()
                .fold(NAMESPACE, |within, part| Uuid::new_v5(&within, part)),
            certain: named || reply_to.starts_with(NAMED_BY_THE_BROKER),
        }
    }

    /// It, if no other request has it: a reply queue and an id are their caller's
    /// alone, and so is a queue that the broker has named for one request, as the
    /// reference does it. Without these, two requests may say the same and both be
    /// meant.
    pub(crate) fn certain(self) -> Option<Uuid> {
        self.certain.then_some(self.key)
    }
}

impl Entries {
    /// Forgets the oldest until there are no more than `most`. What is at work stays:
    /// it would be done twice at the same time. There are no more of these than
    /// workers.
    fn keep(&mut self, most: usize) {
        let mut spare = self.order.len().saturating_sub(most);
        let outcomes = &mut self.outcomes;
        self.order.retain(|key| {
            if spare == 0 || outcomes.get(key).is_some_and(is_at_work) {
                return true;
            }
            outcomes.remove(key);
            spare -= 1;
            false
        });
    }
}

fn is_at_work(outcome: &watch::Receiver<Outcome>) -> bool {
    outcome.borrow().is_none() && outcome.has_changed().is_ok()
}

impl Journal {
    /// For a queue of which `workers` requests are worked on at once.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            most: workers.saturating_mul(2).max(16),
            entries: Mutex::default(),
        }
    }

    pub(crate) fn begin(&self, identity: Identity, redelivered: bool) -> Begin {
        let key = identity.key;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if redelivered && let Some(known) = entries.outcomes.get(&key) {
            return Begin::Await(known.clone());
        }
        let (sender, receiver) = watch::channel(None);
        if entries.outcomes.insert(key, receiver).is_some() {
            entries.order.retain(|known| *known != key);
        }
        entries.order.push_back(key);
        entries.keep(self.most);
        Begin::Do(sender)
    }

    /// A request was acknowledged on a connection that took it, so that it most likely
    /// does not come again. If nobody can tell it from the next one that says the same,
    /// it must not stand for that one.
    pub(crate) fn acknowledged(&self, identity: Identity) {
        if identity.certain().is_some() {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.outcomes.remove(&identity.key);
        entries.order.retain(|key| *key != identity.key);
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

    fn id(key: u128) -> Identity {
        Identity {
            key: Uuid::from_u128(key),
            certain: true,
        }
    }

    fn reply() -> Option<Bytes> {
        Some(Bytes::from_static(b"done"))
    }

    #[tokio::test]
    async fn a_repetition_gets_the_reply_of_the_first() {
        let journal = Journal::new(1);
        let Begin::Do(sender) = journal.begin(id(7), false) else {
            panic!("it is new")
        };
        let Begin::Await(waiting) = journal.begin(id(7), true) else {
            panic!("it is at work")
        };
        tell(sender, &reply());
        assert_eq!(outcome(waiting).await, Some(reply()));
        let Begin::Await(done) = journal.begin(id(7), true) else {
            panic!("it was done")
        };
        assert_eq!(outcome(done).await, Some(reply()));
    }

    #[tokio::test]
    async fn what_never_ended_is_done_again() {
        let journal = Journal::new(1);
        drop(journal.begin(id(7), false));
        let Begin::Await(waiting) = journal.begin(id(7), true) else {
            panic!("it was begun")
        };
        assert_eq!(outcome(waiting).await, None);
    }

    #[test]
    fn the_same_words_of_the_same_caller_are_new_unless_delivered_again() {
        let journal = Journal::new(1);
        let _first = journal.begin(id(7), false);
        assert!(matches!(journal.begin(id(7), false), Begin::Do(_)));
        for other in 0..100 {
            let _ = journal.begin(id(other), false);
        }
        assert!(journal.entries.lock().unwrap().outcomes.len() <= 16);
    }

    #[tokio::test]
    async fn what_is_at_work_is_not_forgotten_however_many_come_after_it() {
        let journal = Journal::new(1);
        let Begin::Do(sender) = journal.begin(id(7), false) else {
            panic!("it is new")
        };
        for other in 100..200 {
            let Begin::Do(done) = journal.begin(id(other), false) else {
                panic!("it is new")
            };
            tell(done, &reply());
        }
        assert!(journal.entries.lock().unwrap().outcomes.len() <= 16);
        let Begin::Await(waiting) = journal.begin(id(7), true) else {
            panic!("it is at work")
        };
        tell(sender, &reply());
        assert_eq!(outcome(waiting).await, Some(reply()));
        for other in 200..300 {
            drop(journal.begin(id(other), false));
        }
        assert!(matches!(journal.begin(id(7), true), Begin::Do(_)));
    }

    #[test]
    fn a_request_is_told_apart_by_its_reply_queue_and_id() {
        let body = Bytes::from_static(b"x");
        let of = |reply_to: &str, id: &str| {
            let properties = BasicProperties::default()
                .with_reply_to(reply_to.into())
                .with_correlation_id(id.into());
            Identity::of(&properties, &body)
        };
        assert!(of("replies", "1").certain().is_some());
        assert!(of("amq.gen-abc", "").certain().is_some());
        assert_eq!(of("replies", "").certain(), None);
        assert_eq!(of("", "1").certain(), None);
        assert_ne!(of("replies", "1"), of("replies", "2"));
        assert_ne!(of("ab", "c"), of("a", "bc"));
        let nameless = Identity::of(&BasicProperties::default(), &body);
        assert_eq!(nameless.certain(), None);
    }

    #[test]
    fn what_was_acknowledged_does_not_stand_for_another_that_says_the_same() {
        let journal = Journal::new(1);
        let nameless = Identity {
            certain: false,
            ..id(7)
        };
        let _first = journal.begin(nameless, false);
        journal.acknowledged(nameless);
        assert!(matches!(journal.begin(nameless, true), Begin::Do(_)));
        let _first = journal.begin(id(8), false);
        journal.acknowledged(id(8));
        assert!(matches!(journal.begin(id(8), true), Begin::Await(_)));
    }
}
