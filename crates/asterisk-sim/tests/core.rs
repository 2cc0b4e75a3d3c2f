//! The simulated Asterisk as its owner sees it: answers, and the order of events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use serde_json::json;
use trunkline_asterisk_sim::{Config, Incoming, Request};
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

fn wav(world: &mut World, name: &str) -> Vec<i16> {
    let request = Request {
        method: "GET".to_owned(),
        uri: format!("/ari/recordings/stored/{name}/file"),
        body: None,
    };
    let file = world.sim.request(world.now, &request).file.unwrap();
    let samples = file[44..].chunks_exact(2);
    samples
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

fn listen(world: &mut World, direction: &str, more: &serde_json::Value) {
    let snoop = json!({"app": "voipbin", "spy": direction, "snoopId": direction});
    assert_eq!(world.post("/ari/channels/c/snoop", snoop).0, 200);
    world.run(5);
    let mut body = json!({"name": direction, "format": "wav"});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    let path = format!("/ari/channels/{direction}/record");
    assert_eq!(world.post(&path, body).0, 201);
}

/// Who listens to a call hears its callee `in` and what is played to him `out`,
/// at the time when it was; also when the call ends the recording.
#[test]
fn a_recording_has_sound_where_there_was_some() {
    for (number, speaks) in [("+493053", true), ("+493070", false)] {
        let mut world = World::new();
        world.dialed("c", "b", number, json!({}));
        world.run(100);
        listen(&mut world, "in", &json!({}));
        listen(&mut world, "out", &json!({}));
        world.run(1_000);
        let play = json!({"media": "sound:beep"});
        assert_eq!(world.post("/ari/channels/c/play", play).0, 201);
        world.run(3_000);
        world.delete("/ari/channels/c", json!(null));
        world.run(10);
        let loud = |samples: &[i16]| samples.iter().any(|&sample| sample != 0);
        let said = wav(&mut world, "in");
        assert!((32_000..32_200).contains(&said.len()), "{}", said.len());
        assert_eq!(loud(&said[..800]), speaks, "{number}");
        assert_eq!(loud(&said[31_000..]), speaks, "{number}");
        let heard = wav(&mut world, "out");
        assert!(!loud(&heard[..7_900]), "before it was played");
        assert!(loud(&heard[8_000..15_900]), "while it was played");
        assert!(!loud(&heard[16_100..]), "afterwards");
    }
}

#[test]
fn a_recording_ends_with_its_length_and_after_silence() {
    let rows = [
        (
            "+493053",
            json!({"maxDurationSeconds": 2}),
            Some((2_000, 16_000)),
        ),
        (
            "+493070",
            json!({"maxDurationSeconds": 2}),
            Some((2_000, 16_000)),
        ),
        // The silence is cut off, all but 200 ms.
        (
            "+493070",
            json!({"maxSilenceSeconds": 1}),
            Some((1_000, 1_600)),
        ),
        ("+493053", json!({"maxSilenceSeconds": 1}), None),
        // Who listens does not notice digits.
        ("+493053", json!({"terminateOn": "any"}), None),
    ];
    for (number, more, expected) in rows {
        let mut world = World::new();
        world.dialed("c", "b", number, json!({}));
        world.run(100);
        listen(&mut world, "in", &more);
        let ends_after = expected.map_or(5_000, |(ms, _)| ms);
        world.run(ends_after - 10);
        let finished = |world: &mut World| {
            let taken = world.taken();
            taken.contains(&"RecordingFinished done".to_owned())
        };
        assert!(!finished(&mut world), "{number} {more}");
        let Some((_, samples)) = expected else {
            continue;
        };
        world.run(20);
        assert!(finished(&mut world), "{number} {more}");
        assert_eq!(wav(&mut world, "in").len(), samples, "{number} {more}");
    }
}

#[test]
fn a_digit_ends_what_is_recorded_of_its_channel() {
    for (ends_on, ends) in [("any", true), ("#", false), ("none", false)] {
        let mut world = World::new();
        world.dialed("c", "b", "+493053", json!({}));
        let body = json!({"channel": "c"});
        assert_eq!(world.post("/ari/bridges/b/removeChannel", body).0, 204);
        world.run(100);
        let body = json!({"name": "r", "format": "wav", "terminateOn": ends_on});
        assert_eq!(world.post("/ari/channels/c/record", body).0, 201);
        world.run(2_000);
        let live = world.get("/ari/recordings/live/r").0;
        assert_eq!(live, if ends { 404 } else { 200 }, "{ends_on}");
    }
}

/// The checkout's dialplan bounds an echo by a variable of the channel.
#[test]
fn an_echo_lasts_as_long_as_its_variable_says() {
    let mut world = World::new();
    world.dialed("c", "b", "+493020", json!({}));
    world.run(100);
    let variable = json!({"variable": "TRUNKLINE_ECHO_SECONDS", "value": "7"});
    assert_eq!(world.post("/ari/channels/c/variable", variable).0, 204);
    let to = json!({"context": "svc-echo"});
    assert_eq!(world.post("/ari/channels/c/continue", to).0, 204);
    world.run(6_990);
    world.taken();
    world.run(20);
    assert!(world.taken().contains(&"StasisStart Up".to_owned()));
}

/// What is played from elsewhere lasts as long as whoever fetched it says.
#[test]
fn a_sound_from_elsewhere_begins_when_it_was_fetched() {
    let config = Config {
        fetches: true,
        ..Config::default()
    };
    let mut world = World::with(config);
    world.dialed("c", "b", "+493020", json!({}));
    world.run(100);
    world.taken();
    let media = ["sound:http://127.0.0.1/a.wav", "sound:/srv/b"];
    let play = json!({"media": media, "playbackId": "p"});
    assert_eq!(world.post("/ari/channels/c/play", play).0, 201);
    let fetches = world.sim.take_fetches();
    assert_eq!(fetches[0].what, "http://127.0.0.1/a.wav");
    world.run(9_000);
    assert_eq!(world.taken(), ["PlaybackStarted playing"]);
    world.sim.fetched(world.now, fetches[0].id, None);
    world.run(5);
    let next = world.sim.take_fetches();
    assert_eq!(next[0].what, "/srv/b");
    world.sim.fetched(world.now, next[0].id, Some(300));
    world.run(290);
    assert_eq!(
        world.taken(),
        ["PlaybackContinuing continuing", "PlaybackStarted playing"]
    );
    world.run(20);
    assert_eq!(world.taken(), ["PlaybackFinished done"]);
    // An answer that nobody waits for any more changes nothing.
    world.sim.fetched(world.now, next[0].id, Some(300));
    assert!(world.taken().is_empty());
}
