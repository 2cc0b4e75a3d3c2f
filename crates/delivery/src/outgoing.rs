//! Events on their way from the batch that causes them to the relay, in memory.
//!
//! ```text
//!  announce ──> [writing][ready][writing][ready] ──> take_ready: up to the first
//!                 │ commit      ▲                     that is still being written
//!                 └─────────────┘
//! ```
//!
//! A place in the line is taken before the batch is applied. Whoever depends on
//! a batch has read it after its commit and so takes a place behind it: events
//! leave in an order in which each comes after what it follows from, whatever
//! order the writers wake up in.
//!
//! The line is bounded. When it is full, events go to the table without a lease
//! (*spilled*), and so do all that follow until the relay has caught up with the
//! table: see [`Outgoing::begin_catching_up`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use trunkline_store::outbox::Entry;
use uuid::Uuid;

/// The line, shared by writers and the relay.
pub(crate) struct Outgoing {
    line: Mutex<Line>,
    limit: usize,
    /// Something can be published.
    pub(crate) written: Notify,
}

#[derive(Default)]
struct Line {
    places: VecDeque<Place>,
    /// Number of the first place.
    first: u64,
    /// Events in hand, from the announcement until they are safe; the round in
    /// which each came.
    in_hand: BTreeMap<Uuid, u64>,
    round: u64,
    spilling: bool,
    /// Batches being written whose events are not in the line.
    spilled: usize,
}

enum Place {
    Writing(Vec<Entry>),
    Ready(Vec<Entry>),
    Empty,
}

/// Events whose batch is being applied. Dropping it says that nobody knows
/// whether it was: if so, the lease of their rows runs out.
pub(crate) struct Announced {
    outgoing: Arc<Outgoing>,
    /// None: spilled.
    place: Option<u64>,
    committed: bool,
}

impl Outgoing {
    /// A line for at most `limit` events in hand.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            line: Mutex::default(),
            limit: limit.max(1),
            written: Notify::new(),
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for the events of one batch.
    pub(crate) fn announce(self: &Arc<Self>, entries: Vec<Entry>) -> Announced {
        let mut line = self.line();
        line.spilling |= line.in_hand.len() + entries.len() > self.limit;
        let place = (!line.spilling).then(|| line.append(entries));
        if place.is_none() {
            line.spilled += 1;
        }
        drop(line);
        Announced {
            outgoing: Arc::clone(self),
            place,
            committed: false,
        }
    }

    /// The committed events at the head of the line.
    pub(crate) fn take_ready(&self) -> Vec<Entry> {
        let mut line = self.line();
        let mut ready = Vec::new();
        loop {
            match line.places.front_mut() {
                Some(Place::Ready(entries)) => ready.append(entries),
                Some(Place::Empty) => {}
                Some(Place::Writing(_)) | None => return ready,
            }
            line.places.pop_front();
            line.first += 1;
        }
    }

    /// Whether events were spilled and everything before them was taken. From
    /// here on events take places again, and the relay reads the table until it
    /// is [`Outgoing::caught_up`], before it takes further ones.
    pub(crate) fn begin_catching_up(&self) -> bool {
        let mut line = self.line();
        let begins = line.spilling && line.places.is_empty();
        if begins {
            line.spilling = false;
        }
        begins
    }

    /// Whether events go to the table only.
    pub(crate) fn is_spilling(&self) -> bool {
        self.line().spilling
    }

    /// Whether no spilled batch is being written any longer.
    pub(crate) fn caught_up(&self) -> bool {
        self.line().spilled == 0
    }

    /// Where the first of them is that is in hand already.
    pub(crate) fn first_in_hand(&self, entries: &[Entry]) -> Option<usize> {
        let line = self.line();
        entries
            .iter()
            .position(|entry| line.in_hand.contains_key(&entry.id))
    }

    /// Leaves out what is in hand already, and takes the rest in hand.
    pub(crate) fn take_in_hand(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let mut line = self.line();
        entries.retain(|entry| !line.in_hand.contains_key(&entry.id));
        let round = line.round;
        line.in_hand
            .extend(entries.iter().map(|entry| (entry.id, round)));
        entries
    }

    /// They are safe, or in the table only.
    pub(crate) fn let_go(&self, ids: &[Uuid]) {
        let mut line = self.line();
        for id in ids {
            line.in_hand.remove(id);
        }
    }

    /// Events that are in hand since the round before, or longer; a new round
    /// begins.
    pub(crate) fn long_in_hand(&self) -> Vec<Uuid> {
        let mut line = self.line();
        line.round += 1;
        let before = line.round.saturating_sub(1);
        let long = line.in_hand.iter().filter(|(_, round)| **round < before);
        long.map(|(id, _)| *id).collect()
    }

    /// How many are in hand.
    pub(crate) fn in_hand(&self) -> usize {
        self.line().in_hand.len()
    }
}

impl Line {
    fn append(&mut self, entries: Vec<Entry>) -> u64 {
        let round = self.round;
        self.in_hand
            .extend(entries.iter().map(|entry| (entry.id, round)));
        self.places.push_back(Place::Writing(entries));
        self.first + self.places.len() as u64 - 1
    }

    fn settle(&mut self, place: u64, committed: bool) {
        let at = usize::try_from(place - self.first).unwrap_or(usize::MAX);
        let Some(place) = self.places.get_mut(at) else {
            return;
        };
        let Place::Writing(entries) = std::mem::replace(place, Place::Empty) else {
            return;
        };
        if committed {
            *place = Place::Ready(entries);
        } else {
            for entry in entries {
                self.in_hand.remove(&entry.id);
            }
        }
    }
}

impl Announced {
    /// Whether the events have no place in the line: nobody has their rows in
    /// hand.
    pub(crate) fn is_spilled(&self) -> bool {
        self.place.is_none()
    }

    /// The batch was applied.
    pub(crate) fn committed(mut self) {
        self.committed = true;
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let mut line = self.outgoing.line();
        match self.place {
            Some(place) => line.settle(place, self.committed),
            None => line.spilled -= 1,
        }
        drop(line);
        self.outgoing.written.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u128) -> Vec<Entry> {
        vec![Entry {
            id: Uuid::from_u128(n),
            ..Entry::default()
        }]
    }

    fn ids(entries: &[Entry]) -> Vec<u128> {
        entries.iter().map(|entry| entry.id.as_u128()).collect()
    }

    #[test]
    fn events_leave_in_the_order_of_their_places_not_of_their_commits() {
        let outgoing = Outgoing::new(10);
        let (one, two, three) = (
            outgoing.announce(entry(1)),
            outgoing.announce(entry(2)),
            outgoing.announce(entry(3)),
        );
        three.committed();
        two.committed();
        assert_eq!(ids(&outgoing.take_ready()), []);
        one.committed();
        assert_eq!(ids(&outgoing.take_ready()), [1, 2, 3]);
    }

    #[test]
    fn batch_that_was_refused_or_given_up_holds_nobody_up() {
        let outgoing = Outgoing::new(10);
        let (refused, committed) = (outgoing.announce(entry(1)), outgoing.announce(entry(2)));
        committed.committed();
        drop(refused);
        assert_eq!(ids(&outgoing.take_ready()), [2]);
        assert_eq!(outgoing.in_hand(), 1, "only what was committed is in hand");
    }

    #[test]
    fn full_line_spills_until_the_relay_has_caught_up() {
        let outgoing = Outgoing::new(2);
        let in_line = [outgoing.announce(entry(1)), outgoing.announce(entry(2))];
        let spilled = outgoing.announce(entry(3));
        assert!(spilled.is_spilled());
        for announced in in_line {
            announced.committed();
        }
        assert!(!outgoing.begin_catching_up(), "two are before it");
        assert_eq!(ids(&outgoing.take_ready()), [1, 2]);
        outgoing.let_go(&[Uuid::from_u128(1), Uuid::from_u128(2)]);
        assert!(
            outgoing.announce(entry(4)).is_spilled(),
            "nobody overtakes what was spilled"
        );
        assert!(outgoing.begin_catching_up());
        assert!(!outgoing.caught_up(), "one is being written");
        spilled.committed();
        assert!(outgoing.caught_up());
        assert!(!outgoing.announce(entry(5)).is_spilled());
    }

    #[test]
    fn what_is_in_hand_is_not_taken_from_the_table_again() {
        let outgoing = Outgoing::new(10);
        outgoing.announce(entry(1)).committed();
        let found = [entry(1), entry(2)].concat();
        assert_eq!(ids(&outgoing.take_in_hand(found.clone())), [2]);
        assert_eq!(ids(&outgoing.take_in_hand(found.clone())), []);
        outgoing.let_go(&[Uuid::from_u128(2)]);
        assert_eq!(ids(&outgoing.take_in_hand(found)), [2]);
    }

    #[test]
    fn only_what_has_been_in_hand_for_a_round_is_long_in_hand() {
        let outgoing = Outgoing::new(10);
        outgoing.announce(entry(1)).committed();
        assert!(outgoing.long_in_hand().is_empty());
        outgoing.announce(entry(2)).committed();
        assert_eq!(outgoing.long_in_hand(), [Uuid::from_u128(1)]);
    }
}
