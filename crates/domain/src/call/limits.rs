//! How many outgoing calls a customer may make: per second, and at the same
//! time (architecture decision 16). Pure: whoever asks keeps the counts.

use trunkline_model::Timestamp;

use super::outgoing::Refused;

/// What a customer may do at most; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub calls_per_second: u32,
    pub concurrent_calls: u32,
}

/// What is left of a customer's calls per second: as many at once as a second
/// gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    left: f64,
    at: Timestamp,
}

impl Allowance {
    /// A whole second's.
    #[must_use]
    pub fn full(limits: Limits, now: Timestamp) -> Self {
        Self {
            left: f64::from(limits.calls_per_second),
            at: now,
        }
    }
}

/// Whether one more call may be made while `live` have not ended: what is left
/// then.
///
/// # Errors
///
/// Which limit is in the way.
pub fn admit(
    limits: Limits,
    allowance: Allowance,
    live: u32,
    now: Timestamp,
) -> Result<Allowance, Refused> {
    let Limits {
        calls_per_second: rate,
        concurrent_calls: most,
    } = limits;
    if most > 0 && live >= most {
        return Err(Refused::TooManyCalls(most));
    }
    if rate == 0 {
        return Ok(allowance);
    }
    // A clock that was set back gives nothing, and takes nothing.
    let passed = now.since(allowance.at).as_secs_f64();
    let rate_f = f64::from(rate);
    let left = (allowance.left + passed * rate_f).min(rate_f);
    if left < 1.0 {
        return Err(Refused::CallRate(rate));
    }
    Ok(Allowance {
        left: left - 1.0,
        at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_000_000_000 + millis * 1_000)
    }

    #[test]
    fn a_second_gives_as_many_calls_as_the_limit_says() {
        let limits = Limits {
            calls_per_second: 2,
            concurrent_calls: 0,
        };
        let mut allowance = Allowance::full(limits, at(0));
        for (millis, made) in [
            (0, true),
            (0, true),
            (0, false),
            (499, false),
            (500, true),
            (999, false),
            (1_000, true),
            (60_000, true),
            (60_000, true),
            (60_000, false),
            (0, false),
        ] {
            let admitted = admit(limits, allowance, 1_000_000, at(millis));
            assert_eq!(admitted.is_ok(), made, "{millis}");
            allowance = admitted.unwrap_or(allowance);
        }
    }

    #[test]
    fn calls_at_the_same_time_are_counted_first() {
        let limits = Limits {
            calls_per_second: 1,
            concurrent_calls: 3,
        };
        let full = Allowance::full(limits, at(0));
        assert!(admit(limits, full, 2, at(0)).is_ok());
        assert_eq!(admit(limits, full, 3, at(0)), Err(Refused::TooManyCalls(3)));
        let none = Limits::default();
        let empty = Allowance::full(none, at(0));
        assert!(admit(none, empty, u32::MAX, at(0)).is_ok());
    }
}
