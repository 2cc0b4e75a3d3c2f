//! Events of an Asterisk that are doubled, late, out of order or about nobody.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use trunkline_bus::Method::{Get, Post};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::{Asterisk, Manner};
use trunkline_it::{House, SOURCE};
use trunkline_model::service::Service;
use trunkline_store::due;
use uuid::Uuid;

/// An outgoing call whose channel was created and has told nothing.
struct Dialed {
    house: House,
    asterisk: Asterisk,
    uri: String,
    channel: String,
    /// What the channel was created with: it brings them whenever it comes.
    arguments: Vec<String>,
}

impl Dialed {
    async fn new() -> Self {
        let house = House::start().await;
        let asterisk = house.asterisk(Manner::Still).await;
        Self::through(house, asterisk).await
    }

    async fn through(house: House, asterisk: Asterisk) -> Self {
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
        let (status, call) = house.call(Post, &uri, Some(&body)).await;
        assert_eq!((status, &call["status"]), (200, &json!("dialing")));
        let channel = asterisk.channels().pop().expect("a channel");
        let arguments = asterisk.arguments(&channel);
        Self {
            house,
            asterisk,
            uri,
            channel,
            arguments,
        }
    }

    /// Tells one event, by its short name.
    async fn tell(&self, event: &str) {
        let (kind, extra) = match event {
            "start" => ("StasisStart", json!({"args": self.arguments})),
            "ringing" => ("ChannelStateChange", json!({"state": "Ringing"})),
            "up" => ("ChannelStateChange", json!({"state": "Up"})),
            "busy" => ("ChannelDestroyed", json!({"cause": 17})),
            "end" => ("ChannelDestroyed", json!({"cause": 16})),
            "played" => (
                "PlaybackFinished",
                json!({"playback": {"id": "p", "target_uri": format!("channel:{}", self.channel), "state": "done"}}),
            ),
            other => panic!("no event `{other}`"),
        };
        self.asterisk.event(kind, &self.channel, &extra).await;
    }

    async fn call(&self) -> Value {
        self.house.call(Get, &self.uri, None).await.1
    }
}

#[tokio::test]
async fn order_and_number_of_events_do_not_matter() {
    // What is told; status, reason, whether it rang, whether it was answered;
    // dial requests and hangups that Asterisk got.
    type Row = (&'static str, [&'static str; 2], [bool; 2], [usize; 2]);
    let rows: [Row; 10] = [
        (
            "start ringing up end",
            ["hangup", "normal"],
            [true, true],
            [1, 0],
        ),
        (
            "start start ringing ringing up up end end",
            ["hangup", "normal"],
            [true, true],
            [1, 0],
        ),
        (
            "start up ringing",
            ["progressing", ""],
            [false, true],
            [1, 0],
        ),
        (
            "start ringing start",
            ["ringing", ""],
            [true, false],
            [1, 0],
        ),
        ("start up start", ["progressing", ""], [false, true], [1, 0]),
        ("ringing start", ["ringing", ""], [true, false], [1, 0]),
        (
            "start ringing busy up ringing end",
            ["hangup", "busy"],
            [true, false],
            [1, 0],
        ),
        ("busy end", ["hangup", "busy"], [false, false], [0, 0]),
        ("busy start up", ["hangup", "busy"], [false, false], [0, 1]),
        (
            "start played up played played",
            ["progressing", ""],
            [false, true],
            [1, 0],
        ),
    ];
    for (told, [status, reason], [rang, answered], [dials, hangups]) in rows {
        let dialed = Dialed::new().await;
        for event in told.split(' ') {
            dialed.tell(event).await;
        }
        let call = dialed.call().await;
        let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            [text("status"), text("hangup_reason")],
            [status, reason],
            "{told}: {call}"
        );
        let times = [&call["tm_ringing"], &call["tm_progressing"]].map(Value::is_string);
        assert_eq!(times, [rang, answered], "{told}");
        let asked = [("POST", "/dial"), ("DELETE", dialed.channel.as_str())]
            .map(|(method, ending)| dialed.asterisk.asked(method, ending));
        assert_eq!(asked, [dials, hangups], "{told}");
        dialed.house.stop().await;
    }
}

#[tokio::test]
async fn events_about_nobody_change_nothing() {
    let dialed = Dialed::new().await;
    let before = dialed.call().await;
    for (kind, extra) in [
        ("ChannelStateChange", json!({"state": "Up"})),
        ("ChannelDestroyed", json!({"cause": 16})),
        ("StasisEnd", json!({})),
        ("ChannelLeftBridge", json!({"bridge": {"id": "nobody"}})),
        ("BridgeDestroyed", json!({"bridge": {"id": "nobody"}})),
        (
            "PlaybackFinished",
            json!({"playback": {"id": "p", "target_uri": "channel:nobody"}}),
        ),
        ("SomethingNew", json!({"channel": 7})),
    ] {
        dialed.asterisk.event(kind, "nobody", &extra).await;
    }
    assert_eq!(dialed.call().await, before);
    assert_eq!(dialed.asterisk.asked("DELETE", "nobody"), 0);
    dialed.house.stop().await;
}

#[tokio::test]
async fn call_that_was_hung_up_before_it_was_dialed_is_not_dialed() {
    let dialed = Dialed::new().await;
    let hangup = format!("{}/hangup", dialed.uri);
    let (status, call) = dialed.house.call(Post, &hangup, None).await;
    assert_eq!((status, &call["status"]), (200, &json!("canceling")));
    // Its channel comes all the same: the hangup went to another Asterisk.
    dialed.tell("start").await;
    assert_eq!(dialed.asterisk.asked("POST", "/dial"), 0);
    assert_eq!(dialed.asterisk.asked("DELETE", &dialed.channel), 2);
    dialed.house.stop().await;
}

#[tokio::test]
async fn longest_duration_and_action_time_out_are_duties_and_stale_ones_do_nothing() {
    let dialed = Dialed::new().await;
    let id = dialed.uri.trim_start_matches("/v1/calls/").to_owned();
    let duty = async |key: String| {
        due::by_key(&dialed.house.db, Service::CALL, &key)
            .await
            .expect("the store")
    };
    dialed.tell("start").await;
    dialed.tell("up").await;
    let limit = duty(format!("channel-limit:{}", dialed.channel)).await;
    let limit = limit.expect("the longest duration");
    assert_eq!(limit.uri, format!("/ari/channels/{}", dialed.channel));
    assert_eq!(limit.data.as_deref(), Some(r#"{"reason_code":"200"}"#));
    let time_out = duty(format!("action-timeout:{id}")).await;
    let mut time_out: Value =
        serde_json::from_str(&time_out.expect("a time-out").data.expect("a body")).expect("JSON");

    let before = dialed.call().await;
    let uri = format!("{}/action-timeout", dialed.uri);
    dialed.house.db.away.store(true, Ordering::Relaxed);
    let (unread, _) = dialed.house.call(Post, &uri, Some(&time_out)).await;
    assert!(unread >= 500, "{unread}: the duty must not count as done");
    dialed.house.db.away.store(false, Ordering::Relaxed);
    let right = time_out["tm_execute"].clone();
    time_out["tm_execute"] = json!("2026-01-02T03:04:05.000000Z");
    let stale = dialed.house.call(Post, &uri, Some(&time_out)).await;
    assert_eq!(stale.0, 500, "of an earlier round");
    assert_eq!(dialed.call().await, before);

    dialed.tell("end").await;
    for key in [
        format!("channel-limit:{}", dialed.channel),
        format!("action-timeout:{id}"),
    ] {
        assert_eq!(duty(key.clone()).await, None, "{key} ends with the call");
    }
    let ended = dialed.call().await;
    time_out["tm_execute"] = right;
    let late = dialed.house.call(Post, &uri, Some(&time_out)).await;
    assert_eq!(late.0, 200, "nobody is to send it again");
    assert_eq!(dialed.call().await, ended);
    dialed.house.stop().await;
}

#[tokio::test]
async fn a_double_changes_nothing_where_only_its_asterisk_was_heard_of() {
    let house = House::start().await;
    let start = async |id: &str, shared: bool| {
        Asterisk::start(house.bus.clone(), id, Manner::Still, shared).await
    };
    // Of the one that has the call another call-manager was told.
    let first = start("42:01:00:00:00:01", true).await;
    let second = start("42:01:00:00:00:02", false).await;
    second.connect().await;
    let dialed = Dialed::through(house, first).await;
    dialed.tell("start").await;
    let up = json!({"state": "Up"});
    second
        .event("ChannelStateChange", &dialed.channel, &up)
        .await;
    assert_eq!(dialed.call().await["status"], "dialing");
    let end = json!({"cause": 16});
    second
        .event("ChannelDestroyed", &dialed.channel, &end)
        .await;
    assert_eq!(dialed.call().await["status"], "dialing");
    dialed.tell("up").await;
    assert_eq!(dialed.call().await["status"], "progressing");
}
