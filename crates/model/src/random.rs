//! New ids: random, or drawn from a seed in a simulation.
//!
//! Every id that the product makes up comes from here. A simulated world runs
//! on one thread and holds a [`Seeded`] while it lives: then ids are the same
//! in every run of the same seed, and a failing run can be replayed
//! (architecture decision 20). Nothing else may hold one: ids from a seed can
//! be guessed.

use std::cell::Cell;
use std::marker::PhantomData;

use uuid::Uuid;

thread_local! {
    /// State of the generator of this thread; none where ids are truly random.
    static SEEDED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A new version 4 id.
#[must_use]
pub fn uuid() -> Uuid {
    let Some(state) = SEEDED.get() else {
        return Uuid::new_v4();
    };
    let (high, state) = step(state);
    let (low, state) = step(state);
    SEEDED.set(Some(state));
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid()
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
    fn another_thread_is_not_touched() {
        let _seeded = Seeded::new(1);
        let there = std::thread::spawn(three).join().unwrap();
        assert_ne!(three(), there);
    }
}
