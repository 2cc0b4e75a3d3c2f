//! Recording calls (chapter 04 §6): from the request to the files.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Get, Post};
use trunkline_bus::{Consumer, Response};
use trunkline_call::invariants;
use trunkline_it::{House, event, skip_pauses, until};
use trunkline_model::Timestamp;
use trunkline_model::id::RecordingId;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Database, recording as recordings};
use uuid::Uuid;

use crate::talk::Talk;

/// What storage-manager was asked for.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<Vec<Value>>>);

impl Files {
    fn kept(&self) -> Vec<Value> {
        self.0.lock().expect("nobody has panicked").clone()
    }

    fn names(&self) -> Vec<String> {
        let kept = self.kept();
        let name = |file: &Value| file["filepath"].as_str().expect("a text").to_owned();
        kept.iter().map(name).collect()
    }
}

async fn storage(house: &House) -> (Files, Consumer) {
    let files = Files::default();
    let held = files.clone();
    let answer = move |method: &str, uri: &str, asked: &Value| {
        let mut files = held.0.lock().expect("nobody has panicked");
        match method {
            "POST" => {
                let mut file = asked.clone();
                file["id"] = json!(Uuid::new_v4());
                files.push(file.clone());
                Response::json(&file)
            }
            "DELETE" => {
                let id = uri.rsplit('/').next().unwrap_or_default();
                files.retain(|file| file["id"] != id);
                Response::json(&json!({ "id": id }))
            }
            _ => {
                let of = |file: &&Value| file["reference_id"] == asked["reference_id"];
                Response::json(&files.iter().filter(of).collect::<Vec<_>>())
            }
        }
    };
    let consumer = house.stand_in(Service::STORAGE, answer).await;
    (files, consumer)
}

async fn recorded(talk: &Talk) -> Value {
    let call = talk.ask(Get, "", &Value::Null).await.1;
    let ids = call["recording_ids"].as_array().expect("recordings");
    let uri = format!(
        "/v1/recordings/{}",
        ids.last().expect("a recording").as_str().expect("a text")
    );
    let (status, recording) = talk.house.call(Get, &uri, None).await;
    assert_eq!(status, 200);
    recording
}

/// What `recording_stop` of the call is refused with.
async fn refused_stop(talk: &Talk) -> (u16, Value) {
    let (status, told) = talk.ask(Post, "/recording_stop", &Value::Null).await;
    (status, told["reason"].clone())
}

async fn sound(talk: &Talk) {
    let found = invariants::check(&talk.house.db, Timestamp::system_now()).await;
    assert_eq!(found.expect("a store"), []);
}

const NIL: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn a_flow_records_its_call_and_the_files_are_kept() {
    let config = trunkline_call::Config {
        bucket_name: "media-eu".to_owned(),
        ..trunkline_call::Config::default()
    };
    let house = House::start_with(config).await;
    let (files, _storage) = storage(&house).await;
    let record = json!({"type": "recording_start", "option": {"end_of_key": "#", "duration": 60}});
    let wait = json!({"type": "digits_receive", "option": {"duration": 60000, "length": 1}});
    let actions = json!([record, wait, {"type": "recording_stop"}, {"type": "hangup"}]);
    let mut talk = Talk::begin_in(house, &actions).await;
    let started = event(&mut talk.events, "recording_started").await["data"].clone();
    until(|| talk.asterisk.recording().len() == 2).await;
    let snoops = talk.asterisk.bodies("POST", "/snoop");
    assert_eq!(
        (&snoops[0]["spy"], &snoops[1]["spy"]),
        (&json!("in"), &json!("out"))
    );
    let asked = talk.asterisk.bodies("POST", "/record");
    assert_eq!(asked[0]["maxDurationSeconds"], 60);
    assert_eq!(
        (&asked[0]["terminateOn"], &asked[0]["format"]),
        (&json!("#"), &json!("wav"))
    );
    let name = started["recording_name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let sides = ["in", "out"].map(|side| format!("{name}_{side}"));
    assert_eq!(talk.asterisk.recording(), sides);
    assert!(name.starts_with(&format!("call_{}_", talk.id)), "{name}");
    let call = talk.ask(Get, "", &Value::Null).await.1;
    assert_eq!(call["recording_id"], started["id"]);
    let uri = format!("/v1/variables/{}", call["activeflow_id"].as_str().unwrap());
    let variables = talk.house.ask(Service::FLOW, Get, &uri, None).await;
    let variables = variables.data.expect("variables").get().to_owned();
    assert!(variables.contains(&format!("\"voipbin.recording.recording_name\":\"{name}\"")));
    sound(&talk).await;

    talk.press("1", 100).await;
    let finished = event(&mut talk.events, "recording_finished").await["data"].clone();
    assert_eq!(finished["status"], "ended");
    event(&mut talk.events, "call_hangup").await;
    until(|| files.kept().len() == 2).await;
    assert_eq!(
        files.names(),
        sides.clone().map(|side| format!("recording/{side}.wav"))
    );
    // A storage-manager of VoIPbin's looks there.
    assert!(
        files
            .kept()
            .iter()
            .all(|file| file["bucket_name"] == "media-eu")
    );
    let moved = talk.asterisk.bodies("POST", "/proxy/recording_file_move");
    assert_eq!(
        moved[0]["filenames"],
        json!(sides.map(|side| format!("{side}.wav")))
    );
    let call = talk.ask(Get, "", &Value::Null).await.1;
    assert_eq!(
        (&call["recording_id"], &call["recording_ids"]),
        (&json!(NIL), &json!([started["id"]]))
    );
    assert_eq!(
        talk.outcome().await["recording_ids"],
        json!([started["id"]])
    );
    assert_eq!(talk.asterisk.channels(), Vec::<String>::new());
    sound(&talk).await;
    talk.house.stop().await;
}

#[tokio::test]
async fn a_call_is_recorded_until_somebody_stops_it() {
    let house = House::start().await;
    let (_files, _storage) = storage(&house).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    let not_recorded = (409, json!("CALL_NOT_RECORDED"));
    assert_eq!(refused_stop(&talk).await, not_recorded);
    for (bad, field) in [
        (json!({"format": "mp3"}), "format"),
        (json!({"end_of_key": "1"}), "end_of_key"),
    ] {
        let (status, told) = talk.ask(Post, "/recording_start", &bad).await;
        assert_eq!((status, &told["details"][0]["field"]), (400, &json!(field)));
    }
    assert_eq!(
        talk.ask(Post, "/recording_start", &Value::Null).await.0,
        400,
        "no body"
    );
    let mut names = Vec::new();
    // Both within one second: a name has seconds only.
    for _ in 0..2 {
        let (status, call) = talk.ask(Post, "/recording_start", &json!({})).await;
        assert_eq!(status, 200);
        assert_ne!(call["recording_id"], NIL);
        let (status, told) = talk.ask(Post, "/recording_start", &json!({})).await;
        assert_eq!(
            (status, &told["reason"]),
            (409, &json!("RECORDING_IN_PROGRESS"))
        );
        let begun = event(&mut talk.events, "recording_started").await;
        names.push(begun["data"]["recording_name"].clone());
        let (status, call) = talk.ask(Post, "/recording_stop", &Value::Null).await;
        assert_eq!((status, &call["recording_id"]), (200, &json!(NIL)));
        event(&mut talk.events, "recording_finished").await;
    }
    assert_eq!(refused_stop(&talk).await, not_recorded, "it was stopped");
    assert_ne!(names[0], names[1]);
    until(|| talk.asterisk.channels() == [talk.channel.clone()]).await;
    // What comes late or again changes nothing.
    let ended = recorded(&talk).await;
    let live = format!("{}_in", names[1].as_str().unwrap());
    for kind in ["RecordingStarted", "RecordingFinished", "RecordingFailed"] {
        talk.asterisk.tell_recording(kind, &live).await;
        talk.asterisk.tell_recording(kind, "somebody-elses").await;
    }
    let stop = format!("/v1/recordings/{}/stop", ended["id"].as_str().unwrap());
    assert_eq!(
        talk.house.call(Post, &stop, None).await,
        (200, ended.clone())
    );
    assert_eq!(recorded(&talk).await, ended);
    sound(&talk).await;
    assert_eq!(talk.ask(Post, "/hangup", &Value::Null).await.0, 200);
    talk.ended().await;
    let (status, told) = talk.ask(Post, "/recording_start", &json!({})).await;
    assert_eq!(
        (status, &told["reason"]),
        (409, &json!("CALL_NOT_PROGRESSING"))
    );
    let not_progressing = (409, json!("CALL_NOT_PROGRESSING"));
    assert_eq!(refused_stop(&talk).await, not_progressing);
    talk.house.stop().await;
}

/// A call that is recorded until this key, and both sides are.
async fn recorded_until(talk: &mut Talk, end_of_key: &str) {
    let asked = json!({ "end_of_key": end_of_key });
    assert_eq!(talk.ask(Post, "/recording_start", &asked).await.0, 200);
    event(&mut talk.events, "recording_started").await;
    until(|| talk.asterisk.recording().len() == 2).await;
}

#[tokio::test]
async fn a_key_ends_a_recording_that_asks_for_it_and_counts_for_the_flow() {
    let house = House::start().await;
    let (files, _storage) = storage(&house).await;
    let receive = json!({"type": "digits_receive", "option": {"duration": 60000, "length": 6}});
    let mut talk = Talk::begin_in(house, &json!([receive, {"type": "hangup"}])).await;
    talk.comes_to("digits_receive").await;
    for (end_of_key, key, at) in [("", "#", 100), ("none", "1", 200), ("*", "#", 300)] {
        recorded_until(&mut talk, end_of_key).await;
        talk.press(key, at).await;
        assert_eq!(recorded(&talk).await["status"], "recording", "{end_of_key}");
        assert_eq!(talk.ask(Post, "/recording_stop", &Value::Null).await.0, 200);
        event(&mut talk.events, "recording_finished").await;
    }
    for (end_of_key, key, at) in [("any", "5", 400), ("#", "#", 500)] {
        recorded_until(&mut talk, end_of_key).await;
        talk.press(key, at).await;
        event(&mut talk.events, "recording_finished").await;
        until(|| talk.asterisk.channels() == [talk.channel.clone()]).await;
        assert_eq!(refused_stop(&talk).await.1, "CALL_NOT_RECORDED");
    }
    until(|| files.kept().len() == 10).await;
    // A key that comes again ends nothing that has begun since.
    recorded_until(&mut talk, "any").await;
    talk.press("#", 500).await;
    talk.press("5", 400).await;
    assert_eq!(recorded(&talk).await["status"], "recording");
    sound(&talk).await;
    talk.press("*", 600).await;
    talk.ended().await;
    assert_eq!(talk.outcome().await["digits"], "#1#5#*");
    talk.house.stop().await;
}

#[tokio::test]
async fn a_key_also_ends_a_recording_that_is_not_the_calls_own() {
    let house = House::start().await;
    let (_files, _storage) = storage(&house).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    recorded_until(&mut talk, "*").await;
    let asked = json!({"reference_type": "call", "reference_id": talk.id, "end_of_key": "#"});
    let (status, other) = talk.house.call(Post, "/v1/recordings", Some(&asked)).await;
    assert_eq!(status, 200);
    event(&mut talk.events, "recording_started").await;
    until(|| talk.asterisk.recording().len() == 4).await;
    talk.press("#", 100).await;
    let finished = event(&mut talk.events, "recording_finished").await;
    assert_eq!(finished["data"]["id"], other["id"]);
    assert_eq!(recorded(&talk).await["status"], "recording", "the call's");
    sound(&talk).await;
    talk.house.stop().await;
}

#[tokio::test]
async fn a_recording_that_a_key_has_ended_before_a_crash_is_listened_to_no_more() {
    let house = House::start().await;
    let (_files, _storage) = storage(&house).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    talk.press("#", 100).await;
    recorded_until(&mut talk, "#").await;
    // What a process has written that died before it asked Asterisk.
    let id = recorded(&talk).await["id"].clone();
    let id: RecordingId = id.as_str().unwrap().parse().unwrap();
    let stopping = recordings::set_stopping(id, Timestamp::system_now());
    let written = talk.house.db.apply(Batch::new().with(stopping)).await;
    written.expect("the recording runs");
    talk.press("#", 100).await;
    event(&mut talk.events, "recording_finished").await;
    until(|| talk.asterisk.channels() == [talk.channel.clone()]).await;
    assert_eq!(recorded(&talk).await["status"], "ended");
    assert_eq!(talk.digits().await, "#");
    sound(&talk).await;
    talk.house.stop().await;
}

#[tokio::test]
async fn a_key_ends_a_recording_although_flow_manager_is_busy() {
    skip_pauses();
    let house = House::start().await;
    let (_files, _storage) = storage(&house).await;
    let receive = json!({"type": "digits_receive", "option": {"duration": 60000, "length": 1}});
    let mut talk = Talk::begin_in(house, &json!([receive, {"type": "hangup"}])).await;
    talk.comes_to("digits_receive").await;
    recorded_until(&mut talk, "any").await;
    let busy = "flow-manager POST /v1/variables/{id}/variables";
    talk.house.bus.busy.set(busy, 1);
    talk.press("7", 100).await;
    event(&mut talk.events, "recording_finished").await;
    talk.ended().await;
    assert_eq!(talk.outcome().await["digits"], "7");
    sound(&talk).await;
    talk.house.stop().await;
}

#[tokio::test]
async fn a_recording_that_ends_by_itself_frees_its_call_and_leaves_no_channel() {
    let house = House::start().await;
    let (files, _storage) = storage(&house).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    for failed in [false, true] {
        let started = talk
            .ask(Post, "/recording_start", &json!({"duration": 5}))
            .await;
        assert_eq!(started.0, 200);
        event(&mut talk.events, "recording_started").await;
        until(|| talk.asterisk.recording().len() == 2).await;
        let live = talk.asterisk.recording();
        if failed {
            talk.asterisk
                .tell_recording("RecordingFailed", &live[1])
                .await;
        } else {
            talk.asterisk.finish_recording(&live[1]).await;
            assert_eq!(recorded(&talk).await["status"], "recording", "`in` decides");
            talk.asterisk.finish_recording(&live[0]).await;
        }
        assert_eq!(recorded(&talk).await["status"], "ended");
        event(&mut talk.events, "recording_finished").await;
        let call = talk.ask(Get, "", &Value::Null).await.1;
        assert_eq!(call["recording_id"], NIL);
        until(|| talk.asterisk.channels() == [talk.channel.clone()]).await;
    }
    until(|| files.kept().len() == 4).await;
    sound(&talk).await;
    talk.house.stop().await;
}

#[tokio::test]
async fn the_end_of_a_call_ends_its_recording_and_starts_the_flow_behind_it() {
    let house = House::start().await;
    let (files, _storage) = storage(&house).await;
    let behind = house.flow(&json!([{"type": "stop"}])).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    let asked = json!({"on_end_flow_id": behind});
    assert_eq!(talk.ask(Post, "/recording_start", &asked).await.0, 200);
    event(&mut talk.events, "recording_started").await;
    // The proxy is away for a moment, and so is storage-manager.
    let busy = &talk.house.bus.busy;
    busy.set(
        "asterisk.42:01:00:00:00:01 POST /proxy/recording_file_move",
        1,
    );
    busy.set("storage-manager POST /v1/files", 1);
    assert_eq!(talk.ask(Post, "/hangup", &Value::Null).await.0, 200);
    event(&mut talk.events, "recording_finished").await;
    until(|| files.kept().len() >= 2).await;
    let recording = recorded(&talk).await;
    let uri = format!("/v1/activeflows/{}", recording["id"].as_str().unwrap());
    // The due row is done when the flow behind it has run.
    let wait = async {
        loop {
            let found = talk.house.ask(Service::FLOW, Get, &uri, None).await;
            let Some(found) = found.data.filter(|_| found.status_code == 200) else {
                continue;
            };
            let found: Value = serde_json::from_str(found.get()).unwrap();
            if found["status"] == "ended" {
                return found;
            }
        }
    };
    let flow = tokio::time::timeout(trunkline_it::PATIENCE, wait).await;
    assert_eq!(flow.expect("in time")["flow_id"], json!(behind));
    sound(&talk).await;
    talk.house.stop().await;
}

#[tokio::test]
async fn recordings_are_listed_and_deleted_with_their_files() {
    let house = House::start().await;
    let (files, _storage) = storage(&house).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    let ask = |reference: &str, customer: Uuid| json!({"reference_type": "call", "reference_id": reference, "customer_id": customer});
    let create = async |body: Value| talk.house.call(Post, "/v1/recordings", Some(&body)).await;
    let call = talk.ask(Get, "", &Value::Null).await.1;
    let customer: Uuid = call["customer_id"].as_str().unwrap().parse().unwrap();
    let (status, told) = create(ask(&talk.id, Uuid::new_v4())).await;
    assert_eq!(
        (status, &told["reason"]),
        (404, &json!("CALL_NOT_FOUND")),
        "somebody else's"
    );
    let room = json!({"reference_type": "confbridge", "reference_id": talk.id});
    assert_eq!(create(room).await.0, 400);
    let (status, begun) = create(ask(&talk.id, customer)).await;
    assert_eq!((status, &begun["status"]), (200, &json!("initiating")));
    assert_eq!(begun["activeflow_id"], call["activeflow_id"]);
    let call = talk.ask(Get, "", &Value::Null).await.1;
    assert_eq!(call["recording_id"], NIL, "it is not the call's");
    event(&mut talk.events, "recording_started").await;
    let uri = format!("/v1/recordings/{}", begun["id"].as_str().unwrap());
    let (status, _) = talk.house.call(Post, &format!("{uri}/stop"), None).await;
    assert_eq!(status, 200);
    event(&mut talk.events, "recording_finished").await;
    until(|| files.kept().len() == 2).await;
    let page = "/v1/recordings?page_size=10";
    let filter = json!({"customer_id": customer, "deleted": false});
    let (_, listed) = talk.house.call(Get, page, Some(&filter)).await;
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["id"]),
        (1, &begun["id"])
    );
    for _ in 0..2 {
        let (status, deleted) = talk.house.call(Delete, &uri, None).await;
        assert_eq!(status, 200);
        assert!(deleted["tm_delete"].is_string());
    }
    until(|| files.kept().is_empty()).await;
    let (_, listed) = talk.house.call(Get, page, Some(&filter)).await;
    assert_eq!(listed, json!([]));
    let nobody = format!("/v1/recordings/{}", Uuid::new_v4());
    assert_eq!(
        talk.house.call(Delete, &nobody, None).await,
        (404, Value::Null)
    );
    let (status, told) = talk.house.call(Get, &nobody, None).await;
    assert_eq!(
        (status, &told["reason"]),
        (404, &json!("RECORDING_NOT_FOUND"))
    );
    talk.house.stop().await;
}

#[tokio::test]
async fn a_restarted_asterisk_ends_recordings_and_a_listener_is_no_orphan() {
    let config = trunkline_call::Config {
        reconcile_grace_ms: 0,
        ..trunkline_call::Config::default()
    };
    let house = House::start_with(config).await;
    let (_files, _storage) = storage(&house).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    assert_eq!(talk.ask(Post, "/recording_start", &json!({})).await.0, 200);
    event(&mut talk.events, "recording_started").await;
    until(|| talk.asterisk.recording().len() == 2).await;
    talk.asterisk.connect().await;
    assert_eq!(talk.asterisk.channels().len(), 3, "both go on listening");
    assert_eq!(recorded(&talk).await["status"], "recording");
    talk.asterisk.forget_everything();
    talk.asterisk.connect().await;
    talk.asterisk.connect().await;
    event(&mut talk.events, "recording_finished").await;
    let call = talk.ask(Get, "", &Value::Null).await.1;
    assert_eq!(
        (&call["status"], &call["recording_id"]),
        (&json!("hangup"), &json!(NIL))
    );
    sound(&talk).await;
    talk.house.stop().await;
}
