//! Circuit breaker of outgoing requests (chapter 01 §10.1): whoever does not answer
//! is left alone for a while, so that callers do not all wait for him.
//!
//! ```text
//!            5 failures in a row               30 s later, one request
//!   closed ────────────────────────> open ───────────────────────────> half-open
//!     ^                               ^                                   │  │
//!     │                               └──────────── it fails ─────────────┘  │
//!     └──────────────────────────────── it succeeds ─────────────────────────┘
//! ```
//!
//! One for each queue. A failure is that no answer came; any answer, also 500, is a
//! success. When the connection to the broker was made anew it may have been that which
//! stood still: whoever is left alone is tried again at once. A late success of a request
//! that was sent before it opened does not close it: only the probe does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failures in a row that open it; 0: it never opens.
    pub failures: u32,
    /// How long it stays open.
    pub open_for: Duration,
    /// Queues that are watched at the same time; further ones are not.
    pub targets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures: 5,
            open_for: Duration::from_secs(30),
            targets: 10_000,
        }
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TargetLabels {
    pub target: String,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TransitionLabels {
    pub target: String,
    pub from: &'static str,
    pub to: &'static str,
}

/// What breakers do (chapter 01 §7.1).
#[derive(Debug, Clone, Default)]
pub struct BreakerMetrics {
    /// 0 closed, 1 open, 2 half-open; set when it changes.
    pub state: Family<TargetLabels, Gauge>,
    /// Changes.
    pub transitions: Family<TransitionLabels, Counter>,
    /// Requests that were not sent.
    pub rejected: Family<TargetLabels, Counter>,
}

impl BreakerMetrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "circuitbreaker_state",
            "0 closed, 1 open, 2 half-open",
            self.state.clone(),
        );
        registry.register(
            "circuitbreaker_state_transitions",
            "Changes of circuit breakers",
            self.transitions.clone(),
        );
        registry.register(
            "circuitbreaker_rejected",
            "Requests that were not sent",
            self.rejected.clone(),
        );
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half-open",
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Closed { .. } => 0,
            Self::Open { .. } => 1,
            Self::HalfOpen => 2,
        }
    }

    /// The state in which a request is sent at `now`; none when it is not.
    fn admits(self, now: Instant) -> Option<Self> {
        match self {
            Self::Closed { .. } => Some(self),
            Self::Open { until } if until <= now => Some(Self::HalfOpen),
            Self::Open { .. } | Self::HalfOpen => None,
        }
    }

    /// The state after a request that was sent as `probe` or not.
    fn after(self, probe: bool, answered: bool, now: Instant, limits: &Limits) -> Self {
        match (self, probe, answered) {
            (Self::Closed { .. }, _, true) | (Self::HalfOpen, true, true) => {
                Self::Closed { failures: 0 }
            }
            (Self::Closed { failures }, _, false) if failures + 1 < limits.failures => {
                Self::Closed {
                    failures: failures + 1,
                }
            }
            (Self::Closed { .. }, _, false) | (Self::HalfOpen, true, false) => Self::Open {
                until: now + limits.open_for,
            },
            // Sent before it opened: says nothing about now.
            (Self::HalfOpen, false, _) | (Self::Open { .. }, _, _) => self,
        }
    }
}

/// The breakers of one process or role.
#[derive(Debug)]
pub struct Breakers {
    limits: Limits,
    metrics: BreakerMetrics,
    targets: Mutex<HashMap<String, State>>,
}

/// A request that may be sent. Without an end it counts as one that says nothing,
/// but a probe that is dropped counts as failed: the next one must not wait for it.
pub struct Admitted<'a> {
    breakers: &'a Breakers,
    target: &'a str,
    probe: bool,
    told: bool,
}

impl Breakers {
    /// Breakers with these limits.
    #[must_use]
    pub fn new(limits: Limits, metrics: BreakerMetrics) -> Self {
        Self {
            limits,
            metrics,
            targets: Mutex::default(),
        }
    }

    /// Whether a request may be sent to `target`; none when not.
    #[must_use]
    pub fn admit<'a>(&'a self, target: &'a str) -> Option<Admitted<'a>> {
        if self.limits.failures == 0 {
            return Some(self.admitted(target, false));
        }
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = targets.get_mut(target) else {
            return Some(self.admitted(target, false));
        };
        let Some(next) = state.admits(Instant::now()) else {
            drop(targets);
            let labels = TargetLabels {
                target: target.to_owned(),
            };
            self.metrics.rejected.get_or_create(&labels).inc();
            return None;
        };
        self.change(target, state, next);
        Some(self.admitted(target, next == State::HalfOpen))
    }

    fn admitted<'a>(&'a self, target: &'a str, probe: bool) -> Admitted<'a> {
        Admitted {
            breakers: self,
            target,
            probe,
            told: false,
        }
    }

    fn note(&self, target: &str, probe: bool, answered: bool) {
        if self.limits.failures == 0 {
            return;
        }
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let room = targets.len() < self.limits.targets;
        match targets.get_mut(target) {
            Some(state) => {
                let next = state.after(probe, answered, Instant::now(), &self.limits);
                self.change(target, state, next);
                if *state == (State::Closed { failures: 0 }) {
                    targets.remove(target);
                }
            }
            None if answered || !room => {}
            None => {
                let mut state = State::Closed { failures: 0 };
                let next = state.after(probe, false, Instant::now(), &self.limits);
                self.change(target, &mut state, next);
                targets.insert(target.to_owned(), state);
            }
        }
    }

    /// The way to all targets is a new one: who did not answer may have been asked in vain.
    pub fn tried_anew(&self) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|_, state| !matches!(state, State::Closed { .. }));
        let now = Instant::now();
        for state in targets.values_mut() {
            if let State::Open { until } = state {
                *until = now;
            }
        }
    }

    /// A probe that did not leave says nothing: the next request is the probe.
    fn give_back(&self, target: &str) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = targets.get_mut(target)
            && *state == State::HalfOpen
        {
            let until = Instant::now();
            self.change(target, state, State::Open { until });
        }
    }

    fn change(&self, target: &str, state: &mut State, next: State) {
        let (from, to) = (state.name(), next.name());
        *state = next;
        if from == to {
            return;
        }
        tracing::warn!(target, from, to, "a circuit breaker changes");
        let labels = TransitionLabels {
            target: target.to_owned(),
            from,
            to,
        };
        self.metrics.transitions.get_or_create(&labels).inc();
        let labels = TargetLabels {
            target: target.to_owned(),
        };
        self.metrics.state.get_or_create(&labels).set(next.number());
    }
}

impl Admitted<'_> {
    /// Tells whether an answer came.
    pub fn ended(mut self, answered: bool) {
        self.told = true;
        self.breakers.note(self.target, self.probe, answered);
    }

    /// Tells that the request did not leave: nothing is known about its target.
    pub fn unsent(mut self) {
        self.told = true;
        if self.probe {
            self.breakers.give_back(self.target);
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if self.probe && !self.told {
            self.breakers.note(self.target, true, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breakers() -> Breakers {
        Breakers::new(Limits::default(), BreakerMetrics::default())
    }

    fn fail(breakers: &Breakers, times: usize) {
        for _ in 0..times {
            breakers.admit("q").unwrap().ended(false);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_did_not_leave_says_nothing() {
        let breakers = breakers();
        fail(&breakers, 4);
        for _ in 0..10 {
            breakers.admit("q").unwrap().unsent();
        }
        fail(&breakers, 1);
        assert!(breakers.admit("q").is_none(), "these were five");
        tokio::time::advance(Duration::from_secs(30)).await;
        breakers.admit("q").unwrap().unsent();
        breakers.admit("q").unwrap().ended(true);
        fail(&breakers, 4);
        assert!(breakers.admit("q").is_some(), "it has closed");
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_for_thirty_seconds() {
        let breakers = breakers();
        fail(&breakers, 4);
        breakers.admit("q").unwrap().ended(true);
        fail(&breakers, 5);
        assert!(breakers.admit("q").is_none());
        assert!(
            breakers.admit("other").is_some(),
            "others are not concerned"
        );
        tokio::time::advance(Duration::from_millis(29_999)).await;
        assert!(breakers.admit("q").is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        let probe = breakers.admit("q").unwrap();
        assert!(breakers.admit("q").is_none(), "exactly one passes");
        probe.ended(true);
        fail(&breakers, 4);
        assert!(
            breakers.admit("q").is_some(),
            "it counts from the beginning"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_or_forgotten_probe_opens_it_again() {
        let breakers = breakers();
        fail(&breakers, 5);
        tokio::time::advance(Duration::from_secs(30)).await;
        breakers.admit("q").unwrap().ended(false);
        assert!(breakers.admit("q").is_none());
        tokio::time::advance(Duration::from_secs(30)).await;
        drop(breakers.admit("q"));
        assert!(breakers.admit("q").is_none());
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(breakers.admit("q").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_way_makes_every_target_worth_a_probe() {
        let breakers = breakers();
        fail(&breakers, 5);
        assert!(breakers.admit("q").is_none());
        breakers.tried_anew();
        let probe = breakers.admit("q").unwrap();
        breakers.tried_anew();
        assert!(breakers.admit("q").is_none(), "exactly one passes");
        probe.ended(false);
        tokio::time::advance(Duration::from_millis(29_999)).await;
        assert!(breakers.admit("q").is_none(), "it opens for as long again");
        tokio::time::advance(Duration::from_millis(1)).await;
        breakers.admit("q").unwrap().ended(true);
        fail(&breakers, 4);
        breakers.tried_anew();
        fail(&breakers, 4);
        assert!(
            breakers.admit("q").is_some(),
            "it counts from the beginning"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_does_not_close_it() {
        let breakers = breakers();
        let early = breakers.admit("q").unwrap();
        let earlier = breakers.admit("q").unwrap();
        fail(&breakers, 5);
        early.ended(true);
        assert!(breakers.admit("q").is_none());
        tokio::time::advance(Duration::from_secs(30)).await;
        let probe = breakers.admit("q").unwrap();
        earlier.ended(true);
        assert!(breakers.admit("q").is_none(), "the probe is still out");
        probe.ended(true);
        assert!(breakers.admit("q").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn changes_and_refusals_are_counted() {
        let breakers = breakers();
        fail(&breakers, 5);
        assert!(breakers.admit("q").is_none());
        let target = TargetLabels {
            target: "q".to_owned(),
        };
        let metrics = &breakers.metrics;
        assert_eq!(metrics.rejected.get_or_create(&target).get(), 1);
        assert_eq!(metrics.state.get_or_create(&target).get(), 1);
        let opened = TransitionLabels {
            target: "q".to_owned(),
            from: "closed",
            to: "open",
        };
        assert_eq!(metrics.transitions.get_or_create(&opened).get(), 1);
    }
}
