//! The script. Every channel, bridge, playback and recording has an id of its
//! own, so that what is told of it can be compared.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::side::Side;

/// Causes that a hangup may be asked for with.
const CAUSES: [i64; 23] = [
    1, 2, 3, 16, 17, 18, 19, 20, 21, 22, 26, 27, 28, 29, 31, 34, 38, 42, 44, 58, 66, 127, 201,
];

pub(super) async fn all(side: &mut Side) -> Result<()> {
    about_asterisk(side).await?;
    answered(side).await?;
    outcomes(side).await?;
    timeouts(side).await?;
    causes(side).await?;
    refused_requests(side).await?;
    variables(side).await?;
    bridges(side).await?;
    playbacks(side).await?;
    recordings(side).await?;
    incoming(side).await?;
    dialplan(side).await?;
    snoop(side).await?;
    join(side).await?;
    originated(side).await?;
    external_media(side).await?;
    applications(side).await
}

async fn create(side: &mut Side, id: &str, number: &str, more: Value) -> Result<()> {
    let mut body = json!({"endpoint": side.callee(number), "app": "voipbin", "appArgs": "context=call-out,direction=outgoing", "channelId": id});
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    side.post("/ari/channels/create", body).await?;
    side.hear("StasisStart", &[&quoted(id)]).await?;
    Ok(())
}

/// … and puts it into a bridge of its own, and dials.
async fn dial(side: &mut Side, id: &str, number: &str, timeout: i64) -> Result<()> {
    create(side, id, number, Value::Null).await?;
    let bridge = format!("/ari/bridges/bridge-{id}");
    side.post(
        &bridge,
        json!({"type": "mixing,video_sfu", "name": "reference_type=call"}),
    )
    .await?;
    side.post(&format!("{bridge}/addChannel"), json!({ "channel": id }))
        .await?;
    side.hear("ChannelEnteredBridge", &[&quoted(id)]).await?;
    let body = if timeout > 0 {
        json!({ "timeout": timeout })
    } else {
        json!({})
    };
    side.post(&format!("/ari/channels/{id}/dial"), body).await?;
    Ok(())
}

async fn up(side: &mut Side, id: &str) -> Result<()> {
    dial(side, id, "+4930220", 0).await?;
    side.hear("Dial", &[&quoted(id), "ANSWER"]).await?;
    Ok(())
}

async fn gone(side: &mut Side, id: &str) -> Result<()> {
    side.hear("ChannelDestroyed", &[&quoted(id)]).await?;
    Ok(())
}

async fn hang_up(side: &mut Side, id: &str) -> Result<()> {
    side.delete(&format!("/ari/channels/{id}"), Value::Null)
        .await?;
    gone(side, id).await
}

async fn end(side: &mut Side, id: &str) -> Result<()> {
    hang_up(side, id).await?;
    side.delete(&format!("/ari/bridges/bridge-{id}"), Value::Null)
        .await?;
    Ok(())
}

fn quoted(id: &str) -> String {
    format!("\"id\":\"{id}\"")
}

async fn about_asterisk(side: &mut Side) -> Result<()> {
    for path in [
        "asterisk/ping",
        "channels",
        "bridges",
        "applications",
        "applications/nobody",
        "nothing",
        "channels/nobody",
        "bridges/nobody",
        "playbacks/nobody",
        "recordings/live/nobody",
        "recordings/stored/nobody",
        "recordings/stored",
        "endpoints/PJSIP/nobody",
    ] {
        side.get(&format!("/ari/{path}")).await?;
    }
    side.ask(Method::PUT, "/ari/channels/nobody", Value::Null)
        .await?;
    Ok(())
}

/// No variable here begins with `_`: Asterisk 22.10.1 never returns from a dial
/// whose `caller` is the channel itself and has such a one.
async fn answered(side: &mut Side) -> Result<()> {
    let caller = json!({"variables": {"CALLERID(num)": "+49301", "CALLERID(name)": "Ada", "CALLERID(all)": "\"Ada\" <+49301>", "PJSIP_HEADER(add,X-A)": "b", "A": "1"}});
    create(side, "answered", "+4930201", caller).await?;
    side.post(
        "/ari/bridges/answered-b",
        json!({"type": "mixing,video_sfu", "name": "n"}),
    )
    .await?;
    side.post(
        "/ari/bridges/answered-b/addChannel",
        json!({"channel": "answered"}),
    )
    .await?;
    side.hear("ChannelEnteredBridge", &[&quoted("answered")])
        .await?;
    side.post(
        "/ari/channels/answered/dial",
        json!({"caller": "answered", "timeout": 30}),
    )
    .await?;
    side.hear("Dial", &[&quoted("answered"), "RINGING"]).await?;
    side.hear("Dial", &[&quoted("answered"), "ANSWER"]).await?;
    for path in [
        "channels/answered",
        "bridges/answered-b",
        "channels",
        "bridges",
        "applications/voipbin",
    ] {
        side.get(&format!("/ari/{path}")).await?;
    }
    side.post("/ari/channels/answered/dial", json!({})).await?;
    let same =
        json!({"endpoint": side.callee("+4930201"), "app": "voipbin", "channelId": "answered"});
    for path in [
        "/ari/channels/create",
        "/ari/channels",
        "/ari/channels/answered",
    ] {
        side.post(path, same.clone()).await?;
    }
    side.delete("/ari/channels/answered", json!({"reason_code": "nonsense"}))
        .await?;
    side.delete("/ari/channels/answered", json!({"reason": "nonsense"}))
        .await?;
    side.delete("/ari/channels/answered", json!({"reason_code": "16"}))
        .await?;
    gone(side, "answered").await?;
    side.delete("/ari/channels/answered", json!({"reason_code": "16"}))
        .await?;
    side.get("/ari/bridges/answered-b").await?;
    side.delete("/ari/bridges/answered-b", Value::Null).await?;
    side.delete("/ari/bridges/answered-b", Value::Null).await?;
    Ok(())
}

async fn outcomes(side: &mut Side) -> Result<()> {
    for callee in [30, 40, 42, 43, 44, 45, 46, 47, 48, 50 + 49, 0] {
        let id = format!("callee-{callee:02}");
        dial(side, &id, &format!("+49302{callee:02}"), 0).await?;
        gone(side, &id).await?;
        side.delete(&format!("/ari/bridges/bridge-{id}"), Value::Null)
            .await?;
    }
    Ok(())
}

async fn timeouts(side: &mut Side) -> Result<()> {
    for callee in [41, 49] {
        let id = format!("timeout-{callee}");
        dial(side, &id, &format!("+49302{callee}"), 1).await?;
        gone(side, &id).await?;
    }
    Ok(())
}

/// Hangups while it rings, without a dial, and after the answer.
async fn causes(side: &mut Side) -> Result<()> {
    for cause in CAUSES {
        let reason = json!({ "reason_code": cause.to_string() });
        let id = format!("ringing-{cause}");
        dial(side, &id, "+4930241", 0).await?;
        side.hear("Dial", &[&quoted(&id), "RINGING"]).await?;
        side.hear("ChannelStateChange", &[&quoted(&id)]).await?;
        side.delete(&format!("/ari/channels/{id}"), reason.clone())
            .await?;
        gone(side, &id).await?;
        let id = format!("never-dialed-{cause}");
        create(side, &id, "+4930241", Value::Null).await?;
        side.delete(&format!("/ari/channels/{id}"), reason.clone())
            .await?;
        gone(side, &id).await?;
    }
    for reason in [
        "busy",
        "congestion",
        "no_answer",
        "answered_elsewhere",
        "rejected",
        "timeout",
        "failure",
    ] {
        let id = format!("up-{reason}");
        up(side, &id).await?;
        side.delete(&format!("/ari/channels/{id}"), json!({ "reason": reason }))
            .await?;
        gone(side, &id).await?;
    }
    Ok(())
}

async fn refused_requests(side: &mut Side) -> Result<()> {
    let created = [
        json!({"endpoint": "PJSIP/nowhere/sip:1@127.0.0.1", "app": "voipbin", "channelId": "x"}),
        json!({"endpoint": "PJSIP/1@nowhere", "app": "voipbin", "channelId": "x"}),
        json!({"endpoint": "NOTHING/1", "app": "voipbin", "channelId": "x"}),
        json!({"endpoint": "1", "app": "voipbin", "channelId": "x"}),
        json!({"app": "voipbin", "channelId": "x"}),
        json!({"endpoint": side.callee("+4930220"), "app": "voipbin", "channelId": "x", "originator": "y", "formats": "ulaw"}),
    ];
    for body in created {
        side.post("/ari/channels/create", body.clone()).await?;
        side.post("/ari/channels", body).await?;
    }
    side.get("/ari/channels/x").await?;
    create(side, "idle", "+4930220", Value::Null).await?;
    for id in ["idle", "nobody"] {
        for operation in [
            "answer", "ring", "hold", "moh", "silence", "mute", "progress", "nonsense",
        ] {
            side.post(&format!("/ari/channels/{id}/{operation}"), Value::Null)
                .await?;
        }
        side.post(&format!("/ari/channels/{id}/dtmf"), json!({"dtmf": "1"}))
            .await?;
        side.post(
            &format!("/ari/channels/{id}/play"),
            json!({"media": "sound:beep"}),
        )
        .await?;
        side.post(
            &format!("/ari/channels/{id}/continue"),
            json!({"context": "x"}),
        )
        .await?;
        side.post(
            &format!("/ari/channels/{id}/snoop"),
            json!({"app": "voipbin"}),
        )
        .await?;
    }
    side.post("/ari/channels/nobody/dial", json!({})).await?;
    side.post(
        "/ari/channels/nobody/record",
        json!({"name": "x", "format": "wav"}),
    )
    .await?;
    hang_up(side, "idle").await?;
    // A second dial is taken, and ends the call.
    dial(side, "silent", "+4930249", 0).await?;
    side.hear("Dial", &[&quoted("silent")]).await?;
    side.post("/ari/channels/silent/dial", json!({})).await?;
    gone(side, "silent").await
}

async fn variables(side: &mut Side) -> Result<()> {
    create(
        side,
        "variables",
        "+4930220",
        json!({"variables": {"A": "1", "__B": "2"}}),
    )
    .await?;
    for body in [
        json!({"variable": "C", "value": "3"}),
        json!({"variable": "A"}),
        json!({"value": "3"}),
        json!({"variable": "CALLERID(num)", "value": "99"}),
        json!({"variable": "CALLERID(num)", "value": "99"}),
    ] {
        side.post("/ari/channels/variables/variable", body).await?;
    }
    side.post(
        "/ari/channels/nobody/variable",
        json!({"variable": "C", "value": "3"}),
    )
    .await?;
    for name in [
        "?variable=A",
        "?variable=B",
        "?variable=C",
        "?variable=D",
        "",
        "?variable=CHANNEL%28state%29",
        "?variable=CALLERID%28num%29",
    ] {
        side.get(&format!("/ari/channels/variables/variable{name}"))
            .await?;
    }
    side.get("/ari/channels/nobody/variable?variable=A").await?;
    hang_up(side, "variables").await
}

async fn bridges(side: &mut Side) -> Result<()> {
    for kind in [
        "mixing",
        "mixing,proxy_media",
        "mixing,dtmf_events",
        "holding",
        "nonsense",
        "mixing,video_sfu",
        "",
    ] {
        let path = format!("/ari/bridges/kind-{}", kind.replace(',', "-"));
        side.post(&path, json!({ "type": kind })).await?;
        side.get(&path).await?;
        side.delete(&path, Value::Null).await?;
    }
    for id in ["one", "other"] {
        side.post(
            "/ari/bridges",
            json!({"type": "mixing", "bridgeId": id, "name": id}),
        )
        .await?;
    }
    side.post("/ari/bridges", json!({"type": "mixing", "bridgeId": "one"}))
        .await?;
    side.post("/ari/bridges/one", json!({"type": "mixing"}))
        .await?;
    create(side, "moved", "+4930220", Value::Null).await?;
    for (bridge, operation, channel) in [
        ("one", "add", "moved"),
        ("one", "add", "moved"),
        ("other", "add", "moved"),
        ("one", "remove", "moved"),
        ("one", "remove", "nobody"),
        ("one", "add", "nobody"),
        ("nowhere", "add", "moved"),
        ("nowhere", "remove", "moved"),
        ("other", "remove", "moved"),
        ("other", "add", "moved"),
    ] {
        side.post(
            &format!("/ari/bridges/{bridge}/{operation}Channel"),
            json!({ "channel": channel }),
        )
        .await?;
    }
    side.post("/ari/bridges/one/addChannel", json!({})).await?;
    side.get("/ari/applications/voipbin").await?;
    // A bridge that goes leaves its channels in their application.
    side.delete("/ari/bridges/other", Value::Null).await?;
    side.get("/ari/channels/moved").await?;
    side.post("/ari/bridges/one/addChannel", json!({"channel": ["moved"]}))
        .await?;
    hang_up(side, "moved").await?;
    side.delete("/ari/bridges/one", Value::Null).await?;
    up(side, "left").await?;
    up(side, "right").await?;
    side.post(
        "/ari/bridges/bridge-left/addChannel",
        json!({"channel": "right"}),
    )
    .await?;
    side.hear(
        "ChannelEnteredBridge",
        &[&quoted("right"), &quoted("bridge-left")],
    )
    .await?;
    side.get("/ari/bridges/bridge-left").await?;
    end(side, "left").await?;
    end(side, "right").await
}

async fn playbacks(side: &mut Side) -> Result<()> {
    up(side, "hears").await?;
    let play = "/ari/channels/hears/play";
    let finished =
        async |side: &mut Side, id: &str| side.hear("PlaybackFinished", &[&quoted(id)]).await;
    side.post(
        play,
        json!({"media": ["sound:beep", "sound:missing", "sound:beep"], "playbackId": "three"}),
    )
    .await?;
    finished(side, "three").await?;
    side.post(
        play,
        json!({"media": ["sound:missing"], "playbackId": "missing"}),
    )
    .await?;
    finished(side, "missing").await?;
    side.post(play, json!({"media": [], "playbackId": "none"}))
        .await?;
    side.post(play, json!({})).await?;
    // An unknown scheme begins and is never heard of again.
    side.post(
        play,
        json!({"media": "nonsense:x", "playbackId": "nonsense"}),
    )
    .await?;
    side.hear("PlaybackStarted", &[&quoted("nonsense")]).await?;
    side.post(play, json!({"media": "tone:ring", "playbackId": "endless"}))
        .await?;
    side.hear("PlaybackStarted", &[&quoted("endless")]).await?;
    side.get("/ari/playbacks/nonsense").await?;
    side.post(play, json!({"media": "sound:beep", "playbackId": "waits"}))
        .await?;
    side.get("/ari/playbacks/endless").await?;
    side.get("/ari/playbacks/waits").await?;
    side.post(
        "/ari/playbacks/endless/control",
        json!({"operation": "nonsense"}),
    )
    .await?;
    side.delete("/ari/playbacks/endless", Value::Null).await?;
    finished(side, "endless").await?;
    finished(side, "waits").await?;
    // The same id plays again.
    side.post(&format!("{play}/twice"), json!({"media": "sound:beep"}))
        .await?;
    finished(side, "twice").await?;
    side.post(
        &format!("{play}/twice"),
        json!({"media": "sound:beep", "lang": "de"}),
    )
    .await?;
    side.post(
        play,
        json!({"media": "sound:beep", "playbackId": "after-twice"}),
    )
    .await?;
    finished(side, "after-twice").await?;
    side.delete("/ari/playbacks/twice", Value::Null).await?;
    let bridge = "/ari/bridges/bridge-hears/play";
    side.post(
        bridge,
        json!({"media": "sound:beep", "playbackId": "in-bridge"}),
    )
    .await?;
    finished(side, "in-bridge").await?;
    side.post("/ari/bridges/nowhere/play", json!({"media": "sound:beep"}))
        .await?;
    // What plays fails with the channel.
    side.post(play, json!({"media": "tone:ring", "playbackId": "cut"}))
        .await?;
    side.hear("PlaybackStarted", &[&quoted("cut")]).await?;
    end(side, "hears").await
}

async fn recordings(side: &mut Side) -> Result<()> {
    up(side, "speaks").await?;
    let record = "/ari/channels/speaks/record";
    let body = |name: &str| json!({"name": name, "format": "wav", "maxDurationSeconds": 0, "maxSilenceSeconds": 0, "beep": false, "terminateOn": "none", "ifExists": "fail"});
    let named = |name: &str| format!("\"name\":\"{name}\"");
    side.post(record, body("in-a-bridge")).await?;
    side.hear("RecordingFailed", &[&named("in-a-bridge")])
        .await?;
    side.post(
        "/ari/bridges/bridge-speaks/removeChannel",
        json!({"channel": "speaks"}),
    )
    .await?;
    side.hear("ChannelLeftBridge", &[&quoted("speaks")]).await?;
    side.post(record, body("kept")).await?;
    side.hear("RecordingStarted", &[&named("kept")]).await?;
    side.get("/ari/recordings/live/kept").await?;
    side.post(record, body("kept")).await?;
    side.post("/ari/recordings/live/kept/stop", Value::Null)
        .await?;
    side.hear("RecordingFinished", &[&named("kept")]).await?;
    side.post("/ari/recordings/live/kept/stop", Value::Null)
        .await?;
    side.post(record, body("kept")).await?;
    for path in ["stored/kept", "stored"] {
        side.get(&format!("/ari/recordings/{path}")).await?;
    }
    for body in [
        json!({"name": "x", "format": "nonsense"}),
        json!({"format": "wav"}),
        json!({"name": "x"}),
        json!({"name": "x", "format": "wav", "ifExists": "nonsense"}),
        json!({"name": "../x", "format": "wav"}),
    ] {
        side.post(record, body).await?;
    }
    side.delete("/ari/recordings/stored/kept", Value::Null)
        .await?;
    side.delete("/ari/recordings/stored/kept", Value::Null)
        .await?;
    side.get("/ari/recordings/stored/kept/file").await?;
    side.post(record, body("with-the-call")).await?;
    side.hear("RecordingStarted", &[&named("with-the-call")])
        .await?;
    end(side, "speaks").await?;
    side.delete("/ari/recordings/stored/with-the-call", Value::Null)
        .await?;
    up(side, "mixed").await?;
    side.post("/ari/bridges/bridge-mixed/record", body("of-bridge"))
        .await?;
    side.hear("RecordingStarted", &[&named("of-bridge")])
        .await?;
    side.post("/ari/recordings/live/of-bridge/stop", Value::Null)
        .await?;
    side.hear("RecordingFinished", &[&named("of-bridge")])
        .await?;
    side.delete("/ari/recordings/stored/of-bridge", Value::Null)
        .await?;
    side.post("/ari/bridges/nowhere/record", body("of-nothing"))
        .await?;
    end(side, "mixed").await
}

async fn incoming(side: &mut Side) -> Result<()> {
    let id = side.incoming("caller-1", "+49891").await?;
    let channel = format!("/ari/channels/{id}");
    side.get(&channel).await?;
    side.post(&format!("{channel}/ring"), Value::Null).await?;
    side.post(&format!("{channel}/dial"), json!({})).await?;
    side.post(&format!("{channel}/answer"), Value::Null).await?;
    side.hear("ChannelStateChange", &[&quoted(&id)]).await?;
    side.post(&format!("{channel}/answer"), Value::Null).await?;
    side.post("/ari/bridges/incoming", json!({"type": "mixing,video_sfu"}))
        .await?;
    side.post("/ari/bridges/incoming/addChannel", json!({ "channel": id }))
        .await?;
    side.hear("ChannelEnteredBridge", &[&quoted(&id)]).await?;
    side.get("/ari/applications/voipbin").await?;
    side.caller_hangs_up(&id).await?;
    side.hear("StasisEnd", &[&quoted(&id)]).await?;
    side.delete("/ari/bridges/incoming", Value::Null).await?;
    for (name, number, answer) in [("caller-2", "+49892", false), ("caller-3", "+49893", true)] {
        let id = side.incoming(name, number).await?;
        let channel = format!("/ari/channels/{id}");
        if answer {
            side.post(&format!("{channel}/answer"), Value::Null).await?;
            side.hear("ChannelStateChange", &[&quoted(&id)]).await?;
        }
        side.delete(&channel, json!({"reason_code": "17"})).await?;
        side.hear("StasisEnd", &[&quoted(&id)]).await?;
    }
    Ok(())
}

async fn dialplan(side: &mut Side) -> Result<()> {
    up(side, "lost").await?;
    let lost = json!({"context": "nowhere", "extension": "", "priority": 0, "label": ""});
    side.post("/ari/channels/lost/continue", lost).await?;
    gone(side, "lost").await?;
    up(side, "returns").await?;
    side.post(
        "/ari/channels/returns/continue",
        json!({"context": "svc-stasis"}),
    )
    .await?;
    side.hear(
        "StasisStart",
        &[&quoted("returns"), "context_from=svc-stasis"],
    )
    .await?;
    side.get("/ari/channels/returns").await?;
    end(side, "returns").await?;
    up(side, "away").await?;
    side.post(
        "/ari/channels/away/continue",
        json!({"context": "svc-echo"}),
    )
    .await?;
    side.hear("StasisEnd", &[&quoted("away")]).await?;
    side.post("/ari/channels/away/answer", Value::Null).await?;
    side.post("/ari/channels/away/play", json!({"media": "sound:beep"}))
        .await?;
    side.post(
        "/ari/bridges/bridge-away/addChannel",
        json!({"channel": "away"}),
    )
    .await?;
    end(side, "away").await
}

async fn snoop(side: &mut Side) -> Result<()> {
    up(side, "spied").await?;
    let path = "/ari/channels/spied/snoop";
    side.post(
        path,
        json!({"app": "voipbin", "spy": "in", "appArgs": "context=call-record", "snoopId": "spy"}),
    )
    .await?;
    side.hear("StasisStart", &[&quoted("spy")]).await?;
    for body in [
        json!({"app": "voipbin", "spy": "in", "snoopId": "spy"}),
        json!({"app": "voipbin", "spy": "nonsense"}),
        json!({"spy": "in"}),
    ] {
        side.post(path, body).await?;
    }
    side.get("/ari/channels/spy").await?;
    side.delete("/ari/channels/spied", Value::Null).await?;
    side.hear("StasisEnd", &[&quoted("spy")]).await?;
    gone(side, "spied").await
}

/// A call from Asterisk to itself: the two ends of a join leg.
async fn join(side: &mut Side) -> Result<()> {
    let variables = json!({"PJSIP_HEADER(add,VB-CALL-ID)": "ca11", "PJSIP_HEADER(add,VB-CONFBRIDGE-ID)": "c0f"});
    for (id, name) in [("join-1", "room-1"), ("join-2", "room-2")] {
        let endpoint = side.loop_to(name);
        side.post("/ari/channels/create", json!({"endpoint": endpoint, "app": "voipbin", "appArgs": "context=call-join", "channelId": id, "variables": variables})).await?;
        side.hear("StasisStart", &[&quoted(id)]).await?;
        let bridge = format!("/ari/bridges/bridge-{id}");
        side.post(&bridge, json!({"type": "mixing,video_sfu"}))
            .await?;
        side.post(&format!("{bridge}/addChannel"), json!({ "channel": id }))
            .await?;
        side.hear("ChannelEnteredBridge", &[&quoted(id)]).await?;
        side.post(&format!("/ari/channels/{id}/dial"), json!({"timeout": 60}))
            .await?;
        let arrival = side
            .hear("StasisStart", &[&format!("\"exten\":\"{name}\"")])
            .await?;
        let far = side.call_it(&arrival, &format!("far-{id}"))?;
        side.post(&format!("/ari/channels/{far}/ring"), Value::Null)
            .await?;
        side.hear("ChannelStateChange", &[&quoted(id), "Ringing"])
            .await?;
        side.post(&format!("/ari/channels/{far}/answer"), Value::Null)
            .await?;
        side.hear("Dial", &[&quoted(id), "ANSWER"]).await?;
        // Each end in turn.
        let ends = if id == "join-1" { id } else { &far };
        side.delete(
            &format!("/ari/channels/{ends}"),
            json!({"reason_code": "16"}),
        )
        .await?;
        gone(side, id).await?;
        side.hear("StasisEnd", &[&quoted(&far)]).await?;
    }
    Ok(())
}

async fn applications(side: &mut Side) -> Result<()> {
    up(side, "followed").await?;
    let subscription = "/ari/applications/voipbin/subscription";
    for source in [
        "bridge:bridge-followed",
        "bridge:nowhere",
        "channel:nobody",
        "nonsense:x",
    ] {
        side.post(subscription, json!({ "eventSource": source }))
            .await?;
        side.delete(&format!("{subscription}?eventSource={source}"), Value::Null)
            .await?;
    }
    side.post(subscription, json!({})).await?;
    let filter = "/ari/applications/voipbin/eventFilter";
    let put = Method::PUT;
    side.ask(
        put.clone(),
        filter,
        json!({"disallowed": [{"nonsense": "x"}]}),
    )
    .await?;
    side.ask(
        put.clone(),
        "/ari/applications/nobody/eventFilter",
        json!({}),
    )
    .await?;
    side.ask(
        put.clone(),
        filter,
        json!({"allowed": [{"type": "StasisEnd"}, {"type": "ChannelDestroyed"}]}),
    )
    .await?;
    hang_up(side, "followed").await?;
    // A list that is not given stays as it was.
    let fewer = json!({"disallowed": [{"type": "ChannelVarset"}, {"type": "ChannelDialplan"}]});
    side.ask(put.clone(), filter, fewer.clone()).await?;
    side.ask(put.clone(), filter, json!({})).await?;
    side.ask(put.clone(), filter, fewer).await?;
    create(side, "filtered", "+4930220", Value::Null).await?;
    hang_up(side, "filtered").await?;
    side.ask(put, filter, json!({})).await?;
    create(side, "unfiltered", "+4930220", Value::Null).await?;
    hang_up(side, "unfiltered").await
}

/// Created and dialed by one request.
async fn originated(side: &mut Side) -> Result<()> {
    for (id, number) in [
        ("o-up", "+4930220"),
        ("o-busy", "+4930240"),
        ("o-gone", "+4930245"),
        ("o-rings", "+4930241"),
        ("o-timeout", "+4930241"),
    ] {
        let timeout = if id == "o-timeout" { 1 } else { 30 };
        let body = json!({"endpoint": side.callee(number), "app": "voipbin", "appArgs": "a,b", "callerId": "Ada <+49301>", "timeout": timeout});
        side.post(&format!("/ari/channels/{id}"), body).await?;
        match id {
            "o-up" => {
                side.hear("StasisStart", &[&quoted(id)]).await?;
                hang_up(side, id).await?;
            }
            "o-rings" => {
                side.hear("Dial", &[&quoted(id), "RINGING"]).await?;
                side.hear("ChannelStateChange", &[&quoted(id)]).await?;
                hang_up(side, id).await?;
            }
            _ => gone(side, id).await?,
        }
    }
    Ok(())
}

/// Streams of media.
async fn external_media(side: &mut Side) -> Result<()> {
    let path = "/ari/channels/externalMedia";
    let rtp = json!({"channelId": "media", "app": "voipbin", "external_host": "127.0.0.1:9", "format": "ulaw", "encapsulation": "rtp", "transport": "udp"});
    side.post(path, rtp.clone()).await?;
    side.hear("StasisStart", &[&quoted("media")]).await?;
    side.post(path, rtp).await?;
    hang_up(side, "media").await?;
    for body in [
        json!({"app": "voipbin", "external_host": "127.0.0.1", "format": "ulaw"}),
        json!({"app": "voipbin", "external_host": "127.0.0.1:9"}),
        json!({"app": "voipbin", "format": "ulaw"}),
        json!({"external_host": "127.0.0.1:9", "format": "ulaw"}),
    ] {
        side.post(path, body).await?;
    }
    let websocket = json!({"channelId": "awaited", "app": "voipbin", "external_host": "INCOMING", "format": "slin", "encapsulation": "none", "transport": "websocket", "connection_type": "server"});
    side.post(path, websocket).await?;
    hang_up(side, "awaited").await
}
