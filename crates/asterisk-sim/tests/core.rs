//! The simulated Asterisk as its owner sees it: answers, and the order of events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use serde_json::json;
use trunkline_asterisk_sim::{Incoming, Request};
use world::World;

#[test]
fn a_call_that_is_answered_and_hung_up() {
    let mut world = World::new();
    world.dialed("c", "b", "+493001", json!({}));
    assert_eq!(
        world.taken(),
        [
            "ChannelDialplan Down",
            "ChannelVarset Down STASISSTATUS=",
            "StasisStart Down",
            "ChannelEnteredBridge Down",
            "Dial Down \"\"",
        ]
    );
    world.run(2_000);
    let mut rings = world.taken();
    rings[..2].sort();
    assert_eq!(
        rings,
        [
            "ChannelStateChange Ringing",
            "Dial Ringing RINGING",
            "ChannelStateChange Up",
            "Dial Up ANSWER",
        ]
    );
    assert_eq!(
        world
            .delete("/ari/channels/c", json!({"reason_code": "16"}))
            .0,
        204
    );
    world.run(10);
    assert_eq!(
        world.taken(),
        [
            "ChannelVarset Up RTPAUDIOQOS",
            "ChannelVarset Up RTPAUDIOQOSJITTER",
            "ChannelVarset Up RTPAUDIOQOSLOSS",
            "ChannelVarset Up RTPAUDIOQOSRTT",
            "ChannelVarset Up RTPAUDIOQOSMES",
            "ChannelHangupRequest Up 32 soft",
            "ChannelLeftBridge Up",
            "StasisEnd Up",
            "ChannelVarset Up STASISSTATUS=SUCCESS",
            "ChannelDestroyed Up 16",
        ]
    );
    assert_eq!(world.sim.next_due(), None);
    assert_eq!(world.get("/ari/channels/c").0, 404);
    assert_eq!(world.delete("/ari/bridges/b", json!(null)).0, 204);
    assert_eq!(world.taken(), ["BridgeDestroyed"]);
    assert_eq!(world.delete("/ari/bridges/b", json!(null)).0, 404);
}

/// asterisk.md, "Create and dial", the table of failures.
#[test]
fn a_refused_call_tells_its_cause_twice_and_ends() {
    for (callee, cause, code) in [
        (40, 17, 486),
        (42, 21, 603),
        (43, 1, 404),
        (44, 19, 480),
        (45, 34, 503),
        (46, 58, 488),
        (47, 21, 403),
        (48, 17, 600),
    ] {
        let mut world = World::new();
        world.dialed("c", "b", &format!("+4930{callee}"), json!({"timeout": 30}));
        world.taken();
        world.run(20);
        let expected = [
            format!("ChannelHangupRequest Down {cause} {code}"),
            "ChannelLeftBridge Down".to_owned(),
            "StasisEnd Down".to_owned(),
            "ChannelVarset Down STASISSTATUS=SUCCESS".to_owned(),
            format!("ChannelDestroyed Down {cause} {code}"),
        ];
        assert_eq!(world.taken(), expected, "callee {callee}");
        assert_eq!(world.sim.next_due(), None, "its time-out went with it");
    }
}

#[test]
fn nobody_answers_until_the_dial_times_out() {
    for (callee, state) in [(41, "Ringing"), (49, "Down")] {
        let mut world = World::new();
        world.dialed("c", "b", &format!("+4930{callee}"), json!({"timeout": 5}));
        world.run(4_990);
        world.taken();
        world.run(20);
        let told = world.taken();
        assert_eq!(told[0], format!("ChannelHangupRequest {state} 32 soft"));
        assert_eq!(
            told.last().unwrap(),
            &format!("ChannelDestroyed {state} 19 480")
        );
    }
}

#[test]
fn nobody_replies_and_nobody_waits() {
    let mut world = World::new();
    world.dialed("c", "b", "+493049", json!({}));
    world.run(31_900);
    assert!(
        !world
            .taken()
            .iter()
            .any(|line| line.starts_with("ChannelDestroyed"))
    );
    world.run(200);
    assert_eq!(
        world.taken().last().unwrap(),
        "ChannelDestroyed Down 18 408"
    );
}

#[test]
fn callees_hang_up_and_press_digits() {
    let mut world = World::new();
    world.dialed("drops", "b", "+493030", json!({}));
    world.dialed("presses", "b2", "+493057", json!({}));
    world.run(2_000);
    let told = world.taken();
    let at = |line: &str| told.iter().position(|told| told == line).expect(line);
    assert!(at("ChannelDtmfReceived Up \"7\"") > at("Dial Up ANSWER"));
    // A BYE has no cause.
    assert!(at("ChannelHangupRequest Up") < at("ChannelDestroyed Up 16"));
    let left: Vec<&str> = world.sim.channels().map(|channel| channel.id).collect();
    assert_eq!(left, ["presses"]);
}

/// asterisk.md, "Create and dial", traps.
#[test]
fn a_channel_cannot_be_dialed_before_it_is_in_its_application() {
    let mut world = World::new();
    let endpoint = "PJSIP/call-out/sip:+493001@127.0.0.1";
    let create = json!({"endpoint": endpoint, "app": "voipbin", "channelId": "c"});
    assert_eq!(world.post("/ari/channels/create", create).0, 200);
    let (status, body) = world.post("/ari/channels/c/dial", json!({}));
    assert_eq!(
        (status, body["message"].as_str()),
        (409, Some("Channel not in Stasis application"))
    );
    assert_eq!(world.sim.dials(), []);
    world.run(2);
    assert_eq!(world.post("/ari/channels/c/dial", json!({})).0, 204);
    let dials = world.sim.take_dials();
    assert_eq!((dials.len(), dials[0].number.as_str()), (1, "+493001"));
    assert_eq!(world.sim.dials(), []);
}

#[test]
fn a_second_dial_calls_nobody_and_ends_the_call() {
    let mut world = World::new();
    world.dialed("c", "b", "+493049", json!({}));
    world.taken();
    assert_eq!(world.post("/ari/channels/c/dial", json!({})).0, 204);
    world.run(5);
    assert_eq!(world.sim.dials().len(), 1);
    assert_eq!(world.taken().last().unwrap(), "ChannelDestroyed Down 16");
}

#[test]
fn without_a_socket_a_channel_is_made_and_vanishes() {
    let mut world = World::new();
    world.sim.disconnect(world.now, world.socket);
    let endpoint = "PJSIP/call-out/sip:+493001@127.0.0.1";
    let create = json!({"endpoint": endpoint, "app": "voipbin", "channelId": "c"});
    assert_eq!(world.post("/ari/channels/create", create).0, 200);
    assert_eq!(world.get("/ari/channels/c").0, 200);
    world.run(2);
    assert_eq!(world.get("/ari/channels/c").0, 404);
    assert_eq!(world.sim.incoming(world.now, &Incoming::default()), None);
}

#[test]
fn what_happens_while_nobody_listens_is_told_to_nobody() {
    let mut world = World::new();
    world.dialed("c", "b", "+493001", json!({}));
    world.sim.disconnect(world.now, world.socket);
    world.run(2_000);
    world.socket = world.sim.connect(world.now, "voipbin", false);
    assert_eq!(world.taken(), [""; 0]);
    assert_eq!(world.get("/ari/channels/c").1["state"], "Up");
    world.delete("/ari/channels/c", json!(null));
    world.run(5);
    assert_eq!(world.taken().last().unwrap(), "ChannelDestroyed Up 16");
}

#[test]
fn a_second_socket_takes_over() {
    let mut world = World::new();
    let second = world.sim.connect(world.now, "voipbin", false);
    assert_eq!(world.taken(), ["ApplicationReplaced"]);
    world.created("c", "+493001");
    assert_eq!(world.taken(), [""; 0]);
    assert_eq!(world.sim.events(second).len(), 3);
    // The one that was replaced takes nothing with it.
    world.sim.disconnect(world.now, world.socket);
    world.socket = second;
    world.delete("/ari/channels/c", json!(null));
    world.run(5);
    assert_eq!(
        world.taken().last().unwrap(),
        "ChannelDestroyed Down 16 603"
    );
}

#[test]
fn an_incoming_call_has_no_channel_destroyed_unless_it_was_asked_for() {
    for subscribed in [false, true] {
        let mut world = World::new();
        let call = Incoming::call_in("+491701", "+49891", "pstn.example.net");
        let id = world.sim.incoming(world.now, &call).unwrap();
        world.run(5);
        let start = world.events().remove(0);
        assert_eq!(start["channel"]["caller"]["number"], "+491701");
        assert_eq!(start["channel"]["dialplan"]["exten"], "+49891");
        let call_id = format!(
            "sip_call_id={}",
            start["channel"]["protocol_id"].as_str().unwrap()
        );
        assert_eq!(start["args"][6], call_id);
        if subscribed {
            let source = json!({"eventSource": format!("channel:{id}")});
            assert_eq!(
                world
                    .post("/ari/applications/voipbin/subscription", source)
                    .0,
                200
            );
        }
        assert_eq!(
            world
                .post(&format!("/ari/channels/{id}/answer"), json!(null))
                .0,
            204
        );
        assert_eq!(world.taken(), ["ChannelStateChange Up"]);
        world.sim.far_end_hangs_up(world.now, &id, 16);
        world.run(5);
        let told = world.taken();
        assert!(told.contains(&"StasisEnd Up".to_owned()));
        let destroyed = told.contains(&"ChannelDestroyed Up 16".to_owned());
        assert_eq!(destroyed, subscribed);
        assert_eq!(world.sim.channels().len(), 0);
    }
}

#[test]
fn a_restart_forgets_everything_but_dials_and_recordings() {
    let mut world = World::new();
    world.dialed("c", "b", "+493020", json!({}));
    world.run(10);
    world.post("/ari/bridges/b/removeChannel", json!({"channel": "c"}));
    let record = json!({"name": "r", "format": "wav"});
    assert_eq!(world.post("/ari/channels/c/record", record).0, 201);
    world.run(1_000);
    world.post("/ari/recordings/live/r/stop", json!(null));
    world.taken();
    world.sim.restart(world.now);
    assert!(!world.sim.is_connected(world.socket));
    assert_eq!(world.taken(), [""; 0]);
    assert_eq!(
        (world.sim.channels().len(), world.sim.bridges().len()),
        (0, 0)
    );
    assert_eq!((world.sim.next_due(), world.sim.dials().len()), (None, 1));
    assert_eq!(world.get("/ari/recordings/stored/r").0, 200);
    let file = Request {
        method: "GET".to_owned(),
        uri: "/ari/recordings/stored/r/file".to_owned(),
        body: None,
    };
    // A second of silence.
    assert_eq!(
        world.sim.request(world.now, &file).file.unwrap().len(),
        44 + 16_000
    );
    let again = world.sim.connect(world.now, "voipbin", false);
    assert_ne!(again, world.socket);
}

#[test]
fn a_playback_id_that_exists_plays_again() {
    let mut world = World::new();
    world.dialed("c", "b", "+493020", json!({}));
    world.run(10);
    world.taken();
    let play = json!({"media": ["sound:a", "sound:missing"], "playbackId": "p"});
    for _ in 0..2 {
        assert_eq!(world.post("/ari/channels/c/play", play.clone()).0, 201);
    }
    world.run(5_000);
    let once = [
        "PlaybackStarted playing",
        "PlaybackContinuing continuing",
        "PlaybackStarted playing",
        "PlaybackFinished done",
    ];
    assert_eq!(world.taken(), [once, once].concat());
    assert_eq!(world.get("/ari/playbacks/p").0, 404);
}

#[test]
fn the_same_seed_and_the_same_requests_tell_the_same() {
    let tell = || {
        let mut world = World::new();
        for call in 0..20 {
            let number = format!("+4930{call:02}");
            world.dialed(
                &format!("c{call}"),
                &format!("b{call}"),
                &number,
                json!({"timeout": 3}),
            );
        }
        world.run(10_000);
        world.sim.events(world.socket)
    };
    let told = tell();
    assert!(told.len() > 150);
    assert_eq!(told, tell());
}

#[test]
fn with_subscribe_all_everything_is_heard() {
    let mut world = World::new();
    world.socket = world.sim.connect(world.now, "voipbin", true);
    world.created("c", "+493001");
    world.post("/ari/bridges/b", json!({}));
    let id = world.sim.incoming(world.now, &Incoming::default()).unwrap();
    world.run(5);
    world.sim.far_end_hangs_up(world.now, &id, 16);
    world.run(5);
    let told = world.taken();
    for line in [
        "ChannelCreated Down",
        "BridgeCreated",
        "ChannelCreated Ring",
        "ChannelDestroyed Ring 16",
    ] {
        assert!(told.contains(&line.to_owned()), "{line} in {told:?}");
    }
}

#[test]
fn an_event_filter_goes_with_the_last_socket_of_an_idle_application() {
    let mut world = World::new();
    let filter = json!({"disallowed": [{"type": "ChannelVarset"}, {"type": "ChannelDialplan"}]});
    let path = "/ari/applications/voipbin/eventFilter";
    assert_eq!(world.ask("PUT", path, filter.clone()).0, 200);
    world.created("c", "+493001");
    assert_eq!(world.taken(), ["StasisStart Down"]);
    // It holds a channel: the filter stays.
    world.sim.disconnect(world.now, world.socket);
    world.socket = world.sim.connect(world.now, "voipbin", false);
    let kept = world.get("/ari/applications/voipbin").1;
    assert_eq!(kept["events_disallowed"], filter["disallowed"]);
    world.delete("/ari/channels/c", json!(null));
    world.run(5);
    world.sim.disconnect(world.now, world.socket);
    assert_eq!(world.get("/ari/applications/voipbin").0, 404);
    world.socket = world.sim.connect(world.now, "voipbin", false);
    let fresh = world.get("/ari/applications/voipbin").1;
    assert_eq!(fresh["events_disallowed"], json!([]));
}
