//! How many attempts may start now: a token bucket for the rate, and limits on
//! what is unfinished (architecture decision 13, chapter 05 A.8.2).

use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::rules::CampaignRules;

use super::tick::WaitReason;

/// Tokens of a campaign's rate. One attempt costs one.
///
/// It is kept in memory only: whoever takes a campaign over starts with an
/// empty one, so that a change of the runner never dials faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    /// A bucket without tokens.
    #[must_use]
    pub fn empty(now: Timestamp) -> Self {
        Self {
            tokens: 0.0,
            at: now,
        }
    }

    /// Adds what the time since the last call is worth. A clock that went back
    /// adds nothing.
    pub fn refill(&mut self, rate: f64, now: Timestamp) {
        let earned = now.since(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + earned).min(burst(rate));
        self.at = now;
    }

    /// Attempts that may start now.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 200"
    )]
    pub fn whole(&self) -> u32 {
        (self.tokens + ROUNDING).floor().max(0.0) as u32
    }

    /// Pays for `attempts`.
    pub fn take(&mut self, attempts: u32) {
        self.tokens = (self.tokens - f64::from(attempts)).max(0.0);
    }

    /// Pays `attempts` back that did not start.
    pub fn give_back(&mut self, attempts: u32, rate: f64) {
        self.tokens = (self.tokens + f64::from(attempts)).min(burst(rate));
    }

    /// How long until there is a whole token.
    #[must_use]
    pub fn until_next(&self, rate: f64) -> Duration {
        let missing = (1.0 - self.tokens).max(0.0);
        Duration::try_from_secs_f64(missing / rate).unwrap_or(Duration::MAX)
    }
}

/// Sums of refills miss a whole token by less than this.
const ROUNDING: f64 = 1e-6;

/// Most tokens a bucket holds: a fifth of a second's worth, at least one.
fn burst(rate: f64) -> f64 {
    (rate / 5.0).max(1.0)
}

/// What limits the attempts of a campaign besides its rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits<'a> {
    pub rules: &'a CampaignRules,
    /// Attempts that are not done.
    pub live: u64,
    pub agents: Agents,
}

/// What a campaign's queue says about its agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agents {
    /// The campaign has no queue.
    NoQueue,
    /// queue-manager did not answer, or refused: nothing may be dialed.
    Unknown,
    Available {
        agents: u64,
        /// Percent of them that count as dialing slots.
        service_level: i64,
    },
}

/// How many attempts may start now, or what is waited for.
///
/// # Errors
///
/// How long to wait and why, when none may start.
pub fn allowance(bucket: &Bucket, limits: &Limits<'_>) -> Result<u32, (Duration, WaitReason)> {
    let most = u64::try_from(limits.rules.max_concurrent).unwrap_or(0);
    let free = most.saturating_sub(limits.live);
    if free == 0 {
        return Err((SLOT_POLL, WaitReason::Concurrency));
    }
    let seats = match limits.agents {
        Agents::NoQueue => u64::MAX,
        Agents::Unknown => return Err((QUEUE_POLL, WaitReason::QueueAway)),
        Agents::Available {
            agents,
            service_level,
        } => slots(agents, service_level).saturating_sub(limits.live),
    };
    if seats == 0 {
        return Err((QUEUE_POLL, WaitReason::Agents));
    }
    let tokens = bucket.whole();
    if tokens == 0 {
        let after = bucket
            .until_next(limits.rules.calls_per_second)
            .max(PACE_FLOOR);
        return Err((after, WaitReason::Pace));
    }
    Ok(u32::try_from(free.min(seats))
        .unwrap_or(u32::MAX)
        .min(tokens))
}

/// Longest wait for an attempt to end; the end itself wakes the runner.
const SLOT_POLL: Duration = Duration::from_secs(1);
/// Wait for an agent: nothing tells a campaign that one has become free.
const QUEUE_POLL: Duration = Duration::from_secs(1);

/// A fast campaign dials several targets at each tick rather than tick for each
/// of them. Far below the time that fills the bucket.
const PACE_FLOOR: Duration = Duration::from_millis(20);

/// Agents × level ÷ 100, truncated (chapter 05 A.8.2).
fn slots(agents: u64, service_level: i64) -> u64 {
    agents.saturating_mul(u64::try_from(service_level).unwrap_or(0)) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn rules(calls_per_second: f64, max_concurrent: i64) -> CampaignRules {
        CampaignRules {
            calls_per_second,
            max_concurrent,
            ..CampaignRules::default()
        }
    }

    /// Dials whenever it may, waking as late as it is told to, for `seconds`.
    fn simulate(rate: f64, seconds: i64, mut jitter: impl FnMut() -> i64) -> (u64, u64) {
        let rules = rules(rate, 10_000);
        let end = seconds * 1_000_000;
        let (mut clock, mut dialed, mut busiest) = (0, 0, 0);
        let mut bucket = Bucket::empty(at(0));
        let mut second = (0, 0);
        while clock < end {
            bucket.refill(rate, at(clock));
            let limits = Limits {
                rules: &rules,
                live: 0,
                agents: Agents::NoQueue,
            };
            match allowance(&bucket, &limits) {
                Ok(count) => {
                    bucket.take(count);
                    dialed += u64::from(count);
                    if second.0 != clock / 1_000_000 {
                        second = (clock / 1_000_000, 0);
                    }
                    second.1 += u64::from(count);
                    busiest = busiest.max(second.1);
                }
                Err((after, because)) => {
                    assert_eq!(because, WaitReason::Pace);
                    clock += i64::try_from(after.as_micros()).unwrap().max(1) + jitter();
                }
            }
        }
        (dialed, busiest)
    }

    #[test]
    fn a_day_of_dialing_keeps_the_rate_and_never_bursts() {
        const DAY: i64 = 86_400;
        for (rate, expected) in [(0.01, 864), (0.5, 43_200), (2.0, 172_800)] {
            let (dialed, busiest) = simulate(rate, DAY, || 0);
            assert!(
                dialed.abs_diff(expected) <= 2,
                "{rate}/s gave {dialed} in a day"
            );
            assert!(
                busiest <= 1.max((rate * 1.2).ceil() as u64) + 1,
                "{rate}/s gave {busiest} in one second"
            );
        }
    }

    #[test]
    fn a_late_runner_loses_no_more_than_its_lateness_is_worth() {
        let mut n = 0;
        let jitter = || {
            n = (n + 7) % 50;
            n * 1_000
        };
        let (dialed, busiest) = simulate(500.0, 600, jitter);
        assert!((290_000..=300_000).contains(&dialed), "{dialed}");
        assert!(busiest <= 600, "{busiest}");
    }

    #[test]
    fn a_long_pause_is_worth_one_burst() {
        for (rate, burst) in [(0.2, 1), (2.0, 1), (50.0, 10), (1_000.0, 200)] {
            let mut bucket = Bucket::empty(at(0));
            assert_eq!(bucket.whole(), 0);
            bucket.refill(rate, at(3_600_000_000));
            assert_eq!(bucket.whole(), burst);
        }
    }

    #[test]
    fn a_clock_that_goes_back_neither_dials_nor_stops_dialing() {
        let mut bucket = Bucket::empty(at(10_000_000));
        bucket.refill(1.0, at(0));
        assert_eq!(bucket.whole(), 0);
        bucket.refill(1.0, at(1_000_000));
        assert_eq!(bucket.whole(), 1);
    }

    #[test]
    fn limits_apply_in_the_order_concurrency_agents_pace() {
        let queue = |agents, service_level| Agents::Available {
            agents,
            service_level,
        };
        let cases = [
            (5, 20, Agents::NoQueue, Ok(5)),
            (5, 20, queue(3, 100), Ok(3)),
            (5, 2, Agents::NoQueue, Ok(2)),
            (0, 20, Agents::NoQueue, Err(WaitReason::Pace)),
            (0, 0, Agents::Unknown, Err(WaitReason::Concurrency)),
            (5, 20, Agents::Unknown, Err(WaitReason::QueueAway)),
            (5, 20, queue(0, 100), Err(WaitReason::Agents)),
            (5, 20, queue(3, -5), Err(WaitReason::Agents)),
            (0, 20, queue(0, 100), Err(WaitReason::Agents)),
        ];
        for (tokens, most, agents, expected) in cases {
            let mut bucket = Bucket::empty(at(0));
            bucket.refill(25.0, at(tokens * 40_000));
            let rules = rules(25.0, most);
            let limits = Limits {
                rules: &rules,
                live: 0,
                agents,
            };
            let found = allowance(&bucket, &limits).map_err(|(_, because)| because);
            assert_eq!(found, expected, "{tokens} {most} {agents:?}");
        }
    }

    #[test]
    fn dialing_capacity_is_the_table_of_the_chapter() {
        let cases = [
            (0, 100, 0, false),
            (1, 100, 0, true),
            (1, 100, 1, false),
            (1, 99, 0, false),
            (2, 150, 2, true),
            (3, 100, 2, true),
            (250, 100, 249, true),
        ];
        for (agents, service_level, live, dialable) in cases {
            let mut bucket = Bucket::empty(at(0));
            bucket.refill(2.0, at(1_000_000));
            let rules = rules(2.0, 10_000);
            let agents = Agents::Available {
                agents,
                service_level,
            };
            let limits = Limits {
                rules: &rules,
                live,
                agents,
            };
            assert_eq!(
                allowance(&bucket, &limits).is_ok(),
                dialable,
                "{agents:?} {live}"
            );
        }
    }
}
