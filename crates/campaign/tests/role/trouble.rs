//! Campaigns that cannot go on: what they wait for, what stops them, and that
//! they say so.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_bus::{Bus, Event, Method};
use trunkline_model::asterisk::Asterisk;
use trunkline_model::campaign::Status;
use trunkline_model::campaigncall::Outcome;
use trunkline_model::customer::Customer;
use trunkline_model::service::Service;

use crate::fakes::Script;
use crate::world::World;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_stops_a_campaign_and_is_explained() {
    let (world, _process) = World::running().await;
    let list = world.outdial(1, 1).await;
    let (good, bad) = (
        world.outplan(json!({})).await,
        world.outplan(json!({"max_try_count_0": 0})).await,
    );
    let cases = [
        (json!({}), "no_outplan"),
        (json!({"outplan_id": good.id}), "no_outdial"),
        (
            json!({"outplan_id": bad.id, "outdial_id": list}),
            "no_tries",
        ),
        (
            json!({"outplan_id": good.id, "outdial_id": list, "type": "fax"}),
            "unknown_type",
        ),
    ];
    for (more, reason) in cases {
        let campaign = world.campaign(more).await;
        assert_eq!(
            world.set_status(campaign.id, "run").await.status,
            Status::Run
        );
        world.until_status(campaign.id, Status::Stop).await;
        let explained = world.explain(campaign.id).await;
        assert_eq!(
            (&explained["decision"], &explained["reason"]),
            (&json!("stop"), &json!(reason))
        );
        assert!(!explained["message"].as_str().unwrap().is_empty());
        let uri = format!("/v1/campaigns/{}", campaign.id);
        let _: Value = world.ask(Method::Delete, &uri, Value::Null).await.unwrap();
        world.settle().await;
    }
    assert_eq!(world.attempts().await, []);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_dialed_while_no_asterisk_is_connected() {
    let (world, _process) = World::running().await;
    let asterisk = |connected| Asterisk {
        id: "a".into(),
        connected,
        tm_update: None,
    };
    *world.calls.asterisks.lock().unwrap() = Some(vec![asterisk(false), asterisk(false)]);
    let (campaign, plan) = world.ready(5, json!({})).await;
    world.set_status(campaign.id, "run").await;
    pass(120).await;
    assert_eq!(world.attempts().await, []);
    let explained = world.explain(campaign.id).await;
    assert_eq!(
        (&explained["decision"], &explained["reason"]),
        (&json!("wait"), &json!("no_asterisk"))
    );
    *world.calls.asterisks.lock().unwrap() = Some(vec![asterisk(false), asterisk(true)]);
    world.until_status(campaign.id, Status::Stop).await;
    assert_eq!(world.calls.made(), 5);
    world.assert_sound(&plan).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_is_given_back_untried_when_no_call_could_be_made() {
    let (world, _process) = World::running().await;
    world.calls.script(|_, before| {
        if before < 5 {
            Script::Unavailable
        } else {
            Script::Answer(100)
        }
    });
    let (campaign, plan) = world.ready(1, json!({"try_interval": 3_600_000})).await;
    world.set_status(campaign.id, "run").await;
    let started = world.now();
    world.until_status(campaign.id, Status::Stop).await;
    // A second's pause each, and no retry interval.
    let lasted = world.now().since(started);
    assert!(
        (Duration::from_secs(5)..Duration::from_secs(12)).contains(&lasted),
        "{lasted:?}"
    );
    world.assert_sound(&plan).await;
    let target = &world.targets(campaign.outdial_id).await[0];
    assert_eq!((target.status.as_str(), target.try_count_0), ("done", 1));
    assert_eq!(world.attempts().await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_customers_limit_makes_a_campaign_wait_and_counts_no_try() {
    let (world, process) = World::running().await;
    world.calls.script(|_, before| {
        if before < 3 {
            Script::Exhausted
        } else {
            Script::Answer(100)
        }
    });
    let rest = json!({"max_try_count_0": 1, "try_interval": 3_600_000});
    let (campaign, plan) = world.ready(4, rest).await;
    world.set_status(campaign.id, "run").await;
    let started = world.now();
    world.until_status(campaign.id, Status::Stop).await;
    // It pauses for a second each time, and does not spin.
    let lasted = world.now().since(started);
    assert!(lasted >= Duration::from_secs(3), "{lasted:?}");
    world.assert_sound(&plan).await;
    for target in world.targets(campaign.outdial_id).await {
        assert_eq!((target.status.as_str(), target.try_count_0), ("done", 1));
    }
    assert_eq!(world.calls.made(), 4);
    assert_eq!(world.attempts().await.len(), 16);
    let text = exposition(&process.metrics);
    assert!(text.contains("reason=\"away\"} 12"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_create_of_which_a_copy_is_at_work_makes_no_call() {
    let (world, _process) = World::running().await;
    world.calls.script(|_, before| match before {
        0 => Script::RefusedCopy,
        _ => Script::Answer(100),
    });
    let (campaign, plan) = world.ready(3, json!({"max_try_count_0": 2})).await;
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    pass(60).await;
    // Otherwise the copies' calls ring while the second attempts do.
    assert_eq!(world.calls.made(), 3);
    assert_eq!(world.attempts().await.len(), 6);
    world.assert_sound(&plan).await;
}

#[tokio::test(start_paused = true)]
async fn refused_calls_end_their_attempts_and_not_the_campaign() {
    let (world, process) = World::running().await;
    world.calls.script(|_, _| Script::Null);
    let (campaign, plan) = world.ready(60, json!({})).await;
    world.set_status(campaign.id, "run").await;
    let started = world.now();
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    let attempts = world.attempts().await;
    assert_eq!(attempts.len(), 60);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.result == Outcome::Fail)
    );
    // After fifty in a row, and those on their way, one every five seconds.
    let lasted = world.now().since(started).as_secs();
    assert!((15..=60).contains(&lasted), "{lasted} s");
    let text = exposition(&process.metrics);
    assert!(
        text.contains("campaign_dials_total{reason=\"refused\"} 60"),
        "{text}"
    );
    assert!(
        text.contains("campaigncall_done_total{result=\"fail\"} 60"),
        "{text}"
    );
}

fn exposition(metrics: &trunkline_campaign::Metrics) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_asked_about_before_the_target_is_dialed_again() {
    let (world, _process) = World::running().await;
    world
        .calls
        .script(|to, before| match (to.as_bytes().last().unwrap(), before) {
            (b'0', 0) => Script::Silent { made: true },
            (b'1', 0) => Script::Silent { made: false },
            (b'2', 0) => Script::LoseHangup,
            _ => Script::Answer(100),
        });
    let (campaign, plan) = world
        .ready(3, json!({"max_try_count_0": 2, "try_interval": 1_000}))
        .await;
    world.set_status(campaign.id, "run").await;
    let started = world.now();
    world.until_status(campaign.id, Status::Stop).await;
    world.assert_sound(&plan).await;
    let asked = world.calls.asked.lock().unwrap().clone();
    let dials = |digit: &str| {
        asked
            .iter()
            .filter(|it| it.1.ends_with(digit))
            .collect::<Vec<_>>()
    };
    assert_eq!((dials("0").len(), dials("2").len()), (1, 1));
    // Not before the check has heard that there is no call.
    let again = dials("1");
    assert_eq!(again.len(), 2);
    assert!(again[1].2.since(started) >= Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_or_deleted_customer_has_no_running_campaigns() {
    for kind in ["customer_frozen", "customer_deleted"] {
        let (world, _process) = World::running().await;
        world.calls.script(|_, _| Script::Answer(5_000));
        let (campaign, plan) = world.ready(50, json!({})).await;
        world.set_rules(campaign.id, 2.0, 3).await;
        world.set_status(campaign.id, "run").await;
        world
            .until("three calls", || async { world.calls.made() == 3 })
            .await;
        let customer = Customer {
            id: world.customer,
            ..Customer::default()
        };
        let event = Event::new(Service::CUSTOMER, kind, &customer);
        let exchange = Service::CUSTOMER.event_exchange();
        world
            .bus
            .publish(&exchange, None, event.encode())
            .await
            .unwrap()
            .await
            .unwrap();
        assert_ne!(world.get(campaign.id).await.status, Status::Run);
        world.until_status(campaign.id, Status::Stop).await;
        assert_eq!(world.calls.made(), 3);
        world.assert_sound(&plan).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_target_is_never_dialed() {
    let (world, _process) = World::running().await;
    let (campaign, plan) = world.ready(10, json!({})).await;
    let targets = world.targets(campaign.outdial_id).await;
    for target in &targets[..4] {
        let uri = format!("/v1/outdialtargets/{}", target.id);
        let _: Value = world.ask(Method::Delete, &uri, Value::Null).await.unwrap();
    }
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    assert_eq!(world.calls.made(), 6);
    world.assert_sound(&plan).await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_asked_lets_nobody_be_dialed() {
    let (world, _process) = World::running().await;
    let (campaign, _) = world.ready(3, json!({})).await;
    // Set in the row: queue-manager is not there to confirm it.
    let change = trunkline_store::campaign::set_resources(
        campaign.id,
        campaign.outplan_id,
        campaign.outdial_id,
        uuid::Uuid::from_u128(7).into(),
        Default::default(),
        world.now(),
    );
    world.set_status(campaign.id, "run").await;
    world
        .db
        .apply(trunkline_store::Batch::new().with(change))
        .await
        .unwrap();
    let before = world.attempts().await.len();
    pass(30).await;
    assert_eq!(world.attempts().await.len(), before);
    assert_eq!(world.explain(campaign.id).await["reason"], "queue_away");
}
