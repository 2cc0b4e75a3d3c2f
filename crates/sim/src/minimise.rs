//! Thinning out the faults of a failing seed to those that matter, by delta
//! debugging (Zeller, Hildebrandt 2002): halves, quarters and so on are left out
//! as long as the run still fails in the same way.

use crate::fault::{Choice, Fault};
use crate::run::{Options, Outcome, run};

/// Runs that one seed may cost.
const MOST_RUNS: usize = 120;

/// The run with the fewest faults found that still breaks the same invariant.
#[must_use]
pub fn minimise(failed: &Outcome) -> Outcome {
    let mut runs = 0;
    let mut best = failed.clone();
    let again = |faults: &[Fault]| {
        let options = Options {
            choice: Choice::Only(faults.into()),
            trace: false,
        };
        run(failed.seed, &options)
    };
    let wanted = failed.violation.as_ref().map(|it| it.invariant);
    let mut parts = 1;
    while !best.faults.is_empty() && runs < MOST_RUNS {
        let size = best.faults.len().div_ceil(parts);
        let mut thinner = None;
        for at in 0..parts {
            let (from, to) = (at * size, ((at + 1) * size).min(best.faults.len()));
            if from >= to || runs >= MOST_RUNS {
                break;
            }
            let mut fewer = best.faults.clone();
            fewer.drain(from..to);
            runs += 1;
            let outcome = again(&fewer);
            let same = outcome.violation.as_ref().map(|it| it.invariant) == wanted;
            if same && outcome.faults.len() < best.faults.len() {
                thinner = Some(outcome);
                break;
            }
        }
        match thinner {
            Some(outcome) => {
                best = outcome;
                parts = parts.saturating_sub(1).max(1);
            }
            None if size <= 1 => break,
            None => parts = (parts * 2).min(best.faults.len()),
        }
    }
    best
}
