//! Incoming calls: the number's flow runs on the channel.

use serde_json::{Value, json};
use trunkline_bus::Method::{Get, Post};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::{Asterisk, Manner};
use trunkline_it::{House, event};
use trunkline_model::service::Service;

const NUMBER: &str = "+493023125777";

async fn with_a_number(manner: Manner) -> (House, Asterisk) {
    let house = House::start().await;
    let sleep = json!({"type": "sleep", "option": {"duration": 3_600_000}});
    let flow = house.flow(&json!([{"type": "answer"}, sleep])).await;
    let number = json!({"customer_id": DEFAULT_CUSTOMER, "number": NUMBER, "call_flow_id": flow});
    house.make(Service::NUMBER, "/v1/numbers", &number).await;
    let asterisk = house.asterisk(manner).await;
    (house, asterisk)
}

/// Somebody calls `number`.
async fn ring(asterisk: &Asterisk, channel: &str, number: &str) {
    let args = [
        "context_type=call",
        "context=call-in",
        "domain=pstn.trunkline.localhost",
        "direction=incoming",
    ];
    let from = json!({"name": "Ada", "number": "+4930111"});
    let extra = json!({
        "args": args,
        "channel": {"id": channel, "name": "PJSIP/trunk-1", "state": "Ring", "caller": from, "dialplan": {"exten": number}},
    });
    asterisk.event("StasisStart", channel, &extra).await;
}

async fn calls(house: &House) -> Vec<Value> {
    let (_, calls) = house.call(Get, "/v1/calls?page_size=10", None).await;
    calls.as_array().expect("a list").clone()
}

#[tokio::test]
async fn number_leads_its_caller_to_its_flow_once() {
    let (house, asterisk) = with_a_number(Manner::Still).await;
    asterisk.add_channel("in-1", "Ring");
    for _ in 0..2 {
        ring(&asterisk, "in-1", NUMBER).await;
    }
    let found = calls(&house).await;
    assert_eq!(found.len(), 1, "a repeated event makes no second call");
    let call = &found[0];
    assert_eq!(
        [&call["direction"], &call["status"], &call["action"]["type"]],
        ["incoming", "ringing", "sleep"]
    );
    assert_eq!(asterisk.asked("POST", "/in-1/answer"), 1);
    assert_eq!(asterisk.bridges().len(), 1);
    let uri = format!(
        "/v1/variables/{}",
        call["activeflow_id"].as_str().expect("an id")
    );
    let read = house.ask(Service::FLOW, Get, &uri, None).await;
    let read: Value = serde_json::from_str(read.data.expect("variables").get()).expect("JSON");
    assert_eq!(read["variables"]["voipbin.call.source.target"], "+4930111");

    let up = json!({"state": "Up"});
    asterisk.event("ChannelStateChange", "in-1", &up).await;
    let end = json!({"cause": 16});
    asterisk.event("ChannelDestroyed", "in-1", &end).await;
    let call = calls(&house).await.remove(0);
    assert_eq!([&call["status"], &call["hangup_by"]], ["hangup", "remote"]);
    assert!(asterisk.bridges().is_empty());
    house.stop().await;
}

#[tokio::test]
async fn number_that_nobody_has_is_refused_with_cause_3_and_leaves_no_call() {
    let (house, asterisk) = with_a_number(Manner::Still).await;
    asterisk.add_channel("in-1", "Ring");
    ring(&asterisk, "in-1", "+493099").await;
    assert_eq!(asterisk.asked("DELETE", "/in-1"), 1);
    assert!(calls(&house).await.is_empty());
    house.stop().await;
}

/// Asterisk does not tell of the end of a channel that it was not asked to create.
#[tokio::test]
async fn end_of_an_incoming_call_is_told_because_it_was_asked_for() {
    let (house, asterisk) = with_a_number(Manner::Lively).await;
    let (_calls, mut of_calls) = house.events_of(Service::CALL).await;
    asterisk.add_channel("in-1", "Ring");
    ring(&asterisk, "in-1", NUMBER).await;
    let id = calls(&house).await[0]["id"].clone();
    let uri = format!("/v1/calls/{}", id.as_str().expect("an id"));
    let (status, _) = house.call(Post, &format!("{uri}/hangup"), None).await;
    assert_eq!(status, 200);
    let ended = event(&mut of_calls, "call_hangup").await;
    assert_eq!(ended["data"]["id"], id);
    // The comparison, which would find a missed end in the end, guesses 127.
    let (_, outcome) = house.call(Get, &format!("{uri}/outcome"), None).await;
    assert_eq!(outcome["hangup_cause"], 16, "{outcome}");
    house.stop().await;
}

#[tokio::test]
async fn caller_who_has_hung_up_before_anybody_looked_leaves_no_call() {
    let (house, asterisk) = with_a_number(Manner::Still).await;
    ring(&asterisk, "in-1", NUMBER).await;
    assert!(calls(&house).await.is_empty());
    assert_eq!(asterisk.asked("DELETE", "/in-1"), 0);
    // A repeated event finds the call of a caller who is gone: it ends.
    asterisk.add_channel("in-2", "Ring");
    ring(&asterisk, "in-2", NUMBER).await;
    asterisk.forget_everything();
    ring(&asterisk, "in-2", NUMBER).await;
    assert_eq!(calls(&house).await[0]["status"], "hangup");
    house.stop().await;
}
