//! Who takes batches, and when one is sent again.

use std::future::Future;
use std::time::Duration;

use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::{NewTarget, NewTargetsReply};

/// Whoever adds people to a list. Adding is idempotent.
pub trait Recipient: Send + Sync + 'static {
    /// Adds these people; all of them or none.
    fn add(
        &self,
        list: OutdialId,
        people: &[NewTarget],
    ) -> impl Future<Output = Result<NewTargetsReply, Failure>> + Send;
}

/// Why a batch was not taken, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Busy, away, or the answer was lost: again, after this pause if one is
    /// asked for.
    Again {
        after: Option<Duration>,
        why: String,
    },
    /// One of the people cannot be added, and the batch without him can.
    One { at: usize, why: String },
    /// No.
    Refused(String),
}

/// Pauses before a repetition: each twice the last one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The pause before repetition number `repetition`, from 0.
pub(crate) fn pause(repetition: u32, asked: Option<Duration>) -> Duration {
    let own = FIRST_PAUSE.saturating_mul(1 << repetition.min(16));
    own.min(LONGEST_PAUSE).max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_are_never_shorter_than_asked() {
        let ms = Duration::from_millis;
        assert_eq!(
            [0, 1, 2, 5].map(|n| pause(n, None)),
            [200, 400, 800, 6_400].map(ms)
        );
        assert_eq!(
            [6, 40, u32::MAX].map(|n| pause(n, None)),
            [LONGEST_PAUSE; 3]
        );
        assert_eq!(pause(0, Some(ms(5_000))), ms(5_000));
        assert_eq!(pause(4, Some(ms(1))), ms(3_200));
    }
}
