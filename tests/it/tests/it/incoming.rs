//! Incoming calls: the number's flow runs on the channel.

use serde_json::{Value, json};
use trunkline_bus::Method::Get;
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::House;
use trunkline_it::asterisk::{Asterisk, Manner};
use trunkline_model::service::Service;

const NUMBER: &str = "+493023125777";

async fn with_a_number() -> (House, Asterisk) {
    let house = House::start().await;
    let sleep = json!({"type": "sleep", "option": {"duration": 3_600_000}});
    let flow = house.flow(&json!([{"type": "answer"}, sleep])).await;
    let number = json!({"customer_id": DEFAULT_CUSTOMER, "number": NUMBER, "call_flow_id": flow});
    house.make(Service::NUMBER, "/v1/numbers", &number).await;
    let asterisk = house.asterisk(Manner::Still).await;
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
    asterisk.add_channel(channel, "Ring");
    asterisk.event("StasisStart", channel, &extra).await;
}

async fn calls(house: &House) -> Vec<Value> {
    let (_, calls) = house.call(Get, "/v1/calls?page_size=10", None).await;
    calls.as_array().expect("a list").clone()
}

#[tokio::test]
async fn number_leads_its_caller_to_its_flow_once() {
    let (house, asterisk) = with_a_number().await;
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
    let (house, asterisk) = with_a_number().await;
    ring(&asterisk, "in-1", "+493099").await;
    assert_eq!(asterisk.asked("DELETE", "/in-1"), 1);
    assert!(calls(&house).await.is_empty());
    house.stop().await;
}
