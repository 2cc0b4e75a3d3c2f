//! How much goes wrong in a world, and of which kind: some worlds lose messages,
//! some kill processes, some do everything at once, and some suffer from one thing
//! above all: processes that stand still, answers that do not come, a slow store.

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
    /// Of anything but questions: the process stands still there.
    pub freezes: u64,
    /// How often processes of one world stand still.
    pub most_freezes: u32,
    /// Of requests, batches and requests to Asterisk: done, and the answer comes
    /// late or never.
    pub answers: u64,
    /// Of messages: they come once more, long after.
    pub echoes: u64,
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
            freezes: 0,
            most_freezes: 0,
            answers: 0,
            echoes: 0,
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
            ..Self::quiet()
        };
        profile.plan = plan(&mut dice, asterisks, duration_ms);
        // Drawn apart: a world of everything is what it was before there were others.
        profile.suffers(Ail::of_seed(seed))
    }

    /// The same world when it suffers from one thing above all; of all else half is
    /// left.
    fn suffers(self, ail: Ail) -> Self {
        if ail == Ail::Everything {
            return self;
        }
        let calmer = Self {
            messages: self.messages / 2,
            store: self.store / 2,
            ari: self.ari / 2,
            sockets: self.sockets / 2,
            kills: self.kills / 2,
            ..self
        };
        match ail {
            Ail::Everything => calmer,
            Ail::Freezes => Self {
                freezes: 400,
                most_freezes: 10,
                ..calmer
            },
            Ail::Answers => Self {
                answers: 4_000,
                ..calmer
            },
            Ail::Echoes => Self {
                echoes: 6_000,
                freezes: 100,
                most_freezes: 4,
                ..calmer
            },
        }
    }

    /// What goes wrong with one operation; `drawn` is its number.
    #[must_use]
    pub fn draw(&self, op: Op, drawn: u64, spent: Spent) -> Option<What> {
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
        if chance >= OF - deadly && spent.kills < self.most_kills {
            let after = detail % 2 == 0 && op != Op::Socket;
            return Some(if after {
                What::KilledAfter
            } else {
                What::KilledBefore
            });
        }
        // Between the two: what else this world suffers from.
        let chance = chance.saturating_sub(own);
        if chance < self.freezes && spent.freezes < self.most_freezes {
            return frozen(op, detail);
        }
        let chance = chance.saturating_sub(self.freezes);
        if chance < self.answers {
            return unanswered(op, detail);
        }
        let chance = chance.saturating_sub(self.answers);
        if chance < self.echoes {
            return echo(op, detail);
        }
        None
    }
}

/// What a world suffers from above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ail {
    Everything,
    /// Processes stand still while others take over, and go on where they were.
    Freezes,
    /// What was asked is done; the answer comes late, or never.
    Answers,
    /// Messages come once more, long after.
    Echoes,
}

impl Ail {
    fn of_seed(seed: u64) -> Self {
        match Dice::new(seed, "ail").below(10) {
            0..4 => Self::Everything,
            4..7 => Self::Freezes,
            7..9 => Self::Answers,
            _ => Self::Echoes,
        }
    }
}

/// What has happened as often as a world bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    pub kills: u32,
    pub freezes: u32,
}

impl Spent {
    /// Counts what has happened.
    pub fn note(&mut self, what: What) {
        match what {
            What::KilledBefore | What::KilledAfter => self.kills += 1,
            What::FrozenBefore(_) | What::FrozenAfter(_) => self.freezes += 1,
            What::Lost
            | What::AnswerLost
            | What::Late(_)
            | What::AnswerLate(_)
            | What::Twice
            | What::TwiceLate(_)
            | What::AwayBefore
            | What::AwayAfter
            | What::Cut
            | What::AsteriskDies(..)
            | What::AsteriskUnreachable(..)
            | What::ClockStep(_) => {}
        }
    }
}

/// Mostly longer than a lease, never longer than a world waits for its end.
fn frozen(op: Op, detail: u64) -> Option<What> {
    let ms = match detail / 2 % 4 {
        0 => 500 + detail / 8 % 4_000,
        1 | 2 => 5_000 + detail / 8 % 15_000,
        _ => 20_000 + detail / 8 % 40_000,
    };
    match op {
        Op::Request | Op::Publish | Op::Apply | Op::Ari if detail.is_multiple_of(2) => {
            Some(What::FrozenBefore(ms))
        }
        Op::Request | Op::Publish | Op::Apply | Op::Ari => Some(What::FrozenAfter(ms)),
        Op::Query | Op::Socket | Op::Plan => None,
    }
}

/// Done, and nobody hears of it in time.
fn unanswered(op: Op, detail: u64) -> Option<What> {
    let late = What::AnswerLate(500 + detail / 4 % 14_500);
    match op {
        Op::Request | Op::Ari if detail % 4 < 3 => Some(What::AnswerLost),
        Op::Request | Op::Ari => Some(late),
        Op::Apply if detail.is_multiple_of(4) => Some(What::AwayAfter),
        Op::Apply => Some(late),
        Op::Publish | Op::Query | Op::Socket | Op::Plan => None,
    }
}

/// A broker delivers again what it does not know to be handled.
fn echo(op: Op, detail: u64) -> Option<What> {
    let ms = 1_000 + detail % 59_000;
    match op {
        Op::Request | Op::Publish => Some(What::TwiceLate(ms)),
        Op::Query | Op::Apply | Op::Ari | Op::Socket | Op::Plan => None,
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
        let (fresh, dead) = (
            Spent::default(),
            Spent {
                kills: 1,
                freezes: 0,
            },
        );
        let lost = profile.draw(Op::Request, 0, fresh);
        assert_eq!(lost, Some(What::Lost));
        assert_eq!(
            profile.draw(Op::Request, OF - 1, fresh),
            Some(What::KilledAfter)
        );
        assert_eq!(profile.draw(Op::Request, OF - 1, dead), None);
        assert_eq!(Profile::quiet().draw(Op::Apply, 0, fresh), None);
    }

    #[test]
    fn every_kind_of_world_is_drawn_and_one_in_ten_is_quiet() {
        let profiles: Vec<Profile> = (1..=60).map(|it| Profile::of_seed(it, 1, 1_000)).collect();
        let some = |has: fn(&Profile) -> bool| profiles.iter().filter(|it| has(it)).count();
        assert_eq!(some(|it| *it == Profile::quiet()), 6);
        assert!(some(|it| it.freezes > 100) > 5);
        assert!(some(|it| it.answers > 0) > 5);
        assert!(some(|it| it.echoes > 0) > 0);
        assert!(some(|it| it.freezes + it.answers + it.echoes == 0) > 10);
    }

    #[test]
    fn a_world_stands_still_as_often_as_it_may() {
        let profile = Profile {
            freezes: OF,
            most_freezes: 1,
            ..Profile::quiet()
        };
        let mut spent = Spent::default();
        let drawn = profile.draw(Op::Apply, 0, spent);
        assert!(matches!(drawn, Some(What::FrozenBefore(_))), "{drawn:?}");
        spent.note(drawn.expect("it was just looked at"));
        assert_eq!(profile.draw(Op::Apply, 0, spent), None);
    }

    #[test]
    fn a_broker_never_loses_what_it_has_taken() {
        for detail in 0..1_000 {
            assert_ne!(trouble(Op::Publish, detail), What::Lost);
        }
    }
}
