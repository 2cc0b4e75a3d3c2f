//! What one call costs, counted: requests over the bus and batches of the store.
//! Counts, not times: they are the same on every machine.

use std::collections::BTreeMap;

use serde_json::json;
use trunkline_bus::Method::{Get, Post, Put};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::Manner;
use trunkline_it::{House, PATIENCE, SOURCE, event};
use trunkline_model::service::Service;
use uuid::Uuid;

/// Requests that one outgoing call may take, that of its caller included.
const REQUESTS: usize = 18;
/// Batches that one outgoing call may take; what the outbox, the inbox and the
/// due rows need is shared by many calls and counted apart.
const BATCHES: usize = 12;

/// What belongs to delivery, not to one call.
fn is_shared(batch: &str) -> bool {
    let tables = ["trunkline_outbox", "trunkline_inbox", "trunkline_due"];
    batch
        .split(", ")
        .all(|subject| tables.iter().any(|table| subject.ends_with(table)))
}

fn table(title: &str, counts: &BTreeMap<String, usize>) -> String {
    let mut lines = vec![format!("{title}: {}", counts.values().sum::<usize>())];
    lines.extend(
        counts
            .iter()
            .map(|(name, count)| format!("{count:>5}  {name}")),
    );
    lines.join("\n")
}

#[tokio::test]
async fn one_answered_call_stays_within_its_budget() {
    let house = House::start().await;
    house.allow_calls().await;
    let sleep = json!({"type": "sleep", "option": {"duration": 1}});
    let flow = house.flow(&json!([sleep, {"type": "hangup"}])).await;
    let asterisk = house.asterisk(Manner::Lively).await;
    let (_calls, mut of_call) = house.events_of(Service::CALL).await;
    let (_flows, mut of_flow) = house.events_of(Service::FLOW).await;
    let body = json!({
        "flow_id": flow,
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": {"type": "tel", "target": "+493012345620"},
    });
    // The first call finds out what nobody needs to ask for again.
    for _ in 0..2 {
        house.quiet().await;
        house.bus.requests.take();
        house.db.batches.take();
        house.db.queries.take();
        let uri = format!("/v1/calls/{}", Uuid::new_v4());
        assert_eq!(house.call(Post, &uri, Some(&body)).await.0, 200);
        let ended = event(&mut of_call, "call_hangup").await;
        assert_eq!(ended["data"]["hangup_reason"], "normal");
        assert!(ended["data"]["tm_progressing"].is_string(), "answered");
        while event(&mut of_flow, "activeflow_updated").await["data"]["status"] != "ended" {}
    }
    let requests = house.bus.requests.take();
    let batches = house.db.batches.take();
    let (shared, own): (BTreeMap<_, _>, BTreeMap<_, _>) =
        batches.into_iter().partition(|(batch, _)| is_shared(batch));
    let report = [
        table("requests", &requests),
        table("batches", &own),
        table("batches of delivery", &shared),
        table("queries", &house.db.queries.take()),
    ]
    .join("\n");
    eprintln!("{report}");
    let total = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
    assert!(total(&requests) <= REQUESTS, "{report}");
    assert!(total(&own) <= BATCHES, "{report}");
    assert_eq!(asterisk.channels(), Vec::<String>::new());
    house.stop().await;
}

#[tokio::test]
async fn customer_who_gets_a_server_gets_webhooks_again() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let (_calls, mut of_call) = house.events_of(Service::CALL).await;
    let body = json!({
        "flow_id": flow,
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": {"type": "tel", "target": "+493012345620"},
    });
    // Nobody takes the call: it ends, and says so.
    let mut webhooks_of_a_call = async || {
        house.bus.requests.take();
        let uri = format!("/v1/calls/{}", Uuid::new_v4());
        house.call(Post, &uri, Some(&body)).await;
        event(&mut of_call, "call_hangup").await;
        house.quiet().await;
        let counted = house.bus.requests.take();
        let of_webhooks = counted.get("webhook-manager POST /v1/webhooks");
        of_webhooks.copied().unwrap_or_default()
    };
    let in_time = tokio::time::timeout(PATIENCE, async { while webhooks_of_a_call().await > 0 {} });
    in_time.await.expect("nobody wants webhooks");
    let uri = format!("/v1/customers/{DEFAULT_CUSTOMER}");
    let server = json!({"name": "with a server", "webhook_uri": "http://127.0.0.1:9/hook", "webhook_method": "POST"});
    let updated = house.ask(Service::CUSTOMER, Put, &uri, Some(&server)).await;
    assert_eq!(updated.status_code, 200);
    let in_time =
        tokio::time::timeout(PATIENCE, async { while webhooks_of_a_call().await == 0 {} });
    in_time.await.expect("somebody wants webhooks");
    house.stop().await;
}

#[tokio::test]
async fn foreign_flow_manager_gets_a_calls_variables_in_a_request_of_their_own() {
    const PREPARED: &str = "flow-manager POST /v1/activeflows/prepared";
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let _asterisk = house.asterisk(Manner::Still).await;
    house.bus.unknown.set(PREPARED, 1);
    let body = json!({
        "flow_id": flow,
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": {"type": "tel", "target": "+493012345620"},
    });
    let mut call = json!(null);
    for _ in 0..2 {
        let uri = format!("/v1/calls/{}", Uuid::new_v4());
        let (status, made) = house.call(Post, &uri, Some(&body)).await;
        assert_eq!(status, 200);
        call = made;
    }
    let asked = house.bus.requests.take();
    let times = |name: &str| asked.get(name).copied().unwrap_or_default();
    assert_eq!(times(PREPARED), 1);
    assert_eq!(times("flow-manager POST /v1/activeflows"), 2);
    let uri = format!(
        "/v1/variables/{}",
        call["activeflow_id"].as_str().expect("an id")
    );
    let read = house.ask(Service::FLOW, Get, &uri, None).await;
    let read: serde_json::Value =
        serde_json::from_str(read.data.expect("variables").get()).expect("JSON");
    assert_eq!(read["variables"]["voipbin.call.id"], call["id"]);
    house.stop().await;
}
