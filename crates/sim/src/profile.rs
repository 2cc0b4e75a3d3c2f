//! How much goes wrong in a world, and of which kind: some worlds lose messages,
//! some kill processes, some do everything at once.

use crate::dice::Dice;
use crate::fault::{Op, What};

/// Chances per 100,000 operations.
const OF: u64 = 100_000;

/// What a world suffers from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Of messages over the bus.
    pub messages: u64,
    /// Of batches and questions to the store.
    pub store: u64,
    /// Of requests to Asterisk.
    pub ari: u64,
    /// Of events from an Asterisk: each cut costs the socket.
    pub sockets: u64,
    /// Of anything but questions: the process dies there.
    pub kills: u64,
    /// Deaths of one world.
    pub most_kills: u32,
    /// What happens to the world itself: at which millisecond, and what.
    pub plan: Vec<(u64, What)>,
}

impl Profile {
    /// Nothing goes wrong.
    #[must_use]
    pub const fn quiet() -> Self {
        Self {
            messages: 0,
            store: 0,
            ari: 0,
            sockets: 0,
            kills: 0,
            most_kills: 0,
            plan: Vec::new(),
        }
    }

    /// What the world of a seed suffers from, in its first `duration_ms`. One in
    /// ten is quiet: what fails there is no matter of faults.
    #[must_use]
    pub fn of_seed(seed: u64, asterisks: usize, duration_ms: u64) -> Self {
        let mut dice = Dice::new(seed, "profile");
        if seed.is_multiple_of(10) {
            return Self::quiet();
        }
        let mut level = |most: u64| match dice.below(4) {
            0 => 0,
            1 => most / 10,
            2 => most / 3,
            _ => most,
        };
        let mut profile = Self {
            messages: level(2_500),
            store: level(1_000),
            ari: level(4_000),
            sockets: level(2_000),
            kills: level(300),
            most_kills: 8,
            plan: Vec::new(),
        };
        profile.plan = plan(&mut dice, asterisks, duration_ms);
        profile
    }

    /// What goes wrong with one operation; `drawn` is its number.
    #[must_use]
    pub fn draw(&self, op: Op, drawn: u64, kills: u32) -> Option<What> {
        let (chance, detail) = (drawn % OF, drawn / OF);
        let own = match op {
            Op::Request | Op::Publish => self.messages,
            Op::Query => self.store / 10,
            Op::Apply => self.store,
            Op::Ari => self.ari,
            Op::Socket => self.sockets,
            Op::Plan => 0,
        };
        if chance < own {
            return Some(trouble(op, detail));
        }
        let deadly = match op {
            Op::Request | Op::Publish | Op::Apply | Op::Ari => self.kills,
            Op::Query | Op::Socket => self.kills / 20,
            Op::Plan => 0,
        };
        if chance >= OF - deadly && kills < self.most_kills {
            let after = detail % 2 == 0 && op != Op::Socket;
            return Some(if after {
                What::KilledAfter
            } else {
                What::KilledBefore
            });
        }
        None
    }
}

fn trouble(op: Op, detail: u64) -> What {
    let late = What::Late(late_ms(detail / 8));
    let choices: &[What] = match op {
        Op::Request => &[What::Lost, What::AnswerLost, What::Twice, late],
        // A broker that has taken an event keeps it.
        Op::Publish => &[What::Twice, What::AnswerLost, late],
        Op::Query => &[What::AwayBefore, late],
        Op::Apply => &[What::AwayBefore, What::AwayAfter, late],
        // Nothing between a proxy and its Asterisk sends a request twice.
        Op::Ari => &[What::Lost, What::AnswerLost, late],
        Op::Socket => &[What::Cut],
        Op::Plan => &[What::Lost],
    };
    choices[usize::try_from(detail % 8).unwrap_or(0) % choices.len()]
}

/// Mostly a moment, sometimes longer than anybody waits.
fn late_ms(detail: u64) -> u64 {
    match detail % 10 {
        0 => 3_000 + detail % 12_000,
        1..4 => 300 + detail % 2_700,
        _ => 5 + detail % 295,
    }
}

/// Asterisks that die or are cut off, and steps of the store's clock.
fn plan(dice: &mut Dice, asterisks: usize, duration_ms: u64) -> Vec<(u64, What)> {
    let mut plan = Vec::new();
    if dice.percent(40) {
        for _ in 0..dice.between(1, 3) {
            let at = usize::try_from(dice.below(asterisks as u64)).unwrap_or(0);
            let pause = dice.between(10, 8_000);
            plan.push(if dice.percent(50) {
                What::AsteriskDies(at, pause)
            } else {
                What::AsteriskUnreachable(at, pause * 3)
            });
        }
    }
    if dice.percent(30) {
        for _ in 0..dice.between(1, 3) {
            plan.push(What::ClockStep(match dice.below(3) {
                0 => dice.between_i64(-800, -1),
                1 => dice.between_i64(1_000, 10_000),
                _ => dice.between_i64(10_000, 120_000),
            }));
        }
    }
    let mut timed: Vec<_> = plan
        .into_iter()
        .map(|what| (dice.below(duration_ms), what))
        .collect();
    timed.sort_by_key(|(at, _)| *at);
    timed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_the_profile_and_deaths_are_limited() {
        let profile = Profile {
            messages: OF / 2,
            kills: OF / 2,
            most_kills: 1,
            ..Profile::quiet()
        };
        let lost = profile.draw(Op::Request, 0, 0);
        assert_eq!(lost, Some(What::Lost));
        assert_eq!(
            profile.draw(Op::Request, OF - 1, 0),
            Some(What::KilledAfter)
        );
        assert_eq!(profile.draw(Op::Request, OF - 1, 1), None);
        assert_eq!(Profile::quiet().draw(Op::Apply, 0, 0), None);
    }

    #[test]
    fn a_broker_never_loses_what_it_has_taken() {
        for detail in 0..1_000 {
            assert_ne!(trouble(Op::Publish, detail), What::Lost);
        }
    }
}
