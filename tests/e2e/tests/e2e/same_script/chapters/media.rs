//! What is played, recorded, listened to and streamed.

use anyhow::Result;
use serde_json::{Value, json};

use super::{end, gone, hang_up, quoted, up, up_with};
use crate::same_script::side::Side;

pub(super) async fn playbacks(side: &mut Side) -> Result<()> {
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
    // Nothing is played on a bridge that has a channel: once in some twenty runs
    // Asterisk 22.10.1 took all the memory of the machine instead of answering.
    let empty = "/ari/bridges/nowhere/play";
    side.post(empty, json!({"media": "sound:beep"})).await?;
    // What plays fails with the channel.
    side.post(play, json!({"media": "tone:ring", "playbackId": "cut"}))
        .await?;
    side.hear("PlaybackStarted", &[&quoted("cut")]).await?;
    end(side, "hears").await
}

pub(super) async fn recordings(side: &mut Side) -> Result<()> {
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

/// Digits that a callee presses, and digits that are sent.
pub(super) async fn digits(side: &mut Side) -> Result<()> {
    up_with(side, "presses", "+4930257").await?;
    side.hear("ChannelDtmfReceived", &[&quoted("presses")])
        .await?;
    let dtmf = "/ari/channels/presses/dtmf";
    for body in [
        json!({"dtmf": "12#", "before": 20, "between": 50, "duration": 80, "after": 20}),
        json!({"dtmf": "xyz"}),
        json!({"dtmf": ""}),
        json!({}),
    ] {
        side.post(dtmf, body).await?;
    }
    side.post("/ari/channels/nobody/dtmf", json!({"dtmf": "1"}))
        .await?;
    // What is played waits until the digits are sent.
    side.post(
        "/ari/channels/presses/play",
        json!({"media": "sound:beep", "playbackId": "after-digits"}),
    )
    .await?;
    side.hear("PlaybackFinished", &[&quoted("after-digits")])
        .await?;
    end(side, "presses").await
}

pub(super) async fn snoop(side: &mut Side) -> Result<()> {
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

/// Streams of media.
pub(super) async fn external_media(side: &mut Side) -> Result<()> {
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
