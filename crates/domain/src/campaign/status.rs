//! The status machine of a campaign (chapter 05 A.6.6).
//!
//! ```text
//!   stop ── run ──> run ── stop, or nothing left ──> stopping ── no live attempt ──> stop
//!                    └──────── nothing left, and no live attempt ──────────────────────┘
//! ```
//!
//! `execute` is `run` as long as a runner is owed to the campaign: from the
//! start until the status is `stop` again. A restart finds its work by it.

use trunkline_model::campaign::{Campaign, Execute, Status};

/// What the request `run` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// It runs already: nothing changes.
    Already,
    /// Its status says `run`, but no runner is owed to it: only that changes.
    Revive,
    /// It starts, after its resources were checked.
    Start,
}

/// Decides on the request `run`.
#[must_use]
pub fn run(campaign: &Campaign) -> Run {
    match (&campaign.status, &campaign.execute) {
        (Status::Run, Execute::Run) => Run::Already,
        (Status::Run, Execute::Stop | Execute::None | Execute::Other(_)) => Run::Revive,
        (Status::Stop | Status::Stopping | Status::None | Status::Other(_), _) => Run::Start,
    }
}

/// What the request `stop`, or the end of the work, means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nothing changes.
    Unchanged,
    /// It waits for its attempts, and for its runner to end.
    Stopping,
    /// It has stopped.
    Now,
}

/// Decides on the request `stop`. `live` counts attempts that are not done.
#[must_use]
pub fn stop(campaign: &Campaign, live: u64) -> Stop {
    let runner_owed = campaign.execute == Execute::Run;
    let stoppable = !runner_owed && live == 0;
    match &campaign.status {
        Status::Stop => Stop::Unchanged,
        Status::Stopping if stoppable => Stop::Now,
        Status::Stopping => Stop::Unchanged,
        Status::Run | Status::None | Status::Other(_) if stoppable => Stop::Now,
        Status::Run | Status::None | Status::Other(_) => Stop::Stopping,
    }
}

/// What the end of its work means for the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The status says `stop` already: the runner ends.
    Already,
    /// The status becomes `stop`, and the runner ends.
    Now,
    /// The status becomes `stopping`, and the runner waits for the attempts.
    Stopping,
    /// The runner waits for the attempts.
    Wait,
}

/// Decides for the runner, which ends with the campaign's last attempt.
#[must_use]
pub fn finish(campaign: &Campaign, live: u64) -> Finish {
    match (&campaign.status, live) {
        (Status::Stop | Status::None | Status::Other(_), _) => Finish::Already,
        (Status::Run | Status::Stopping, 0) => Finish::Now,
        (Status::Run, _) => Finish::Stopping,
        (Status::Stopping, _) => Finish::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(status: Status, execute: Execute) -> Campaign {
        Campaign {
            status,
            execute,
            ..Campaign::default()
        }
    }

    #[test]
    fn run_starts_what_does_not_run_and_revives_what_lost_its_runner() {
        let cases = [
            (Status::Stop, Execute::Stop, Run::Start),
            (Status::Stop, Execute::Run, Run::Start),
            (Status::Stopping, Execute::Run, Run::Start),
            (Status::Stopping, Execute::Stop, Run::Start),
            (Status::Run, Execute::Run, Run::Already),
            (Status::Run, Execute::Stop, Run::Revive),
            (Status::Run, Execute::None, Run::Revive),
        ];
        for (status, execute, expected) in cases {
            assert_eq!(
                run(&campaign(status.clone(), execute)),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn stop_is_immediate_only_without_runner_and_attempts() {
        let cases = [
            (Status::Stop, Execute::Stop, 0, Stop::Unchanged),
            (Status::Stop, Execute::Run, 3, Stop::Unchanged),
            (Status::Run, Execute::Run, 0, Stop::Stopping),
            (Status::Run, Execute::Run, 3, Stop::Stopping),
            (Status::Run, Execute::Stop, 0, Stop::Now),
            (Status::Run, Execute::Stop, 3, Stop::Stopping),
            (Status::Stopping, Execute::Run, 0, Stop::Unchanged),
            (Status::Stopping, Execute::Stop, 3, Stop::Unchanged),
            (Status::Stopping, Execute::Stop, 0, Stop::Now),
        ];
        for (status, execute, live, expected) in cases {
            assert_eq!(
                stop(&campaign(status.clone(), execute), live),
                expected,
                "{status} {live}"
            );
        }
    }

    #[test]
    fn the_runner_ends_with_the_last_attempt() {
        let cases = [
            (Status::Run, 0, Finish::Now),
            (Status::Run, 1, Finish::Stopping),
            (Status::Stopping, 1, Finish::Wait),
            (Status::Stopping, 0, Finish::Now),
            (Status::Stop, 0, Finish::Already),
            (Status::Stop, 1, Finish::Already),
        ];
        for (status, live, expected) in cases {
            assert_eq!(
                finish(&campaign(status.clone(), Execute::Run), live),
                expected,
                "{status} {live}"
            );
        }
    }
}
