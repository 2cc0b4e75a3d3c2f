//! `trunkline asterisk-proxy` on the reference's wire, row by row (chapter 01 §8.2 and
//! §8.3), asked as the Go services ask.

use serde_json::{Value, json};

use crate::amqp::Client;
use crate::asterisk::{self, Asterisk};
use crate::world::{PATIENCE, RoleProcess, World};

const CALLS: &str = "asterisk.call.request";
const CONFERENCES: &str = "asterisk.conference.request";
const FIRST: &str = "02:00:00:00:00:0a";
const SECOND: &str = "02:00:00:00:00:0b";

fn own_queue(id: &str) -> String {
    format!("asterisk.{id}.request")
}

/// A proxy beside this Asterisk, connected, its queues served.
async fn proxy(world: &World, asterisk: &Asterisk, name: &str, more: &[&str]) -> RoleProcess {
    let lists = format!("{CALLS},{CONFERENCES}");
    let mut line = vec!["--ari_address", &asterisk.address, "--ari-account"];
    line.extend([asterisk::ACCOUNT, "--rabbitmq_queue_listen", &lists]);
    line.extend(more);
    let mut proxy = world.role("asterisk-proxy", name, &line).await;
    let (http, url) = (reqwest::Client::new(), proxy.health.clone());
    let connected = proxy.process.until(PATIENCE, async || {
        let report: Value = http.get(&url).send().await.unwrap().json().await.unwrap();
        report["asterisks"][0]["connected"] == true
    });
    connected.await.unwrap();
    proxy
}

async fn until_served(client: &Client, proxy: &mut RoleProcess, queues: &[&str]) {
    for queue in queues {
        let served = proxy
            .process
            .until(PATIENCE, async || client.has_queue(queue).await);
        served.await.unwrap();
    }
}

fn request(method: &str, uri: &str, data: Value) -> Value {
    let mut request = json!({
        "uri": uri, "method": method, "publisher": "call-manager", "data_type": "application/json",
    });
    if !data.is_null() {
        request["data"] = data;
    }
    request
}

#[tokio::test]
async fn requests_are_answered_as_the_chapter_says() {
    let world = World::start().await;
    let asterisk = Asterisk::start(FIRST).await;
    let port = asterisk::ami().await.to_string();
    let ami = ["--ami_port", &port, "--ami_password", "let-me-in"];
    let mut proxy = proxy(&world, &asterisk, "proxy", &ami).await;
    let client = Client::connect(&world.broker.address()).await;
    let own = own_queue(FIRST);
    until_served(&client, &mut proxy, &[&own, CALLS, CONFERENCES]).await;

    // Any method, the data as the raw body, its type as the content type, the account.
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let data = json!({"reason_code": "16", "text": "<ü>"});
        let reply = client
            .ask(&own, &request(method, "/ari/echo", data.clone()))
            .await;
        let echo = json!({
            "method": method, "authorization": "Basic YW5uOnNlY3JldA==",
            "content_type": "application/json", "body": data.to_string(),
        });
        let expected = json!({"status_code": 202, "data_type": "application/json", "data": echo});
        assert_eq!(reply, expected);
    }
    let bare = json!({"uri": "/ari/echo", "method": "GET", "publisher": "x", "data_type": ""});
    let reply = client.ask(&own, &bare).await;
    assert_eq!(
        (&reply["data"]["content_type"], &reply["data"]["body"]),
        (&json!(""), &json!(""))
    );

    // Asterisk's answer as it is: with a body, without, and when it refuses.
    let bridge = request("POST", "/ari/bridges/b1", json!({"type": "mixing"}));
    let reply = client.ask(CONFERENCES, &bridge).await;
    assert_eq!(
        (&reply["status_code"], &reply["data"]["id"]),
        (&json!(200), &json!("b1"))
    );
    let gone = request("DELETE", "/ari/bridges/b1", Value::Null);
    let reply = client.ask(&own, &gone).await;
    assert_eq!(
        reply,
        json!({"status_code": 204, "data_type": "application/json"})
    );
    let reply = client.ask(&own, &gone).await;
    assert_eq!(
        (&reply["status_code"], &reply["data_type"]),
        (&json!(404), &json!("application/json"))
    );

    // AMI, in both spellings; what is no object of texts is a 500.
    for uri in ["/ami", "/ami/"] {
        let reply = client
            .ask(CALLS, &request("POST", uri, json!({"Action": "Ping"})))
            .await;
        let answer = json!({"Response": "Success", "Did": "Ping"});
        let expected = json!({"status_code": 200, "data_type": "application/json", "data": answer});
        assert_eq!(reply, expected, "{uri}");
    }
    let numbers = request("POST", "/ami/", json!({"Action": 1}));
    let bare = |status: u16| json!({"status_code": status, "data_type": ""});
    for (asked, expected) in [
        (numbers, bare(500)),
        (request("GET", "/ari/page", Value::Null), bare(500)),
        (request("GET", "/v1/calls", Value::Null), bare(404)),
        (request("GET", "/ari", Value::Null), bare(404)),
        (request("POST", "/proxy/anything", json!({})), bare(404)),
        (
            request("GET", "/proxy/recording_file_move", Value::Null),
            bare(404),
        ),
        (
            request(
                "POST",
                "/proxy/recording_file_move",
                json!({"filenames": 1}),
            ),
            bare(400),
        ),
        (
            request("POST", "/proxy/recording_file_move", Value::Null),
            bare(400),
        ),
        (
            request(
                "POST",
                "/proxy/recording_file_move",
                json!({"filenames": []}),
            ),
            bare(200),
        ),
    ] {
        assert_eq!(client.ask(&own, &asked).await, expected, "{asked}");
    }
    assert_eq!(client.ask_bytes(&own, b"garbage").await, bare(400));

    let metrics = proxy.metrics().await;
    assert!(
        metrics.contains("asterisk_proxy_notify_total{type=\"ari_event\"}"),
        "{metrics}"
    );
    proxy.process.stop().await.unwrap();
}

#[tokio::test]
async fn events_go_out_in_the_envelope_of_the_chapter() {
    let world = World::start().await;
    let client = Client::connect(&world.broker.address()).await;
    let mut events = client.events().await;
    let asterisk = Asterisk::start(FIRST).await;
    let mut proxy = proxy(&world, &asterisk, "proxy", &[]).await;
    until_served(&client, &mut proxy, &[CALLS]).await;
    let channel = json!({
        "endpoint": "pjsip/call-out/sip:+15550100@gw.example.net", "app": "voipbin",
        "appArgs": "context_type=call", "channelId": "7c0c2a52-4f0a-4f55-9a0f-0d6f4f1c0002",
    });
    let create = request("POST", "/ari/channels/create", channel);
    let reply = client.ask(CALLS, &create).await;
    assert_eq!(reply["status_code"], 200, "{reply}");
    // Without a filter everything is told, also what Trunkline itself does not want.
    events.next("ChannelCreated").await;
    let text = events.next("StasisStart").await;
    let begin = r#"{"type":"ari_event","publisher":"asterisk-proxy","data_type":"application/json","data":{"#;
    assert!(text.starts_with(begin), "{text}");
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(event.as_object().unwrap().len(), 4, "{text}");
    let data = &event["data"];
    assert_eq!(data["asterisk_id"], FIRST, "{text}");
    assert_eq!(data["application"], "voipbin");
    assert_eq!(
        data["channel"]["id"],
        "7c0c2a52-4f0a-4f55-9a0f-0d6f4f1c0002"
    );
    proxy.process.stop().await.unwrap();
}

#[tokio::test]
async fn several_proxies_share_the_permanent_queues_and_each_has_its_own() {
    let world = World::start().await;
    let client = Client::connect(&world.broker.address()).await;
    // A Go proxy was here before: its queue is taken as it is.
    client.declare(CALLS, false).await.unwrap();
    let (one, other) = (Asterisk::start(FIRST).await, Asterisk::start(SECOND).await);
    let mut first = proxy(&world, &one, "first", &[]).await;
    let mut second = proxy(&world, &other, "second", &[]).await;
    let (mine, others) = (own_queue(FIRST), own_queue(SECOND));
    until_served(&client, &mut first, &[&mine, CALLS, CONFERENCES]).await;
    until_served(&client, &mut second, &[&others, CALLS, CONFERENCES]).await;

    let who = request("GET", "/ari/asterisk/info?only=system", Value::Null);
    let asked = async |queue: &str| {
        let reply = client.ask(queue, &who).await;
        reply["data"]["system"]["entity_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(asked(&mine).await, FIRST);
    assert_eq!(asked(&others).await, SECOND);
    // Both answer what any may answer.
    for missing in [FIRST, SECOND] {
        let by_it = first
            .process
            .until(PATIENCE, async || asked(CALLS).await == missing);
        by_it.await.unwrap();
    }
    // The forms are the reference's: the broker takes its declarations beside ours.
    for (queue, volatile) in [(CALLS, false), (CONFERENCES, false), (mine.as_str(), true)] {
        client.declare(queue, volatile).await.unwrap();
        assert!(client.declare(queue, !volatile).await.is_err(), "{queue}");
    }
    // With one gone the other goes on, for both.
    first.process.stop().await.unwrap();
    for _ in 0..4 {
        assert_eq!(asked(CALLS).await, SECOND);
    }
    second.process.stop().await.unwrap();
}
