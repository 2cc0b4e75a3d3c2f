//! A list of people of every kind, and what may be done with each of their
//! numbers.

use trunkline_rig::CampaignPlan;

use crate::{number, plan, sleep_and_hangup};

/// Tries per number of a person: two for the first, one for the second.
const TRIES: [i64; 5] = [2, 1, 0, 0, 0];
/// Milliseconds that an unanswered call may ring.
const DIAL_TIMEOUT_MS: i64 = 1_500;
/// Milliseconds that an answered call is talked on.
const TALK_MS: u32 = 500;

/// Last digits of the first number: every kind of callee
/// (`asterisk/callees/README.md`), those who answer more often.
const KINDS: [u32; 16] = [20, 40, 1, 41, 30, 42, 20, 43, 31, 44, 20, 45, 2, 46, 47, 49];
/// Every so many people have a second number, at which somebody answers.
const SECOND: usize = 3;

/// People of every kind.
pub struct Crowd(usize);

impl Crowd {
    /// So many of them, 5,000 at most: their numbers have four digits to differ.
    #[must_use]
    pub const fn of(people: usize) -> Self {
        assert!(people <= 5_000);
        Self(people)
    }

    /// Names and numbers, as a list takes them.
    #[must_use]
    pub fn people(&self) -> Vec<(String, Vec<String>)> {
        (0..self.0)
            .map(|person| (format!("person {person}"), numbers(person)))
            .collect()
    }

    /// How they are called: every kind of failure is tried again soon.
    #[must_use]
    pub fn plan(calls_per_second: f64) -> CampaignPlan {
        CampaignPlan {
            dial_timeout_ms: DIAL_TIMEOUT_MS,
            max_try_counts: TRIES,
            calls_per_second,
            max_concurrent: 200,
            ..plan(sleep_and_hangup(TALK_MS))
        }
    }

    /// Each number with the most calls that may reach it.
    pub fn allowed(&self) -> impl Iterator<Item = (String, u64)> {
        (0..self.0).flat_map(|person| {
            let tries = TRIES.map(i64::unsigned_abs);
            numbers(person).into_iter().zip(tries)
        })
    }

    /// Calls that reach the far end when nothing breaks.
    #[must_use]
    pub fn expected_dials(&self) -> u64 {
        (0..self.0)
            .map(|person| {
                let second = u64::from(has_second(person));
                if answers(kind(person)) { 1 } else { 2 + second }
            })
            .sum()
    }
}

const fn kind(person: usize) -> u32 {
    KINDS[person % KINDS.len()]
}

const fn answers(kind: u32) -> bool {
    matches!(kind, 1..40)
}

const fn has_second(person: usize) -> bool {
    person.is_multiple_of(SECOND)
}

fn numbers(person: usize) -> Vec<String> {
    let prefix = u32::try_from(person).unwrap_or(u32::MAX);
    let mut numbers = vec![number(prefix, kind(person))];
    if has_second(person) {
        numbers.push(number(5_000 + prefix, 20));
    }
    numbers
}
