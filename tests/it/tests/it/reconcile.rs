//! The comparison with Asterisk: what is missed is repaired, both ways.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_bus::Method::{Get, Post};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::{Asterisk, Manner};
use trunkline_it::{House, SOURCE, event, until};
use trunkline_model::bridge::{Bridge, ReferenceType};
use trunkline_model::call::{Call, Direction, Status};
use trunkline_model::channel::Channel;
use trunkline_model::id::{ActionId, CallId, ReferenceId};
use trunkline_model::service::Service;
use trunkline_model::{Action, Timestamp};
use trunkline_store::{Batch, Database as _, bridge, call, channel};
use uuid::Uuid;

/// Compares when an Asterisk connects, without any grace.
fn at_once() -> trunkline_call::Config {
    trunkline_call::Config {
        reconcile_interval_ms: 3_600_000,
        reconcile_grace_ms: 0,
        ..trunkline_call::Config::default()
    }
}

async fn dialing(house: &House) -> String {
    house.allow_calls().await;
    let sleep = json!({"type": "sleep", "option": {"duration": 3_600_000}});
    let flow = house.flow(&json!([sleep])).await;
    let uri = format!("/v1/calls/{}", Uuid::new_v4());
    let body = json!({
        "flow_id": flow,
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": {"type": "tel", "target": "+493012345620"},
    });
    assert_eq!(house.call(Post, &uri, Some(&body)).await.0, 200);
    uri
}

async fn status(house: &House, uri: &str) -> Value {
    house.call(Get, uri, None).await.1["status"].clone()
}

#[tokio::test]
async fn restarted_asterisk_ends_its_calls_and_their_flows() {
    let house = House::start_with(at_once()).await;
    let (_calls, mut of_call) = house.events_of(Service::CALL).await;
    let (_flows, mut of_flow) = house.events_of(Service::FLOW).await;
    let asterisk = house.asterisk(Manner::Lively).await;
    let uri = dialing(&house).await;
    event(&mut of_call, "call_progressing").await;
    asterisk.forget_everything();
    asterisk.connect().await;
    let ended = event(&mut of_call, "call_hangup").await;
    assert_eq!(ended["data"]["hangup_reason"], "normal", "it was answered");
    assert_eq!(status(&house, &uri).await, "hangup");
    while event(&mut of_flow, "activeflow_updated").await["data"]["status"] != "ended" {}
    house.stop().await;
}

#[tokio::test]
async fn channel_that_was_never_created_ends_its_call_as_failed() {
    let house = House::start_with(at_once()).await;
    let (_calls, mut of_call) = house.events_of(Service::CALL).await;
    let asterisk = house.asterisk(Manner::Still).await;
    dialing(&house).await;
    asterisk.forget_everything();
    asterisk.connect().await;
    let ended = event(&mut of_call, "call_hangup").await;
    assert_eq!(ended["data"]["hangup_reason"], "failed");
    house.stop().await;
}

#[tokio::test]
async fn channel_that_nobody_dialed_is_dialed_once() {
    let house = House::start_with(at_once()).await;
    let asterisk = house.asterisk(Manner::Still).await;
    let uri = dialing(&house).await;
    for _ in 0..2 {
        asterisk.connect().await;
    }
    assert_eq!(status(&house, &uri).await, "dialing");
    assert_eq!(asterisk.dialed().len(), 1, "nobody dials a second time");
    assert_eq!(asterisk.bridges().len(), 1);
    house.stop().await;
}

#[tokio::test]
async fn channel_that_was_placed_and_never_dialed_is_replaced_and_the_call_goes_on() {
    let house = House::start_with(at_once()).await;
    let asterisk = house.asterisk(Manner::Still).await;
    let uri = dialing(&house).await;
    let old = asterisk.channels().remove(0);
    // As if the process had died right after it stored the bridge.
    let id: CallId = uri.trim_start_matches("/v1/calls/").parse().expect("an id");
    let now = Timestamp::system_now();
    let placed = call::set_bridge_of(id, &old.as_str().into(), &"b".into(), now);
    house
        .db
        .apply(Batch::new().with(placed))
        .await
        .expect("a row");
    asterisk.connect().await;
    assert_eq!(
        asterisk.channels(),
        std::slice::from_ref(&old),
        "it may be just ending"
    );
    asterisk.connect().await;
    let new = asterisk.channels();
    assert_eq!(new.len(), 1, "the old one is gone");
    assert_ne!(new[0], old);
    asterisk.connect().await;
    assert_eq!(asterisk.dialed(), new);
    assert_eq!(status(&house, &uri).await, "dialing");
    house.stop().await;
}

#[tokio::test]
async fn channel_and_bridge_that_outlive_their_call_are_taken_away_and_others_left() {
    let house = House::start_with(at_once()).await;
    let (_calls, mut of_call) = house.events_of(Service::CALL).await;
    let asterisk = house.asterisk(Manner::Lively).await;
    let uri = dialing(&house).await;
    event(&mut of_call, "call_progressing").await;
    let (channels, bridges) = (asterisk.channels(), asterisk.bridges());
    house.call(Post, &format!("{uri}/hangup"), None).await;
    event(&mut of_call, "call_hangup").await;
    until(|| asterisk.bridges().is_empty()).await;
    // As if the process had died right after it noted the end.
    asterisk.add_channel(&channels[0], "Up");
    asterisk.add_channel("somebody else's", "Up");
    asterisk.add_bridge(&bridges[0]);
    asterisk.add_bridge("somebody else's");
    asterisk.connect().await;
    assert_eq!(asterisk.channels(), ["somebody else's"]);
    assert_eq!(asterisk.bridges(), ["somebody else's"]);
    house.stop().await;
}

/// Rows of a call that talks on an Asterisk.
async fn talking(house: &House, asterisk: &str, number: usize) -> CallId {
    let now = Timestamp::system_now().minus(Duration::from_secs(60));
    let sleeping = Action {
        id: ActionId::random(),
        kind: "sleep".into(),
        ..Action::default()
    };
    let one = Call {
        id: CallId::random(),
        channel_id: format!("channel-{asterisk}-{number}").as_str().into(),
        bridge_id: format!("bridge-{asterisk}-{number}").as_str().into(),
        status: Status::Progressing,
        direction: Direction::Outgoing,
        action: sleeping,
        tm_create: Some(now),
        tm_progressing: Some(now),
        ..Call::default()
    };
    let batch = Batch::new()
        .with(call::insert(&one))
        .with(channel::insert(&Channel {
            id: one.channel_id.clone(),
            asterisk_id: asterisk.into(),
            tm_create: Some(now),
            ..Channel::default()
        }))
        .with(bridge::insert(&Bridge {
            id: one.bridge_id.clone(),
            asterisk_id: asterisk.into(),
            reference_type: ReferenceType::Call,
            reference_id: ReferenceId(one.id.0),
            tm_create: Some(now),
            ..Bridge::default()
        }));
    house.db.apply(batch).await.expect("rows");
    one.id
}

#[tokio::test]
async fn asterisk_that_does_not_come_back_loses_its_calls_after_a_while() {
    let config = trunkline_call::Config {
        reconcile_interval_ms: 5,
        reconcile_grace_ms: 0,
        asterisk_lost_after_ms: 20,
        ..trunkline_call::Config::default()
    };
    let house = House::start_with(config).await;
    let (_calls, mut of_call) = house.events_of(Service::CALL).await;
    let asterisk = house.asterisk(Manner::Still).await;
    asterisk.add_channel(&format!("channel-{}-1", asterisk.id()), "Up");
    let there = talking(&house, asterisk.id(), 1).await;
    let lost = talking(&house, "42:01:00:00:00:99", 1).await;
    let ended = event(&mut of_call, "call_hangup").await;
    assert_eq!(ended["data"]["id"], lost.to_string());
    assert_eq!(
        status(&house, &format!("/v1/calls/{there}")).await,
        "progressing"
    );
    house.stop().await;
}

#[tokio::test]
async fn asterisk_that_is_away_keeps_its_calls() {
    let config = trunkline_call::Config {
        reconcile_interval_ms: 1,
        reconcile_grace_ms: 0,
        ..trunkline_call::Config::default()
    };
    let house = House::start_with(config).await;
    let asterisk = house.asterisk(Manner::Still).await;
    let away = talking(&house, "42:01:00:00:00:99", 1).await;
    let listed = asterisk.asked("GET", "/ari/bridges");
    until(|| asterisk.asked("GET", "/ari/bridges") >= listed + 5).await;
    assert_eq!(
        status(&house, &format!("/v1/calls/{away}")).await,
        "progressing"
    );
    house.stop().await;
}

/// A proxy that was killed tells nobody, and VoIPbin's never does.
#[tokio::test]
async fn asterisk_that_answers_nothing_is_away_although_no_proxy_says_so() {
    let config = trunkline_call::Config {
        reconcile_interval_ms: 3_600_000,
        asterisk_away_after_ms: 0,
        ..trunkline_call::Config::default()
    };
    let house = House::start_with(config).await;
    house.allow_calls().await;
    let asterisk = house.asterisk(Manner::Still).await;
    let connected = async || {
        let (_, list) = house.call(Get, "/v1/asterisks", None).await;
        list[0]["connected"].as_bool()
    };
    assert_eq!(connected().await, Some(true));
    let lists = format!("asterisk.{} GET /ari/channels", asterisk.id());
    house.bus.busy.set(&lists, usize::MAX);
    asterisk.connect().await;
    assert_eq!(connected().await, Some(false));
    let create = json!({
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": {"type": "tel", "target": "+493012345620"},
    });
    let uri = format!("/v1/calls/{}", Uuid::new_v4());
    let (status, error) = house.call(Post, &uri, Some(&create)).await;
    assert_eq!(
        (status, &error["reason"]),
        (503, &json!("ASTERISK_UNAVAILABLE"))
    );

    let ringing = json!({"channel": {"id": "somebody's", "state": "Ringing"}});
    asterisk
        .event("ChannelStateChange", "somebody's", &ringing)
        .await;
    assert_eq!(connected().await, Some(true), "it was heard of");
    asterisk.connect().await;
    assert_eq!(connected().await, Some(false));
    house.bus.busy.set(&lists, 0);
    asterisk.connect().await;
    assert_eq!(connected().await, Some(true));
    house.stop().await;
}

#[tokio::test]
async fn missed_end_of_a_channel_without_a_call_is_noted() {
    let house = House::start_with(at_once()).await;
    let asterisk = house.asterisk(Manner::Still).await;
    let now = Timestamp::system_now().minus(Duration::from_secs(60));
    let mut batch = Batch::new();
    for id in ["refused", "still there"] {
        batch.push(channel::insert(&Channel {
            id: id.into(),
            asterisk_id: asterisk.id().into(),
            tm_create: Some(now),
            ..Channel::default()
        }));
    }
    house.db.apply(batch).await.expect("rows");
    // Inside somebody else's application: none of our business.
    asterisk.add_channel("still there", "Up");
    asterisk.connect().await;
    let ended = async |id: &str| {
        let row = channel::get(&house.db, &id.into()).await.expect("a store");
        row.expect("a row").tm_end.is_some()
    };
    assert!(ended("refused").await);
    assert!(!ended("still there").await);
    house.stop().await;
}

async fn queries_of_a_comparison(house: &House, asterisk: &Asterisk) -> usize {
    house.db.queries.take();
    house.db.batches.take();
    asterisk.connect().await;
    // The outbox and the due rows of all roles are looked after all the time.
    let of_calls = |name: &str| name.contains("call_");
    let written = house.db.batches.take();
    assert!(
        !written.keys().any(|name| of_calls(name)),
        "nothing is repaired: {written:?}"
    );
    let counted = house.db.queries.take().into_iter();
    counted
        .filter(|(name, _)| of_calls(name))
        .map(|(_, count)| count)
        .sum()
}

#[tokio::test]
async fn comparison_takes_as_many_queries_for_many_calls_as_for_few() {
    let house = House::start_with(at_once()).await;
    let asterisk = house.asterisk(Manner::Still).await;
    let mut taken = Vec::new();
    for numbers in [0..3, 3..600] {
        for number in numbers {
            talking(&house, asterisk.id(), number).await;
            asterisk.add_channel(&format!("channel-{}-{number}", asterisk.id()), "Up");
            asterisk.add_bridge(&format!("bridge-{}-{number}", asterisk.id()));
        }
        taken.push(queries_of_a_comparison(&house, &asterisk).await);
    }
    assert_eq!(taken[0], taken[1]);
    assert!(taken[0] <= 5, "{taken:?}");
    house.stop().await;
}
