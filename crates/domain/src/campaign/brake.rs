//! Slowing a campaign down whose calls cannot be made: a service is away, or
//! call after call is refused (chapter 05 G.3).

use std::time::Duration;

use trunkline_model::Timestamp;

use super::tick::WaitReason;

/// Pauses that something other than the pace asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Brake {
    /// Refused creates since the last one that succeeded.
    refused: u32,
    hold: Option<Hold>,
}

/// A pause. Before its beginning it does not hold either: the clock has been
/// set back then, and would make it as much longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    from: Timestamp,
    until: Timestamp,
    because: WaitReason,
}

impl Hold {
    fn rest(&self, now: Timestamp) -> Option<Duration> {
        (self.from <= now && now < self.until).then(|| self.until.since(now))
    }
}

/// When and how hard a campaign is slowed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Refused creates in a row that are taken for a systematic error.
    pub refused: u32,
    /// Pause after each further one.
    pub pause: Duration,
}

impl Brake {
    /// A create succeeded: errors are not systematic. A pause that has begun
    /// goes on: the success may be older than what it is for.
    pub fn created(&mut self) {
        self.refused = 0;
    }

    /// A create was refused. True exactly when that makes the error a
    /// systematic one.
    #[must_use]
    pub fn refused(&mut self, limits: &Limits, now: Timestamp) -> bool {
        self.refused = self.refused.saturating_add(1);
        if self.refused >= limits.refused {
            self.hold(now, limits.pause, WaitReason::FailingCreates);
        }
        self.refused == limits.refused
    }

    /// A service was away: nothing is dialed for `pause`.
    pub fn away(&mut self, because: WaitReason, now: Timestamp, pause: Duration) {
        self.hold(now, pause, because);
    }

    /// What is left of an allowance: nothing during a pause, and one attempt at
    /// a time while errors are systematic.
    ///
    /// # Errors
    ///
    /// How long to wait and why.
    pub fn apply(
        &self,
        allowance: u32,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<u32, (Duration, WaitReason)> {
        let rest = |hold: Hold| Some((hold.rest(now)?, hold.because));
        match self.hold.and_then(rest) {
            Some(held) => Err(held),
            None if self.refused >= limits.refused => Ok(allowance.min(1)),
            None => Ok(allowance),
        }
    }

    fn hold(&mut self, now: Timestamp, pause: Duration, because: WaitReason) {
        let held = self.hold.and_then(|hold| hold.rest(now));
        if held.is_none_or(|rest| rest < pause) {
            self.hold = Some(Hold {
                from: now,
                until: now.plus(pause),
                because,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        refused: 3,
        pause: Duration::from_secs(5),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_systematic_error_slows_down_and_is_said_once() {
        let mut brake = Brake::default();
        assert!(!brake.refused(&LIMITS, at(0)));
        assert!(!brake.refused(&LIMITS, at(0)));
        assert_eq!(brake.apply(7, &LIMITS, at(0)), Ok(7));
        assert!(brake.refused(&LIMITS, at(0)));
        let waiting = Err((Duration::from_secs(4), WaitReason::FailingCreates));
        assert_eq!(brake.apply(7, &LIMITS, at(1)), waiting);
        assert_eq!(brake.apply(7, &LIMITS, at(5)), Ok(1));
        assert!(!brake.refused(&LIMITS, at(5)));
        brake.created();
        assert!(brake.apply(7, &LIMITS, at(5)).is_err());
        assert_eq!(brake.apply(7, &LIMITS, at(10)), Ok(7));
        assert!(!brake.refused(&LIMITS, at(10)));
    }

    #[test]
    fn a_service_that_is_away_is_waited_for_and_not_counted() {
        let mut brake = Brake::default();
        for second in 0..100 {
            brake.away(WaitReason::NoAsterisk, at(second), Duration::from_secs(1));
            let waiting = Err((Duration::from_secs(1), WaitReason::NoAsterisk));
            assert_eq!(brake.apply(7, &LIMITS, at(second)), waiting);
        }
        assert_eq!(brake.apply(7, &LIMITS, at(100)), Ok(7));
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_pause() {
        let mut brake = Brake::default();
        brake.away(WaitReason::NoAsterisk, at(10_000), Duration::from_secs(5));
        assert!(brake.apply(7, &LIMITS, at(10_001)).is_err());
        assert_eq!(brake.apply(7, &LIMITS, at(6_400)), Ok(7));
        brake.away(WaitReason::NoAsterisk, at(6_400), Duration::from_secs(1));
        let waiting = Err((Duration::from_secs(1), WaitReason::NoAsterisk));
        assert_eq!(brake.apply(7, &LIMITS, at(6_400)), waiting);
    }
}
