//! What crosses the bus, against a scripted Asterisk.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus, Consumer, InProcess, QueueSpec, RequestHandler, Response};
use trunkline_model::id::{BridgeId, ChannelId};
use trunkline_model::service::Service;
use trunkline_model::wire;

use super::*;
use crate::cause;
use crate::request::{CreateChannel, Record};

/// Answers with the statuses of a script and remembers what was asked.
struct Script {
    answers: Mutex<VecDeque<(u16, Option<Value>)>>,
    asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl RequestHandler for Script {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.asked
            .lock()
            .unwrap()
            .push(serde_json::from_slice(&body).unwrap());
        let (status_code, data) = self.answers.lock().unwrap().pop_front().unwrap();
        let data = data.map(|data| wire::raw(&data));
        Some(
            Response {
                status_code,
                data_type: JSON.to_owned(),
                data,
            }
            .encode(),
        )
    }
}

struct Fixture {
    client: AriClient,
    script: Arc<Script>,
    to: AsteriskTarget,
    _consumer: Consumer,
}

impl Fixture {
    async fn answering(answers: &[(u16, Option<Value>)]) -> Self {
        let script = Arc::new(Script {
            answers: Mutex::new(answers.iter().cloned().collect()),
            asked: Mutex::default(),
        });
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let spec = QueueSpec::new("asterisk.aa:bb.request", 1);
        let consumer = bus
            .serve(spec, Arc::clone(&script) as Arc<dyn RequestHandler>)
            .await
            .unwrap();
        let rpc = Rpc::new(bus, Service::CALL, ServiceMetrics::default());
        let to = AsteriskTarget::One("aa:bb".into());
        Self {
            client: AriClient::new(rpc),
            script,
            to,
            _consumer: consumer,
        }
    }

    /// Method and URI of each request, in order.
    fn asked(&self) -> Vec<String> {
        let asked = self.script.asked.lock().unwrap();
        asked
            .iter()
            .map(|request| {
                format!(
                    "{} {}",
                    request["method"].as_str().unwrap(),
                    request["uri"].as_str().unwrap()
                )
            })
            .collect()
    }
}

fn refused(text: &str) -> Option<Value> {
    Some(json!({"message": text}))
}

fn create() -> CreateChannel {
    CreateChannel {
        app: "voipbin".to_owned(),
        channel_id: "c".into(),
        ..CreateChannel::default()
    }
}

#[tokio::test]
async fn application_follows_a_channel_and_is_told_that_it_is_gone() {
    let gone = [
        (422, refused("Event source does not exist")),
        (404, refused("Application not found")),
    ];
    let [no_channel, no_application] = gone;
    let fixture = Fixture::answering(&[(200, None), no_channel, no_application]).await;
    let channel = ChannelId::from("1735787045.12");
    let follow = || {
        fixture
            .client
            .follow_channel(&fixture.to, "voipbin", &channel)
    };
    follow().await.unwrap();
    assert!(follow().await.unwrap_err().is_gone());
    assert!(follow().await.unwrap_err().is_gone());
    let asked = fixture.script.asked.lock().unwrap();
    assert_eq!(
        asked[0],
        json!({"uri": "/ari/applications/voipbin/subscription", "method": "POST", "publisher": "call-manager",
            "data_type": "application/json", "data": {"eventSource": "channel:1735787045.12"}})
    );
}

#[tokio::test]
async fn hangup_is_the_references_request_and_a_gone_channel_is_success() {
    let fixture = Fixture::answering(&[(204, None), (404, refused("Channel not found"))]).await;
    let channel = ChannelId::from("1735787045.12");
    for _ in 0..2 {
        fixture
            .client
            .hangup(&fixture.to, &channel, cause::NORMAL_CLEARING)
            .await
            .unwrap();
    }
    let asked = fixture.script.asked.lock().unwrap();
    assert_eq!(
        asked[0],
        json!({"uri": "/ari/channels/1735787045.12", "method": "DELETE", "publisher": "call-manager",
            "data_type": "application/json", "data": {"reason_code": "16"}})
    );
}

#[tokio::test]
async fn values_in_paths_are_escaped() {
    let fixture = Fixture::answering(&[(200, Some(json!({"value": "x"}))), (204, None)]).await;
    let channel = ChannelId::from("a/b c");
    let value = fixture
        .client
        .variable_get(&fixture.to, &channel, "CHANNEL(pjsip,call-id)")
        .await;
    assert_eq!(value.unwrap(), "x");
    fixture
        .client
        .playback_stop(&fixture.to, &"call:x+1".into())
        .await
        .unwrap();
    assert_eq!(
        fixture.asked(),
        [
            "GET /ari/channels/a%2Fb%20c/variable?variable=CHANNEL%28pjsip%2Ccall-id%29",
            "DELETE /ari/playbacks/call:x%2B1"
        ]
    );
}

#[tokio::test]
async fn after_a_409_create_asks_whether_the_channel_is_there() {
    let there = Some(json!({"id": "c", "name": "PJSIP/x-1", "state": "Down"}));
    let duplicate = (409, refused("Channel with given unique ID already exists"));
    let fixture = Fixture::answering(&[duplicate.clone(), (200, there)]).await;
    let channel = fixture.client.create(&fixture.to, &create()).await.unwrap();
    assert_eq!(channel.id.as_str(), "c");
    assert_eq!(
        fixture.asked(),
        ["POST /ari/channels/create", "GET /ari/channels/c"]
    );

    let fixture = Fixture::answering(&[duplicate, (404, refused("Channel not found"))]).await;
    let error = fixture
        .client
        .create(&fixture.to, &create())
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 500, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_exists_already_is_success() {
    let duplicate = (409, refused("exists"));
    let live = (200, Some(json!({"name": "r", "state": "recording"})));
    let fixture = Fixture::answering(&[duplicate.clone(), duplicate.clone(), live]).await;
    let bridge = BridgeId::from("b");
    fixture
        .client
        .bridge_create(&fixture.to, &bridge, "mixing,video_sfu", "n")
        .await
        .unwrap();
    fixture
        .client
        .record(&fixture.to, &"c".into(), &Record::new("r", "wav"))
        .await
        .unwrap();
    assert_eq!(
        fixture.script.asked.lock().unwrap()[0]["data"],
        json!({"type": "mixing,video_sfu", "name": "n"})
    );
    assert_eq!(
        fixture.asked(),
        [
            "POST /ari/bridges/b",
            "POST /ari/channels/c/record",
            "GET /ari/recordings/live/r"
        ]
    );

    let fixture = Fixture::answering(&[duplicate, (404, None)]).await;
    let error = fixture
        .client
        .record(&fixture.to, &"c".into(), &Record::new("r", "wav"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 409, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn files_are_moved_by_the_proxy() {
    let fixture = Fixture::answering(&[(200, None), (404, None), (500, None)]).await;
    let names = ["r_in.wav".to_owned(), "r_out.wav".to_owned()];
    let client = &fixture.client;
    let moved = || client.recording_file_move(&fixture.to, &names);
    moved().await.unwrap();
    assert!(moved().await.unwrap_err().is_gone());
    assert!(matches!(
        moved().await,
        Err(Error::Unreachable(RpcError::Status(500)))
    ));
    assert_eq!(
        fixture.script.asked.lock().unwrap()[0],
        json!({"uri": "/proxy/recording_file_move", "method": "POST", "publisher": "call-manager",
            "data_type": "application/json", "data": {"filenames": ["r_in.wav", "r_out.wav"]}})
    );
}

#[tokio::test]
async fn an_asterisk_that_nobody_serves_is_not_reachable() {
    let fixture = Fixture::answering(&[]).await;
    let error = fixture
        .client
        .list_channels(&AsteriskTarget::Call)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unreachable(_)) && !error.outcome_unknown(),
        "{error:?}"
    );
}

/// Seen on a real Asterisk when a bridge is deleted twice in quick succession.
#[tokio::test]
async fn a_bridge_that_is_going_or_gone_is_deleted() {
    let going = (409, refused("Bridge not in Stasis application"));
    let gone = (404, refused("Bridge not found"));
    let failed = (500, refused("Internal error"));
    let fixture = Fixture::answering(&[(204, None), going, gone, failed]).await;
    let bridge = BridgeId::from("b");
    for _ in 0..3 {
        let deleted = fixture.client.bridge_delete(&fixture.to, &bridge).await;
        deleted.unwrap();
    }
    let failed = fixture.client.bridge_delete(&fixture.to, &bridge).await;
    assert!(matches!(failed, Err(Error::Refused { status: 500, .. })));
}
