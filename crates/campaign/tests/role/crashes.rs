//! Processes that die, and leases that are lost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use trunkline_bus::Method::Post;
use trunkline_campaign::{Config, invariants};
use trunkline_model::campaign::{Campaign, Status};
use trunkline_model::campaigncall::{Campaigncall, ReferenceType, Status as AttemptStatus};
use trunkline_model::id::{CampaigncallId, ReferenceId};
use trunkline_model::outdial_target::Status as TargetStatus;
use trunkline_store::{Batch, Statement, Value as Cell, campaign_lease, campaigncall};

use crate::fakes::Script;
use crate::mortal::Life;
use crate::world::World;

async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_process_is_followed_by_one_that_dials_nobody_twice() {
    // An attempt takes two requests of 20 ms each: these moments hit rows,
    // claims and calls on their way there and on their way back.
    for moment in (0..12).map(|n| 1_500 + 7 * n) {
        let world = World::new().await;
        let lag = Duration::from_millis(10);
        let first = world.start_with_lag(Config::default(), lag).await;
        world.calls.script(|_, _| Script::Answer(700));
        let (campaign, plan) = world.ready(120, json!({"dial_timeout": 30_000})).await;
        world.set_rules(campaign.id, 60.0, 40).await;
        world.set_status(campaign.id, "run").await;
        pass(moment).await;
        first.kill();
        let dialed = world.calls.made();
        assert!(
            (10..110).contains(&dialed),
            "{dialed} calls when it was killed"
        );

        let _second = world.start_with_lag(Config::default(), lag).await;
        world.until_status(campaign.id, Status::Stop).await;
        world.assert_sound(&plan).await;
        let dials = world.calls.dials();
        assert!(
            dials.values().all(|count| *count == 1),
            "somebody was dialed twice"
        );
        // Whoever was claimed and not called when it died is called by the next.
        assert_eq!(dials.len(), 120, "somebody was forgotten");
        assert_eq!(world.events().await["campaign_status_stop"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_campaign_has_a_runner_within_five_seconds_of_a_crash() {
    let world = World::new().await;
    let first = world.start(Config::default()).await;
    let (campaign, _) = world.ready(2_000, json!({})).await;
    world.set_rules(campaign.id, 10.0, 10).await;
    world.set_status(campaign.id, "run").await;
    pass(3_210).await;
    first.kill();
    let killed = world.now();
    let _second = world.start(Config::default()).await;
    let fence = campaign_lease::get(&*world.db, campaign.id)
        .await
        .unwrap()
        .unwrap()
        .fence;
    world
        .until("a new lease", || async {
            campaign_lease::get(&*world.db, campaign.id)
                .await
                .unwrap()
                .unwrap()
                .fence
                > fence
        })
        .await;
    assert!(world.now().since(killed) <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_shut_down_process_gives_its_campaigns_back_at_once() {
    let world = World::new().await;
    let first = world.start(Config::default()).await;
    world.calls.script(|_, _| Script::Answer(700));
    let (campaign, plan) = world.ready(200, json!({})).await;
    world.set_rules(campaign.id, 50.0, 30).await;
    world.set_status(campaign.id, "run").await;
    pass(1_500).await;
    first.shut_down().await;
    let (made, stopped) = (world.calls.made(), world.now());
    let _second = world.start(Config::default()).await;
    world
        .until("it goes on", || async { world.calls.made() > made })
        .await;
    assert!(world.now().since(stopped) < Duration::from_secs(1));
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_loses_its_lease_writes_nothing() {
    let (world, _process) = World::running().await;
    world.calls.script(|_, _| Script::Answer(300));
    let (campaign, plan) = world.ready(100, json!({})).await;
    world.set_rules(campaign.id, 50.0, 50).await;
    world.set_status(campaign.id, "run").await;
    pass(1_000).await;
    let steal = steal(&campaign, world.now().plus_millis(4_000));
    world.db.apply(Batch::new().with(steal)).await.unwrap();
    let written = world.attempts().await.len();
    assert!(written > 0 && written < 100);
    // Longer than the runner needs to notice.
    for _ in 0..15 {
        pass(1_000).await;
        let batch = Batch::new().with(renew(&campaign, world.now().plus_millis(4_000)));
        world.db.apply(batch).await.unwrap();
    }
    assert_eq!(world.attempts().await.len(), written);
    assert_eq!(world.get(campaign.id).await.status, Status::Run);
    let live = invariants::unfinished_attempts(&world.attempts().await);
    assert_eq!(live, [], "attempts end without a runner");
    // The thief does not come back.
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 100);
}

#[tokio::test(start_paused = true)]
async fn attempts_of_another_campaign_manager_are_brought_to_their_end() {
    let (world, _process) = World::running().await;
    let (campaign, plan) = world.ready(2, json!({"max_try_count_0": 2})).await;
    // As the reference leaves them: a row, a target, and no duty.
    let targets = world.targets(campaign.outdial_id).await;
    let left = targets.iter().map(|target| Campaigncall {
        id: CampaigncallId::random(),
        customer_id: world.customer,
        campaign_id: campaign.id,
        outplan_id: plan.id,
        outdial_id: campaign.outdial_id,
        outdial_target_id: target.id,
        reference_type: ReferenceType::Call,
        reference_id: ReferenceId::random(),
        status: AttemptStatus::Dialing,
        destination: target.destination_0.clone(),
        try_count: 1,
        tm_create: Some(world.now().plus_millis(-60_000)),
        ..Campaigncall::default()
    });
    for call in left {
        let uri = format!("/v1/outdialtargets/{}/progressing", call.outdial_target_id);
        let _: Value = world
            .ask(Post, &uri, json!({"destination_index": 0}))
            .await
            .unwrap();
        world
            .db
            .apply(Batch::new().with(campaigncall::insert(&call)))
            .await
            .unwrap();
    }
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!((world.calls.made(), world.attempts().await.len()), (2, 4));
    let targets = world.targets(campaign.outdial_id).await;
    assert!(
        targets
            .iter()
            .all(|target| target.status == TargetStatus::Done && target.try_count_0 == 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_keep_a_campaign_from_its_next_runner() {
    for seconds in [-3_600, 3_600] {
        let world = World::new().await;
        world.calls.script(|_, _| Script::Answer(700));
        let first = world.start(Config::default()).await;
        let (campaign, plan) = world.ready(200, json!({})).await;
        world.set_rules(campaign.id, 20.0, 10).await;
        world.set_status(campaign.id, "run").await;
        pass(3_210).await;
        first.kill();
        world.jump(seconds);
        let (made, killed) = (world.calls.made(), Instant::now());
        let _second = world.start(Config::default()).await;
        world
            .until("it goes on", || async { world.calls.made() > made })
            .await;
        assert!(killed.elapsed() <= Duration::from_secs(5));
        world.until_status(campaign.id, Status::Stop).await;
        assert_eq!(world.calls.made(), 200, "set by {seconds} s");
        world.settle().await;
        let attempts = world.attempts().await;
        assert_eq!(invariants::unfinished_attempts(&attempts), []);
        let placed = |attempt: &Campaigncall| world.placed(attempt);
        let beyond = invariants::attempts_beyond_the_plan(&attempts, &plan, placed);
        assert_eq!(beyond, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ends_no_attempt_that_is_on_its_way() {
    let (world, _process) = World::running().await;
    // Nobody answers the create for three seconds, and the call is made.
    world.calls.script(|_, before| match before {
        0 => Script::Silent { made: true },
        _ => Script::Answer(100),
    });
    let (campaign, _) = world.ready(20, json!({"max_try_count_0": 3})).await;
    world.set_status(campaign.id, "run").await;
    for seconds in [60, 3_600, -3_600, -60, 86_400, -86_400] {
        pass(400).await;
        world.jump(seconds);
    }
    world.until_status(campaign.id, Status::Stop).await;
    world.settle().await;
    let attempts = world.attempts().await;
    assert_eq!(invariants::unfinished_attempts(&attempts), []);
    // Each is answered, so a second call would be one too many.
    assert_eq!((world.calls.made(), attempts.len()), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_no_attempt_holds_is_given_back() {
    let (world, _process) = World::running().await;
    let (campaign, plan) = world.ready(3, json!({"max_try_count_0": 2})).await;
    // A claim whose attempt never was, or of a campaign-manager that names none
    // and died at once.
    let targets = world.targets(campaign.outdial_id).await;
    for (target, attempt) in targets
        .iter()
        .zip([CampaigncallId::random(), CampaigncallId::NIL])
    {
        let uri = format!("/v1/outdialtargets/{}/progressing", target.id);
        let body = json!({"destination_index": 0, "attempt_id": attempt});
        let _: Value = world.ask(Post, &uri, body).await.unwrap();
    }
    world.set_status(campaign.id, "run").await;
    pass(25_000).await;
    assert_eq!(world.calls.made(), 1, "it may still be somebody's");
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 3);
    let targets = world.targets(campaign.outdial_id).await;
    let mut tries: Vec<i64> = targets.iter().map(|target| target.try_count_0).collect();
    tries.sort_unstable();
    // Whoever claimed them may have called them.
    assert_eq!(tries, [1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn repeated_and_late_events_change_nothing() {
    let (world, _process) = World::running().await;
    world.calls.repeats.store(true, Ordering::SeqCst);
    world.calls.script(
        |to, before| match (to.as_bytes().last().unwrap() % 3, before) {
            (0, 0) => Script::NoAnswer(500),
            (1, _) => Script::Answer(1),
            _ => Script::Answer(2_000),
        },
    );
    let plan = json!({"max_try_count_0": 2, "try_interval": 1_000});
    let (campaign, plan) = world.ready(60, plan).await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    pass(10_000).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 84);
    assert_eq!(world.payloads("campaigncall_updated").await.len(), 84);
    let targets = world.targets(campaign.outdial_id).await;
    assert!(
        targets
            .iter()
            .all(|target| target.status == TargetStatus::Done)
    );
}

#[tokio::test(start_paused = true)]
async fn an_outdial_manager_of_the_reference_is_asked_one_by_one() {
    let world = World::new().await;
    let life = Life::with_foreign_outdials();
    let _process = world.start_with(Config::default(), life).await;
    world.calls.script(|_, before| match before {
        0 => Script::NoAnswer(500),
        _ => Script::Answer(100),
    });
    let plan = json!({"max_try_count_0": 2});
    let (campaign, plan) = world.ready(40, plan).await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    assert_eq!(world.calls.made(), 80);
    let targets = world.targets(campaign.outdial_id).await;
    assert!(
        targets
            .iter()
            .all(|target| target.status == TargetStatus::Done)
    );
}

const THIEF: uuid::Uuid = uuid::Uuid::from_u128(99);

fn steal(campaign: &Campaign, expires: trunkline_model::Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_campaign_leases SET holder = ?, fence = fence + 1, expires = ? WHERE campaign_id = ?",
        vec![Cell::uuid(THIEF), expires.into(), Cell::uuid(campaign.id)],
    )
}

fn renew(campaign: &Campaign, expires: trunkline_model::Timestamp) -> Statement {
    let lease = campaign_lease::Lease {
        campaign: campaign.id,
        holder: THIEF,
        fence: 2,
        expires,
    };
    campaign_lease::renew(&lease, expires)
}
