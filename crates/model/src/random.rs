//! New ids: the time and random bits, or drawn from a seed in a simulation.
//!
//! Every id that the product makes up comes from here. An id begins with the
//! time that it was made at (RFC 9562, version 7), so that what is made
//! together lies together in every index: with wholly random ids each row of a
//! long table is written into pages of its own, one for each index, and a
//! campaign slows down as it grows (`docs/decisions/time-ordered-ids.md`).
//! Nothing relies on the order, and nothing may: clocks jump.
//!
//! A simulated world runs on one thread and holds a [`Seeded`] while it lives:
//! then ids are the same in every run of the same seed, and a failing run can
//! be replayed (architecture decision 20). They are in no order. Nothing else
//! may hold one: ids from a seed can be guessed.

use std::cell::Cell;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

thread_local! {
    /// State of the generator of this thread; none where ids are truly random.
    static SEEDED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A new id: of version 7, and of version 4 from a seed.
#[must_use]
pub fn uuid() -> Uuid {
    let Some(state) = SEEDED.get() else {
        // A clock that is wrong costs the order, and nothing else.
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        return at(since.unwrap_or_default());
    };
    let (high, state) = step(state);
    let (low, state) = step(state);
    SEEDED.set(Some(state));
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A version 7 id of a time since 1970: milliseconds, then the 4,096th part of
/// one (RFC 9562 §6.2, method 3), then 62 random bits.
fn at(since: Duration) -> Uuid {
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let part = u64::from(since.subsec_nanos() % 1_000_000) * 4_096 / 1_000_000;
    let mut rest = [0; 10];
    rest.copy_from_slice(&Uuid::new_v4().as_bytes()[6..]);
    let [.., high, low] = part.to_be_bytes();
    (rest[0], rest[1]) = (high, low);
    uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
}

/// Ids of this thread are drawn from a seed until it is dropped.
#[derive(Debug)]
pub struct Seeded {
    before: Option<u64>,
    /// It belongs to the thread that made it.
    _thread: PhantomData<*const ()>,
}

impl Seeded {
    /// Begins with `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            before: SEEDED.replace(Some(seed)),
            _thread: PhantomData,
        }
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        SEEDED.set(self.before);
    }
}

/// One step of splitmix64 (Steele, Lea, Flood 2014): the number, the next state.
fn step(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31), state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> [Uuid; 3] {
        [uuid(), uuid(), uuid()]
    }

    #[test]
    fn a_seed_gives_the_same_ids_again_and_only_while_it_is_held() {
        let [first, again, other] = [1, 1, 2].map(|seed| {
            let _seeded = Seeded::new(seed);
            three()
        });
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert!(first[0] != first[1] && first[1] != first[2]);
        assert_eq!(first[0].get_version_num(), 4);
        assert_ne!(three(), three());
    }

    #[test]
    fn ids_of_later_times_are_greater_and_those_of_one_time_differ() {
        let micros = [
            0,
            1,
            999,
            1_000,
            1_795_276_292_365_228,
            1_795_276_292_365_229,
        ];
        let ids = micros.map(|micros| at(Duration::from_micros(micros)));
        assert!(ids.is_sorted(), "{ids:?}");
        for id in ids {
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        }
        let again = at(Duration::from_micros(micros[5]));
        assert_eq!(ids[5].as_bytes()[..8], again.as_bytes()[..8]);
        assert_ne!(ids[5], again);
        assert_eq!(uuid().get_version_num(), 7);
    }

    #[test]
    fn another_thread_is_not_touched() {
        let _seeded = Seeded::new(1);
        let there = std::thread::spawn(three).join().unwrap();
        assert_ne!(three(), there);
    }
}
