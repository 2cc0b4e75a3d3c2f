//! The role over a real bus and a real store.

mod servers;
mod world;

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_flow::Config;
use trunkline_model::activeflow::Status;
use trunkline_store::Database;
use uuid::Uuid;

use crate::world::{NO_CALL, World, text};

const START: &str = "00000000-0000-0000-0000-000000000001";
const FINISH: &str = "00000000-0000-0000-0000-000000000002";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

fn id(n: u128) -> String {
    Uuid::from_u128(0x100 + n).to_string()
}

fn action(n: u128, kind: &str, option: Value) -> Value {
    json!({"id": id(n), "type": kind, "option": option})
}

#[tokio::test(start_paused = true)]
async fn a_call_walks_through_its_flow() {
    let world = World::new().await;
    let greeting = action(2, "talk", json!({"text": "hello ${name}"}));
    let flow = world.flow(json!([{"type": "answer"}, greeting])).await;
    let body = json!({
        "customer_id": world.customer, "flow_id": flow, "reference_type": "call",
        "variables": {"name": "Ada", "voipbin.call.id": "forged"},
    });
    let made = world.done(Post, "/v1/activeflows", body).await;
    assert_eq!(made["status"], "running");
    assert_eq!(made["current_action"]["id"], START);
    assert_eq!(made["tm_update"], Value::Null);
    let uri = format!("/v1/activeflows/{}", text(&made["id"]));

    let (_, answer) = world.next(&uri, START).await;
    assert_eq!(answer["type"], "answer");
    let (_, talk) = world.next(&uri, &text(&answer["id"])).await;
    assert_eq!(talk["option"]["text"], "hello Ada");
    let (status, finish) = world.next(&uri, &id(2)).await;
    assert_eq!(
        (status, &finish),
        (
            200,
            &json!({"id": FINISH, "next_id": NIL, "tm_execute": null})
        )
    );

    let row = world.row(&uri).await;
    assert_eq!((row.status, row.execute_count), (Status::Ended, 3));
    let mut expected = vec!["flow_created", "activeflow_created"];
    expected.extend(["activeflow_updated"; 4]);
    assert_eq!(world.event_kinds().await, expected);
    let variables = world
        .done(Get, &uri.replace("activeflows", "variables"), Value::Null)
        .await;
    assert_eq!(variables["variables"]["name"], "Ada");
    assert_eq!(variables["variables"].get("voipbin.call.id"), None);
    assert_eq!(world.next(&uri, FINISH).await.0, 400);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_gets_the_same_action_and_an_old_one_ends_the_activeflow() {
    let world = World::new().await;
    let flow = world
        .flow(json!([
            action(1, "answer", json!({})),
            action(2, "play", json!({}))
        ]))
        .await;
    let uri = world.activeflow(&flow, "call").await;
    world.next(&uri, START).await;
    let first = world.next(&uri, &id(1)).await;
    assert_eq!(world.next(&uri, &id(1)).await, first);
    assert_eq!(world.row(&uri).await.execute_count, 2);
    world.advance(Duration::from_secs(11));
    assert_eq!(world.next(&uri, &id(1)).await.0, 400);
    assert_eq!(world.row(&uri).await.status, Status::Ended);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_request_ends_the_activeflow_and_stop_answers_it() {
    let world = World::new().await;
    let flow = world.flow(json!([action(1, "answer", json!({}))])).await;
    let uri = world.activeflow(&flow, "call").await;
    assert_eq!(world.next(&uri, &id(9)).await, (400, Value::Null));
    let stopped = world.done(Post, &format!("{uri}/stop"), Value::Null).await;
    assert_eq!(stopped["status"], "ended");
    let updated = world
        .event_kinds()
        .await
        .iter()
        .filter(|kind| *kind == "activeflow_updated")
        .count();
    assert_eq!(updated, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_at_once_move_once() {
    let world = World::on_disk().await;
    let set = |n| action(n, "variable_set", json!({"key": "a", "value": "${a}x"}));
    let flow = world
        .flow(json!([
            set(1),
            action(2, "answer", json!({})),
            action(3, "hangup", json!({}))
        ]))
        .await;
    let uri = world.activeflow(&flow, "call").await;
    let (one, two, three) = tokio::join!(
        world.next(&uri, START),
        world.next(&uri, START),
        world.next(&uri, START)
    );
    assert_eq!(one.1["id"], id(2));
    assert_eq!((&one, &one), (&two, &three));
    assert_eq!(world.row(&uri).await.execute_count, 2);
    let variables = world
        .done(Get, &uri.replace("activeflows", "variables"), Value::Null)
        .await;
    assert_eq!(variables["variables"]["a"], "x");
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_campaign_runs_to_its_end_and_what_follows_it_six_times_at_most() {
    let world = World::new().await;
    let actions = json!([
        action(1, "talk", json!({})),
        action(2, "variable_set", json!({"key": "n", "value": "1${n}"}))
    ]);
    let flow = world.flow(actions.clone()).await;
    let update = json!({"name": "again", "actions": actions, "on_complete_flow_id": flow});
    world.done(Put, &format!("/v1/flows/{flow}"), update).await;
    let uri = world.activeflow(&flow, "campaign").await;
    world
        .done(Post, &format!("{uri}/execute"), Value::Null)
        .await;
    world.settled().await;

    let all = world.activeflows().await;
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|activeflow| activeflow["status"] == "ended"));
    // One after the other: each names the one before, the first none.
    let mut last = NIL.to_owned();
    for _ in 0..6 {
        let after = all
            .iter()
            .find(|it| it["reference_activeflow_id"] == json!(last))
            .unwrap();
        assert_eq!(after["reference_id"], all[0]["reference_id"]);
        last = text(&after["id"]);
    }
    let last = format!("/v1/variables/{last}");
    let variables = world.done(Get, &last, Value::Null).await;
    assert_eq!(variables["variables"]["n"], "111111");
    assert_eq!(
        variables["variables"]["voipbin.activeflow.complete_count"],
        "5"
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_execute_leaves_a_running_activeflow_alone() {
    let world = World::new().await;
    let flow = world
        .flow(json!([
            action(1, "block", json!({})),
            action(2, "variable_set", json!({}))
        ]))
        .await;
    let uri = world.activeflow(&flow, "api").await;
    for _ in 0..2 {
        world
            .done(Post, &format!("{uri}/execute"), Value::Null)
            .await;
    }
    let row = world.row(&uri).await;
    assert_eq!((row.status, row.execute_count), (Status::Running, 1));

    let body = json!({"current_action_id": id(1)});
    world
        .done(Post, &format!("{uri}/continue"), body.clone())
        .await;
    assert_eq!(world.row(&uri).await.status, Status::Ended);
    assert_eq!(
        world.ask(Post, &format!("{uri}/continue"), body).await.0,
        400
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_pushes_adds_forwards_and_leaves() {
    let world = World::new().await;
    let flow = world
        .flow(json!([
            action(1, "answer", json!({})),
            action(2, "hangup", json!({}))
        ]))
        .await;
    let uri = world.activeflow(&flow, "call").await;
    world.next(&uri, START).await;
    let more = |n| json!({"actions": [action(n, "play", json!({}))]});
    assert_eq!(
        world
            .ask(Post, &format!("{uri}/add_actions"), more(9))
            .await
            .0,
        400
    );

    world
        .done(Post, &format!("{uri}/push_actions"), more(3))
        .await;
    let pushed = world.row(&uri).await;
    assert_eq!(pushed.forward_action_id.to_string(), id(3));
    assert_eq!(world.next(&uri, &id(1)).await.1["id"], id(3));
    world
        .done(Post, &format!("{uri}/add_actions"), more(4))
        .await;
    assert_eq!(world.next(&uri, &id(3)).await.1["id"], id(4));

    let service = json!({"service_id": pushed.forward_stack_id});
    world
        .done(Post, &format!("{uri}/service_stop"), service)
        .await;
    assert_eq!(world.next(&uri, &id(4)).await.1["id"], id(2));

    let forward = json!({"forward_action_id": id(1), "forward_now": true});
    world
        .done(Put, &format!("{uri}/forward_action_id"), forward)
        .await;
    world.settled().await;
    let call = world.row(&uri).await.reference_id;
    let asked = (
        "POST".to_owned(),
        format!("/v1/calls/{call}/action-next"),
        r#"{"force":true}"#.to_owned(),
    );
    assert_eq!(world.calls(), [asked]);
    assert_eq!(world.next(&uri, &id(2)).await.1["id"], id(1));
    let nowhere = json!({"forward_action_id": id(9)});
    assert_eq!(
        world
            .ask(Put, &format!("{uri}/forward_action_id"), nowhere)
            .await
            .0,
        400
    );
    assert_eq!(world.row(&uri).await.status, Status::Running);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_pressed_at_once_all_arrive() {
    let world = World::on_disk().await;
    let flow = world.flow(json!([])).await;
    let uri = world
        .activeflow(&flow, "call")
        .await
        .replace("activeflows", "variables");
    let set = |value: &str| json!({"variables": {"voipbin.call.digits": value}});
    let post = format!("{uri}/variables");
    world.done(Post, &post, set("")).await;
    tokio::join!(
        world.done(Post, &post, set("${voipbin.call.digits}1")),
        world.done(Post, &post, set("${voipbin.call.digits}2")),
        world.done(Post, &post, set("${voipbin.call.digits}3")),
    );
    let question = json!({"data": "[${voipbin.call.digits}]"});
    let digits = text(
        &world
            .done(Post, &format!("{uri}/substitute"), question)
            .await["data"],
    );
    assert_eq!(digits.len(), 5);
    assert!(
        ["1", "2", "3"].iter().all(|digit| digits.contains(digit)),
        "{digits}"
    );

    world
        .done(
            Delete,
            &format!("{uri}/variables/voipbin.call%2Edigits"),
            Value::Null,
        )
        .await;
    let left = world.done(Get, &uri, Value::Null).await;
    assert_eq!(left["variables"].get("voipbin.call.digits"), None);
    assert_eq!(
        world
            .ask(Get, &format!("/v1/variables/{}", id(9)), Value::Null)
            .await,
        (404, Value::Null)
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_data_of_the_call_is_fetched_when_it_is_asked_for() {
    let world = World::new().await;
    let talk = action(1, "talk", json!({"text": "${voipbin.flow.reference_data}"}));
    let flow = world.flow(json!([talk])).await;
    let uri = world.activeflow(&flow, "call").await;
    let (_, action) = world.next(&uri, START).await;
    let data: Value = serde_json::from_str(&text(&action["option"]["text"])).unwrap();
    assert_eq!(data["id"], json!(world.row(&uri).await.reference_id));
    assert_eq!(data["status"], "progressing");
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_actions_of_another_flow_run_and_those_of_another_customer_end_it() {
    let world = World::new().await;
    let inner = world.flow(json!([action(7, "beep", json!({}))])).await;
    let outer = world
        .flow(json!([action(1, "fetch_flow", json!({"flow_id": inner}))]))
        .await;
    let uri = world.activeflow(&outer, "call").await;
    assert_eq!(world.next(&uri, START).await.1["id"], id(7));

    let foreign =
        json!({"customer_id": Uuid::new_v4(), "actions": [{"type": "beep"}], "persist": true});
    let foreign = text(&world.done(Post, "/v1/flows", foreign).await["id"]);
    let outer = world
        .flow(json!([action(
            1,
            "fetch_flow",
            json!({"flow_id": foreign})
        )]))
        .await;
    let uri = world.activeflow(&outer, "call").await;
    assert_eq!(world.next(&uri, START).await.0, 400);
    assert_eq!(world.row(&uri).await.status, Status::Ended);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_temporary_flow_lives_for_a_day_and_is_not_a_row() {
    let world = World::new().await;
    let body =
        json!({"customer_id": world.customer, "type": "flow", "actions": [{"type": "answer"}]});
    let made = world.done(Post, "/v1/flows", body).await;
    assert_eq!(made.get("persist"), None);
    let uri = format!("/v1/flows/{}", text(&made["id"]));
    assert_eq!(world.done(Get, &uri, Value::Null).await, made);
    let action = text(&made["actions"][0]["id"]);
    assert_eq!(
        world
            .done(Get, &format!("{uri}/actions/{action}"), Value::Null)
            .await["type"],
        "answer"
    );
    assert_eq!(
        world.done(Get, "/v1/flows?page_size=9", json!({})).await,
        json!([])
    );
    let (status, error) = world.ask(Delete, &uri, Value::Null).await;
    assert_eq!((status, &error["reason"]), (404, &json!("FLOW_NOT_FOUND")));
    world.advance(Duration::from_secs(24 * 3600));
    assert_eq!(world.ask(Get, &uri, Value::Null).await.0, 404);
    tokio::time::sleep(Duration::from_secs(601)).await;
    let rows = world
        .db
        .query("SELECT id FROM trunkline_temporary_flows", vec![])
        .await
        .unwrap();
    assert!(rows.is_empty());
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_flow_is_changed_listed_counted_and_deleted_once() {
    let world = World::with(Config {
        flows_per_customer: 2,
        ..Config::default()
    })
    .await;
    let flow = world.flow(json!([{"type": "answer"}])).await;
    let uri = format!("/v1/flows/{flow}");
    let changed = world
        .done(Put, &format!("{uri}/actions"), json!({"actions": null}))
        .await;
    assert_eq!(
        (changed.get("actions"), &changed["persist"]),
        (None, &json!(true))
    );
    world.flow(json!([])).await;
    let third = json!({"customer_id": world.customer});
    assert_eq!(
        world.ask(Post, "/v1/flows", third.clone()).await,
        (400, Value::Null)
    );
    assert_eq!(
        world.done(Get, "/v1/flows/count_by_customer", third).await,
        json!({"count": 2})
    );

    let deleted = world.done(Delete, &uri, Value::Null).await;
    assert!(deleted["tm_delete"].is_string());
    world.advance(Duration::from_secs(1));
    assert_eq!(world.done(Delete, &uri, Value::Null).await, deleted);
    assert_eq!(
        world
            .ask(Put, &format!("{uri}/actions"), json!({"actions": []}))
            .await
            .0,
        404
    );
    let filter = json!({"customer_id": world.customer, "deleted": false});
    let list = world.done(Get, "/v1/flows?page_size=9", filter).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    let kinds = world.event_kinds().await;
    assert_eq!(
        kinds,
        [
            "flow_created",
            "flow_updated",
            "flow_created",
            "flow_deleted"
        ]
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_is_refused_with_its_reason() {
    let world = World::new().await;
    let create = |actions| json!({"customer_id": world.customer, "actions": actions});
    let refused = [
        (json!([{"type": "gather"}]), "INVALID_ACTION_TYPE"),
        (json!([{"type": "empty"}]), "INVALID_ACTION_TYPE"),
        (
            json!([{"type": "connect", "option": {"anonymous": "maybe"}}]),
            "INVALID_ANONYMOUS_VALUE",
        ),
    ];
    for (actions, reason) in refused {
        let (status, error) = world.ask(Post, "/v1/flows", create(actions)).await;
        assert_eq!((status, &error["reason"]), (400, &json!(reason)));
    }
    let flow = world.flow(json!([])).await;
    let foreign = json!({"customer_id": Uuid::new_v4(), "flow_id": flow});
    assert_eq!(
        world.ask(Post, "/v1/activeflows", foreign).await,
        (400, Value::Null)
    );
    let (status, error) = world
        .ask(Get, &format!("/v1/activeflows/{}", id(1)), Value::Null)
        .await;
    assert_eq!(
        (status, &error["reason"]),
        (404, &json!("ACTIVEFLOW_NOT_FOUND"))
    );
    let (status, _) = world
        .ask(
            Post,
            &format!("/v1/flows/{flow}/direct-hash-regenerate"),
            Value::Null,
        )
        .await;
    assert_eq!(status, 503);
    assert_eq!(
        world
            .ask(Get, "/v1/activeflows?page_size=1", Value::Null)
            .await
            .0,
        400
    );
    assert_eq!(
        world.ask(Get, "/v1/nothing", Value::Null).await,
        (404, Value::Null)
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn creating_again_with_the_same_id_is_the_same_activeflow() {
    let world = World::new().await;
    let flow = world.flow(json!([])).await;
    let mut body = json!({"id": id(1), "customer_id": world.customer, "flow_id": flow, "reference_type": "call"});
    let made = world.done(Post, "/v1/activeflows", body.clone()).await;
    assert_eq!(
        world.done(Post, "/v1/activeflows", body.clone()).await,
        made
    );
    body["reference_id"] = json!(id(2));
    assert_eq!(world.ask(Post, "/v1/activeflows", body).await.0, 400);
    let created = world
        .event_kinds()
        .await
        .iter()
        .filter(|kind| *kind == "activeflow_created")
        .count();
    assert_eq!(created, 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_customers_flows_go_and_start_nothing() {
    let world = World::new().await;
    let flow = world.flow(json!([action(1, "answer", json!({}))])).await;
    let update = json!({"actions": [action(1, "answer", json!({}))], "on_complete_flow_id": flow});
    world.done(Put, &format!("/v1/flows/{flow}"), update).await;
    let uri = world.activeflow(&flow, "call").await;
    world.customer_event("customer_created").await;
    assert_eq!(world.row(&uri).await.status, Status::Running);
    for _ in 0..2 {
        world.customer_event("customer_deleted").await;
    }
    let row = world.row(&uri).await;
    assert!(row.status == Status::Ended && row.tm_delete.is_some());
    assert_eq!(world.activeflows().await.len(), 1);
    let kinds = world.event_kinds().await;
    let expected = ["flow_deleted", "activeflow_updated", "activeflow_deleted"];
    assert_eq!(kinds[kinds.len() - 3..], expected);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn deleting_an_activeflow_ends_it_first_and_happens_once() {
    let world = World::new().await;
    let flow = world.flow(json!([action(1, "answer", json!({}))])).await;
    let uri = world.activeflow(&flow, "call").await;
    let deleted = world.done(Delete, &uri, Value::Null).await;
    assert_eq!(deleted["status"], "ended");
    assert_eq!(world.done(Delete, &uri, Value::Null).await, deleted);
    let kinds = world.event_kinds().await;
    assert_eq!(kinds[2..], ["activeflow_updated", "activeflow_deleted"]);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_activeflow_whose_call_never_came_to_be_is_stopped_and_no_other() {
    let config = Config {
        sweep_interval_ms: 60_000,
        ..Config::default()
    };
    let world = World::with(config).await;
    let flow = world.flow(json!([action(1, "answer", json!({}))])).await;
    let of_call = async |call: String| {
        let body = json!({
            "customer_id": world.customer, "flow_id": flow,
            "reference_type": "call", "reference_id": call,
        });
        let made = world.done(Post, "/v1/activeflows", body).await;
        format!("/v1/activeflows/{}", text(&made["id"]))
    };
    let dead = || format!("{NO_CALL}{}", &Uuid::new_v4().to_string()[4..]);
    let orphan = of_call(dead()).await;
    let begun = of_call(dead()).await;
    world.next(&begun, START).await;
    let waits = of_call(Uuid::new_v4().to_string()).await;
    world.advance(Duration::from_secs(601));
    let young = of_call(dead()).await;
    let stopped = async {
        while world.row(&orphan).await.status != Status::Ended {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), stopped)
        .await
        .expect("stopped at the next look");
    for other in [begun, waits, young] {
        assert_eq!(world.row(&other).await.status, Status::Running);
    }
    world.end().await;
}
