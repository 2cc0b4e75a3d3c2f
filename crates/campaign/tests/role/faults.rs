//! One fault at each operation of a process, one after the other: it is killed,
//! frozen for a minute, or told that the operation failed, before the operation
//! took effect and after. Whatever happens, nobody is called more often than
//! the plan allows, and every target comes to its end. A look at an attempt
//! comes early here: it is what most of these runs would wait for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trunkline_campaign::Config;
use trunkline_model::campaign::Status;
use trunkline_model::outdial_target::Status as TargetStatus;

use crate::fakes::Script;
use crate::mortal::{Fault, Moment};
use crate::world::World;

/// Every kind of callee, by the last digit of the number.
fn callee(to: &str, dialed_before: usize) -> Script {
    match (to.as_bytes().last().unwrap() - b'0', dialed_before) {
        (0, _) => Script::Answer(300),
        (1, _) => Script::NoAnswer(300),
        (2, _) => Script::Refuse,
        (3, _) => Script::LoseHangup,
        (4, 0) => Script::Silent { made: true },
        (5, 0) => Script::Silent { made: false },
        (6, _) => Script::Ring,
        (7, 0) => Script::Unavailable,
        _ => Script::Answer(100),
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.attempt.create_within_ms = 2_000;
    config.attempt.check_after_ms = 8_000;
    config.attempt.check_live_ms = 4_000;
    config
}

/// One campaign with this fault at this step. False when it was never reached.
async fn one(step: usize, moment: Moment, fault: Fault) -> bool {
    let world = World::new().await;
    world.calls.script(callee);
    let process = world.start(config()).await;
    let life = Arc::clone(&process.life);
    let plan = json!({"max_try_count_0": 2, "try_interval": 2_000, "dial_timeout": 4_000});
    let (campaign, plan) = world.ready(8, plan).await;
    world.set_status(campaign.id, "run").await;
    life.plan(step, moment, fault);
    let successor = tokio::select! {
        biased;
        () = life.struck.cancelled() => match fault {
            Fault::Kill => {
                process.kill();
                Some(world.start(config()).await)
            }
            Fault::Freeze(_) => {
                process.leave();
                Some(world.start(config()).await)
            }
            Fault::Fail => None,
        },
        () = world.until_status(campaign.id, Status::Stop) => return false,
    };
    world.until_status(campaign.id, Status::Stop).await;
    if let Fault::Freeze(pause) = fault {
        // The frozen one comes back and finds that it has lost everything.
        tokio::time::sleep(pause).await;
    }
    world.assert_sound(&plan).await;
    for target in world.targets(campaign.outdial_id).await {
        let number = target.destination_0.unwrap().target;
        let ended = match target.status {
            TargetStatus::Done => true,
            TargetStatus::Idle => target.try_count_0 == 2,
            TargetStatus::Progressing | TargetStatus::None | TargetStatus::Other(_) => false,
        };
        assert!(
            ended,
            "{number} is {} after {} tries",
            target.status, target.try_count_0
        );
        let called = world.calls.made_to(&number);
        let silent = number.ends_with('2');
        assert!(
            silent || (1..=2).contains(&called),
            "{number} was called {called} times"
        );
    }
    drop(successor);
    true
}

/// `stride` leaves some steps out: the others are tried by `make prove`.
async fn at_every_step(fault: Fault, stride: usize) {
    for moment in [Moment::Before, Moment::After] {
        let mut steps = 0;
        loop {
            let _said = Said(format!("{fault:?} {moment:?} step {steps}"));
            if !one(steps, moment, fault).await {
                break;
            }
            steps += stride;
        }
        assert!(steps > 50, "only {steps} steps were tried");
    }
}

/// Says which fault it was when a test fails.
struct Said(String);

impl Drop for Said {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

const FREEZE: Fault = Fault::Freeze(Duration::from_secs(60));

#[tokio::test(start_paused = true)]
async fn a_process_may_be_killed_at_any_step() {
    at_every_step(Fault::Kill, 7).await;
}

#[tokio::test(start_paused = true)]
async fn any_step_may_fail_whether_it_was_done_or_not() {
    at_every_step(Fault::Fail, 7).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_may_be_frozen_for_a_minute_at_any_step() {
    at_every_step(FREEZE, 7).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "minutes: cargo test --release -p trunkline-campaign --test role every_step -- --ignored"]
async fn killed_frozen_or_failing_at_each_and_every_step() {
    for fault in [Fault::Kill, Fault::Fail, FREEZE] {
        at_every_step(fault, 1).await;
    }
}
