//! Running campaigns from their start to their end.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_bus::Method;
use trunkline_model::campaign::{Execute, Status};
use trunkline_model::campaigncall::{Outcome, ReferenceType, Status as AttemptStatus};
use trunkline_model::outdial_target::Status as TargetStatus;

use crate::fakes::Script;
use crate::world::World;

/// Every kind of ending, by the last digit of the number.
fn mixed(to: &str, dialed_before: usize) -> Script {
    match (to.as_bytes().last().unwrap() - b'0', dialed_before) {
        (0 | 1, _) => Script::NoAnswer(3_000),
        (2, _) => Script::Refuse,
        (3, _) => Script::Null,
        (4, 0) => Script::NoAnswer(500),
        (5, 0) => Script::Refuse,
        (6, 0) => Script::Unavailable,
        (7, _) => Script::LoseHangup,
        _ => Script::Answer(300),
    }
}

#[tokio::test(start_paused = true)]
async fn three_hundred_people_are_dialed_no_more_than_the_plan_says() {
    let (world, _process) = World::running().await;
    world.calls.script(mixed);
    let (campaign, plan) = world
        .ready(
            300,
            json!({"max_try_count_0": 3, "try_interval": 10_000, "dial_timeout": 60_000}),
        )
        .await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;

    world.assert_sound(&plan).await;
    let dials = world.calls.dials();
    assert_eq!(dials.len(), 300);
    for (to, count) in &dials {
        let expected = match to.as_bytes().last().unwrap() - b'0' {
            0..=3 => 3,
            4..=6 => 2,
            _ => 1,
        };
        assert_eq!(*count, expected, "{to}");
    }
    for target in world.targets(campaign.outdial_id).await {
        let to = target.destination_0.clone().unwrap().target;
        let (status, tries) = match to.as_bytes().last().unwrap() - b'0' {
            0..=3 => (TargetStatus::Idle, 3),
            4 | 5 => (TargetStatus::Done, 2),
            // The try of a call that could not be made does not count.
            _ => (TargetStatus::Done, 1),
        };
        assert_eq!((target.status, target.try_count_0), (status, tries), "{to}");
    }
    let stopped = world.get(campaign.id).await;
    assert_eq!(
        (stopped.status, stopped.execute),
        (Status::Stop, Execute::Stop)
    );
    let (events, attempts) = (world.events().await, world.attempts().await.len());
    assert_eq!(events["campaigncall_created"], attempts);
    assert_eq!(events["campaigncall_updated"], attempts);
    assert_eq!(
        (
            events["campaign_status_run"],
            events["campaign_status_stop"]
        ),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn run_on_a_running_campaign_changes_nothing() {
    let (world, _process) = World::running().await;
    let (campaign, plan) = world.ready(50, json!({})).await;
    let first = world.set_status(campaign.id, "run").await;
    assert_eq!(
        (first.status.clone(), first.execute.clone()),
        (Status::Run, Execute::Run)
    );
    for _ in 0..3 {
        assert_eq!(world.set_status(campaign.id, "run").await, first);
        let uri = format!("/v1/campaigns/{}/execute", campaign.id);
        assert_eq!(world.send(Method::Post, &uri, None).await.status_code, 200);
    }
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 50);
    assert_eq!(world.events().await["campaign_status_run"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_goes_over_stopping_and_lets_calls_end() {
    let (world, _process) = World::running().await;
    world.calls.script(|_, _| Script::Answer(5_000));
    let (campaign, plan) = world.ready(40, json!({})).await;
    world.set_rules(campaign.id, 100.0, 10).await;
    world.set_status(campaign.id, "run").await;
    world
        .until("ten calls", || async { world.calls.made() == 10 })
        .await;

    assert_eq!(
        world.set_status(campaign.id, "stop").await.status,
        Status::Stopping
    );
    assert_eq!(
        world.set_status(campaign.id, "stop").await.status,
        Status::Stopping
    );
    let uri = format!("/v1/campaigns/{}", campaign.id);
    let refused = world.refusal(Method::Delete, &uri).await;
    assert_eq!(refused, (409, "CAMPAIGN_NOT_STOPPED".to_owned()));
    world.until_status(campaign.id, Status::Stop).await;
    assert_eq!(world.calls.made(), 10);
    world.assert_sound(&plan).await;
    let attempts = world.attempts().await;
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.result == Outcome::Success)
    );
    let events = world.events().await;
    assert_eq!(
        (
            events["campaign_status_stopping"],
            events["campaign_status_stop"]
        ),
        (1, 1)
    );

    // What is left is dialed when it runs again.
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_campaign_that_is_stopping_can_run_on() {
    let (world, _process) = World::running().await;
    world.calls.script(|_, _| Script::Answer(2_000));
    let (campaign, plan) = world.ready(30, json!({})).await;
    world.set_rules(campaign.id, 100.0, 5).await;
    world.set_status(campaign.id, "run").await;
    world
        .until("five calls", || async { world.calls.made() == 5 })
        .await;
    world.set_status(campaign.id, "stop").await;
    assert_eq!(
        world.set_status(campaign.id, "run").await.status,
        Status::Run
    );
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_next_campaign_starts_when_this_one_has_ended() {
    let (world, _process) = World::running().await;
    let plan = world.outplan(json!({})).await;
    let (first, second) = (world.outdial(1, 5).await, world.outdial(2, 5).await);
    let after = world
        .campaign(json!({"outplan_id": plan.id, "outdial_id": second}))
        .await;
    let campaign = world
        .campaign(json!({
            "outplan_id": plan.id, "outdial_id": first,
            // The next one comes before the end handle.
            "next_campaign_id": after.id, "end_handle": "continue",
        }))
        .await;
    world.set_status(campaign.id, "run").await;
    world
        .until("both lists", || async { world.calls.made() == 10 })
        .await;
    world.until_status(after.id, Status::Stop).await;
    assert_eq!(world.get(campaign.id).await.status, Status::Stop);
    world.assert_sound(&plan).await;
    let order: Vec<_> = world
        .calls
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.1[3..5].to_owned())
        .collect();
    assert_eq!(order, [["01"; 5], ["02"; 5]].concat());
    let events = world.events().await;
    assert_eq!(
        (
            events["campaign_status_run"],
            events["campaign_status_stop"]
        ),
        (2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn people_who_are_added_many_at_once_to_a_running_campaign_are_called_once() {
    let (world, _process) = World::running().await;
    world.calls.script(|_, _| Script::Answer(2_000));
    let (campaign, plan) = world.ready(50, json!({})).await;
    world.set_rules(campaign.id, 20.0, 1_000).await;
    world.set_status(campaign.id, "run").await;
    world
        .until("somebody was called", || async { world.calls.made() > 10 })
        .await;
    let targets: Vec<Value> = (0..500)
        .map(|n| json!({"destination_0": {"type": "tel", "target": format!("+8277{n:06}")}}))
        .collect();
    let bulk = format!("/v1/outdials/{}/targets/bulk", campaign.outdial_id);
    for expected in [500, 0] {
        let body = json!({ "targets": targets });
        let reply: Value = world.ask(Method::Post, &bulk, body).await.unwrap();
        assert_eq!(reply["created"], expected);
    }
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    let dials = world.calls.dials();
    assert_eq!(dials.len(), 550);
    assert!(dials.values().all(|count| *count == 1), "{dials:?}");
}

#[tokio::test(start_paused = true)]
async fn a_campaign_that_continues_dials_people_who_come_later() {
    let (world, _process) = World::running().await;
    let (campaign, plan) = world.ready(2, json!({})).await;
    let uri = format!("/v1/campaigns/{}", campaign.id);
    let info = json!({"name": "n", "type": "call", "end_handle": "continue"});
    let _: Value = world.ask(Method::Put, &uri, info).await.unwrap();
    world.set_status(campaign.id, "run").await;
    world
        .until("the first two", || async { world.calls.made() == 2 })
        .await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.explain(campaign.id).await["reason"], "no_targets");
    let progress = world.progress(campaign.id).await;
    let targets = json!({"callable": 0, "exhausted": 0, "progressing": 0, "done": 2});
    let attempts = json!({"dialing": 0, "progressing": 0, "done": 2, "success": 2, "fail": 0, "last_minute": 0});
    assert_eq!(progress["targets"], targets);
    assert_eq!(progress["attempts"], attempts);
    // The call-manager of this world does not count.
    assert_eq!(progress["calls"], Value::Null);
    assert!(
        progress["trouble"]
            .as_str()
            .unwrap()
            .starts_with("call-manager: ")
    );
    world.person(campaign.outdial_id, 1, 77).await;
    world
        .until("the third", || async { world.calls.made() == 3 })
        .await;
    assert_eq!(
        world.set_status(campaign.id, "stop").await.status,
        Status::Stopping
    );
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
}

#[tokio::test(start_paused = true)]
async fn the_pace_and_the_limit_of_concurrent_attempts_hold() {
    let (world, _process) = World::running().await;
    world.calls.script(|_, _| Script::Answer(10_000));
    let (campaign, plan) = world.ready(30, json!({})).await;
    world.set_rules(campaign.id, 2.0, 8).await;
    world.set_status(campaign.id, "run").await;
    let watched = async {
        loop {
            let live = trunkline_store::campaigncall::live_count(&*world.db, campaign.id)
                .await
                .unwrap();
            assert!(live <= 8, "{live} live attempts");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = watched => {}
        () = world.until_status(campaign.id, Status::Stop) => {}
    }
    let times: Vec<_> = world
        .calls
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.2)
        .collect();
    assert!(
        times
            .windows(2)
            .all(|two| two[1].since(two[0]) >= Duration::from_millis(499)),
        "{times:?}"
    );
    world.assert_sound(&plan).await;
}

#[tokio::test(start_paused = true)]
async fn five_hundred_calls_a_second_are_kept_up_to_the_end_of_the_list() {
    let (world, _process) = World::running().await;
    let (campaign, plan) = world.ready(1_500, json!({})).await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    let times: Vec<_> = world
        .calls
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.2)
        .collect();
    let rate = |part: &[trunkline_model::Timestamp]| {
        part.len() as f64 / part.last().unwrap().since(part[0]).as_secs_f64()
    };
    let (whole, last) = (rate(&times), rate(&times[1_350..]));
    assert!(
        whole >= 490.0 && last >= 0.9 * whole,
        "{whole} calls/s, {last} at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_flow_campaign_runs_flows_and_ends_with_them() {
    let (world, _process) = World::running().await;
    let plan = world.outplan(json!({})).await;
    let list = world.outdial(1, 12).await;
    let campaign = world
        .campaign(json!({"type": "flow", "outplan_id": plan.id, "outdial_id": list}))
        .await;
    world.set_rules(campaign.id, 100.0, 5).await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    world.settle().await;
    let attempts = world.attempts().await;
    assert_eq!((attempts.len(), world.calls.made()), (12, 0));
    let running = world.flows.running.lock().unwrap().clone();
    for attempt in &attempts {
        assert_eq!(attempt.reference_type, ReferenceType::Flow);
        assert_eq!(
            (&attempt.status, &attempt.result),
            (&AttemptStatus::Done, &Outcome::Success)
        );
        assert_eq!(running[&attempt.activeflow_id].reference_id.0, attempt.id.0);
    }
    // Created, progressing, done.
    let events = world.events().await;
    assert_eq!(
        (
            events["campaigncall_created"],
            events["campaigncall_updated"]
        ),
        (12, 24)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_hung_up_when_the_dial_timeout_is_over() {
    let (world, _process) = World::running().await;
    world.calls.script(|to, _| {
        if to.ends_with('0') {
            Script::Ring
        } else {
            Script::Answer(15_000)
        }
    });
    let (campaign, plan) = world.ready(2, json!({"dial_timeout": 20_000})).await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    let calls: Vec<_> = world.calls.rows.lock().unwrap().values().cloned().collect();
    for call in calls {
        let (reason, seconds) = match call.tm_progressing {
            None => ("cancel", 20),
            // Answered in time: it goes on.
            Some(_) => ("normal", 30),
        };
        assert_eq!(call.hangup_reason.as_str(), reason);
        let lasted = call.tm_hangup.unwrap().since(call.tm_create.unwrap());
        assert_eq!(lasted.as_secs_f64().round(), f64::from(seconds), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_hangup_changes_nothing() {
    let (world, _process) = World::running().await;
    let (campaign, _) = world.ready(1, json!({})).await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    let (events, attempt) = (world.events().await, world.attempts().await);
    let call = world
        .calls
        .rows
        .lock()
        .unwrap()
        .values()
        .next()
        .cloned()
        .unwrap();
    let failed = trunkline_model::call::Call {
        tm_progressing: None,
        ..call
    };
    // Also in the spelling of the reference's documents.
    for kind in ["call_hangup", "call_hungup"] {
        world.calls.announce(kind, &failed).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (world.events().await, world.attempts().await),
        (events, attempt)
    );
}

#[tokio::test(start_paused = true)]
async fn two_campaigns_that_name_each_other_do_not_chase_each_other() {
    let (world, _process) = World::running().await;
    let plan = world.outplan(json!({})).await;
    let (first, second) = (world.outdial(1, 1).await, world.outdial(2, 1).await);
    let a = world
        .campaign(json!({"outplan_id": plan.id, "outdial_id": first}))
        .await;
    let b = world
        .campaign(json!({"outplan_id": plan.id, "outdial_id": second, "next_campaign_id": a.id}))
        .await;
    let uri = format!("/v1/campaigns/{}/next_campaign_id", a.id);
    let next = json!({"next_campaign_id": b.id});
    let _: Value = world.ask(Method::Put, &uri, next).await.unwrap();
    world.set_status(a.id, "run").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.calls.made(), 2);
    let starts = world.events().await["campaign_status_run"];
    assert!((30..=62).contains(&starts), "{starts} starts in a minute");
}
