//! What can go wrong, and where. A fault is "the n-th operation of this kind at
//! this border": so a run can be repeated with any of its faults left out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dice::hash;
use crate::profile::{Profile, Spent};

/// A kind of operation that crosses the border of a process, or the world's own
/// clockwork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// A request over the bus.
    Request,
    /// An event that is published.
    Publish,
    /// A question to the store.
    Query,
    /// A batch for the store.
    Apply,
    /// A request to an Asterisk.
    Ari,
    /// An event from an Asterisk's socket.
    Socket,
    /// What happens to the world at a time of its plan.
    Plan,
}

impl Op {
    /// The word for it in places and traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Publish => "publish",
            Self::Query => "query",
            Self::Apply => "apply",
            Self::Ari => "ari",
            Self::Socket => "socket",
            Self::Plan => "plan",
        }
    }
}

/// What goes wrong. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It never arrives.
    Lost,
    /// It is done; who asked does not hear of it.
    AnswerLost,
    /// It arrives later.
    Late(u64),
    /// It is done at once; who asked hears of it later.
    AnswerLate(u64),
    /// It arrives twice.
    Twice,
    /// It arrives, and once more after this time.
    TwiceLate(u64),
    /// The store is away before it has done anything.
    AwayBefore,
    /// The store has committed, and is away before it says so.
    AwayAfter,
    /// The process dies before.
    KilledBefore,
    /// The process dies when it is done and the answer is on its way.
    KilledAfter,
    /// The process stands still before, for this time, and goes on where it was.
    FrozenBefore(u64),
    /// The process stands still when it is done and the answer is on its way.
    FrozenAfter(u64),
    /// The websocket breaks.
    Cut,
    /// An Asterisk dies and comes back after this time.
    AsteriskDies(usize, u64),
    /// An Asterisk is not to be reached for this time; it goes on with its calls.
    AsteriskUnreachable(usize, u64),
    /// The store's clock steps.
    ClockStep(i64),
}

impl What {
    /// How long it goes on when it has happened. Who stands still is told of
    /// elsewhere: others go on meanwhile.
    #[must_use]
    pub const fn lasts_ms(self) -> u64 {
        match self {
            Self::Late(ms) | Self::AnswerLate(ms) | Self::TwiceLate(ms) => ms,
            Self::AsteriskDies(_, ms) | Self::AsteriskUnreachable(_, ms) => ms,
            Self::Lost
            | Self::AnswerLost
            | Self::Twice
            | Self::AwayBefore
            | Self::AwayAfter
            | Self::KilledBefore
            | Self::KilledAfter
            | Self::FrozenBefore(_)
            | Self::FrozenAfter(_)
            | Self::Cut
            | Self::ClockStep(_) => 0,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("lost"),
            Self::AnswerLost => f.write_str("done, its answer lost"),
            Self::Late(ms) => write!(f, "late by {ms} ms"),
            Self::AnswerLate(ms) => write!(f, "done, its answer late by {ms} ms"),
            Self::Twice => f.write_str("twice"),
            Self::TwiceLate(ms) => write!(f, "once more after {ms} ms"),
            Self::AwayBefore => f.write_str("store away"),
            Self::AwayAfter => f.write_str("committed, then store away"),
            Self::KilledBefore => f.write_str("killed before"),
            Self::KilledAfter => f.write_str("killed after"),
            Self::FrozenBefore(ms) => write!(f, "frozen before for {ms} ms"),
            Self::FrozenAfter(ms) => write!(f, "frozen after for {ms} ms"),
            Self::Cut => f.write_str("socket cut"),
            Self::AsteriskDies(at, ms) => write!(f, "asterisk-{at} dies for {ms} ms"),
            Self::AsteriskUnreachable(at, ms) => write!(f, "asterisk-{at} unreachable for {ms} ms"),
            Self::ClockStep(ms) => write!(f, "store's clock steps by {ms} ms"),
        }
    }
}

/// Where a fault happens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the process, or `world`.
    pub border: String,
    pub op: Op,
    /// Counted from 1, over all lives of the process.
    pub nth: u64,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub what: What,
    /// When it happened, milliseconds of virtual time.
    pub at_ms: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { border, op, nth } = &self.place;
        let at = self.at_ms;
        write!(f, "{at:>7} ms  {border} {} {nth}: {}", op.name(), self.what)
    }
}

/// Which faults happen.
#[derive(Debug, Clone)]
pub enum Choice {
    /// Those that the profile gives.
    Seeded,
    /// These and no others.
    Only(Arc<[Fault]>),
}

/// The faults of a world.
pub struct Faults {
    seed: u64,
    profile: Profile,
    only: Option<BTreeMap<Place, What>>,
    state: Mutex<State>,
    began: tokio::time::Instant,
}

#[derive(Default)]
struct State {
    open: bool,
    counted: BTreeMap<(String, Op), u64>,
    spent: Spent,
    happened: Vec<Fault>,
}

impl Faults {
    /// None happens before [`Faults::open`].
    #[must_use]
    pub fn new(seed: u64, profile: Profile, choice: &Choice) -> Self {
        let only = match choice {
            Choice::Seeded => None,
            Choice::Only(faults) => Some(
                faults
                    .iter()
                    .map(|fault| (fault.place.clone(), fault.what))
                    .collect(),
            ),
        };
        Self {
            seed,
            profile,
            only,
            state: Mutex::default(),
            began: tokio::time::Instant::now(),
        }
    }

    /// From now on things go wrong, or no longer.
    pub fn open(&self, open: bool) {
        self.state().open = open;
    }

    /// What goes wrong with the next operation of this kind at this border.
    pub fn next(&self, border: &str, op: Op) -> Option<What> {
        let mut state = self.state();
        if !state.open {
            return None;
        }
        let counted = state.counted.entry((border.to_owned(), op)).or_default();
        *counted += 1;
        let place = Place {
            border: border.to_owned(),
            op,
            nth: *counted,
        };
        let what = match &self.only {
            Some(only) => only.get(&place).copied(),
            None => self.draw(&place, state.spent),
        }?;
        state.spent.note(what);
        self.note(&mut state, place, what);
        Some(what)
    }

    /// Whether step `nth` of the world's plan happens.
    pub fn planned(&self, nth: u64, what: What) -> bool {
        let place = Place {
            border: "world".to_owned(),
            op: Op::Plan,
            nth,
        };
        let mut state = self.state();
        let happens = state.open && self.only.as_ref().is_none_or(|it| it.contains_key(&place));
        if happens {
            self.note(&mut state, place, what);
        }
        happens
    }

    /// Whether things go wrong now.
    #[must_use]
    pub fn are_open(&self) -> bool {
        self.state().open
    }

    /// When something last went wrong, or was over.
    #[must_use]
    pub fn last(&self) -> Option<tokio::time::Instant> {
        let state = self.state();
        let over = |it: &Fault| it.at_ms + it.what.lasts_ms();
        let over_ms = state.happened.iter().map(over).max()?;
        let now = tokio::time::Instant::now();
        Some(now.min(self.began + std::time::Duration::from_millis(over_ms)))
    }

    /// What has gone wrong so far.
    #[must_use]
    pub fn happened(&self) -> Vec<Fault> {
        self.state().happened.clone()
    }

    fn draw(&self, place: &Place, spent: Spent) -> Option<What> {
        let purpose = format!("{} {}", place.border, place.op.name());
        let drawn = hash(self.seed, &purpose, place.nth);
        self.profile.draw(place.op, drawn, spent)
    }

    fn note(&self, state: &mut State, place: Place, what: What) {
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let fault = Fault { place, what, at_ms };
        tracing::info!(target: "fault", "{fault}");
        state.happened.push(fault);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
