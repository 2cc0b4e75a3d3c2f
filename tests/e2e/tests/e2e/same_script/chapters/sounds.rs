//! What is played from elsewhere, and what is heard on recordings.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use trunkline_rig::{Sound, tone_of};

use super::{end, quoted, up_with};
use crate::same_script::library::Library;
use crate::same_script::side::Side;

/// Sounds by URL: those that are there, and those that are not.
pub(super) async fn fetched(side: &mut Side) -> Result<()> {
    let library = Library::open().await?;
    up_with(side, "listens", "+4930220").await?;
    side.also_known(library.url(), "LIBRARY");
    let play = "/ari/channels/listens/play";
    let mut last = String::new();
    for what in [
        "good.wav",
        "typed",
        "missing.wav",
        "broken.wav",
        "text",
        "fast.wav",
    ] {
        let media = format!("sound:{}", library.at(what));
        side.post(play, json!({"media": [media], "playbackId": what}))
            .await?;
        side.hear("PlaybackFinished", &[&quoted(what)]).await?;
        last = media;
    }
    // A bad one in a list is left out.
    let media = [last, format!("sound:{}", library.at("good.wav"))];
    side.post(play, json!({"media": media, "playbackId": "list"}))
        .await?;
    side.hear("PlaybackFinished", &[&quoted("list")]).await?;
    let nobody = "sound:http://127.0.0.1:9/media/0123456789012345678901234567890123456789.wav";
    side.post(play, json!({"media": nobody, "playbackId": "nobody"}))
        .await?;
    side.hear("PlaybackFinished", &[&quoted("nobody")]).await?;
    end(side, "listens").await
}

fn recording(name: &str, more: Value) -> Value {
    let mut body = json!({"name": name, "format": "wav", "maxDurationSeconds": 0, "maxSilenceSeconds": 0, "beep": false, "terminateOn": "none", "ifExists": "fail"});
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    body
}

/// Records both directions of a call.
async fn recorded(side: &mut Side, id: &str, more: Value) -> Result<()> {
    for direction in ["in", "out"] {
        let snoop = format!("{id}-{direction}");
        let body = json!({"app": "voipbin", "spy": direction, "snoopId": snoop});
        side.post(&format!("/ari/channels/{id}/snoop"), body)
            .await?;
        side.hear("StasisStart", &[&quoted(&snoop)]).await?;
        let name = format!("{id}_{direction}");
        side.post(
            &format!("/ari/channels/{snoop}/record"),
            recording(&name, more.clone()),
        )
        .await?;
        side.hear("RecordingStarted", &[&name]).await?;
    }
    Ok(())
}

async fn sound(side: &mut Side, name: &str) -> Result<Sound> {
    side.hear("RecordingFinished", &[&format!("\"name\":\"{name}\"")])
        .await?;
    let path = format!("/ari/recordings/stored/{name}");
    let sound = Sound::parse(&side.file(&format!("{path}/file")).await?)?;
    side.delete(&path, Value::Null).await?;
    Ok(sound)
}

/// Sound, tone and silence are where they belong, at both: what callees say is
/// `in`, what they hear is `out`.
pub(super) async fn heard(side: &mut Side) -> Result<()> {
    for (id, number, digit) in [("talker", "+4930253", Some(3)), ("mute", "+4930272", None)] {
        up_with(side, id, number).await?;
        recorded(side, id, json!({})).await?;
        let play = json!({"media": ["sound:tt-weasels"], "playbackId": format!("to-{id}")});
        side.post(&format!("/ari/channels/{id}/play"), play).await?;
        side.hear("PlaybackFinished", &[&format!("to-{id}")])
            .await?;
        if digit.is_some() {
            side.hear("ChannelDtmfReceived", &[&quoted(id)]).await?;
        }
        end(side, id).await?;
        let said = sound(side, &format!("{id}_in")).await?;
        match digit {
            Some(digit) => {
                let (own, other) = (tone_of(digit), tone_of(digit + 1));
                ensure!(said.share_of(own) > 0.9, "{id} is not heard");
                ensure!(said.share_of(other) < 0.05, "somebody else is heard");
            }
            None => ensure!(said.loudness() < -60.0, "{id} is heard"),
        }
        let played = sound(side, &format!("{id}_out")).await?;
        ensure!(played.loudness() > -40.0, "{id} hears nothing");
        // Both are as long as they lasted, with the silence that was in them.
        let difference = (said.seconds() - played.seconds()).abs();
        ensure!(difference < 0.5, "{id}: they differ by {difference} s");
    }
    Ok(())
}

/// What ends a recording: its length, silence, a digit.
pub(super) async fn ends(side: &mut Side) -> Result<()> {
    up_with(side, "long", "+4930271").await?;
    recorded(side, "long", json!({"maxDurationSeconds": 1})).await?;
    for name in ["long_in", "long_out"] {
        sound(side, name).await?;
    }
    end(side, "long").await?;
    up_with(side, "still", "+4930270").await?;
    recorded(side, "still", json!({"maxSilenceSeconds": 1})).await?;
    for name in ["still_in", "still_out"] {
        let sound = sound(side, name).await?;
        ensure!(sound.seconds() < 1.0, "the silence at its end is cut off");
    }
    end(side, "still").await?;
    up_with(side, "keys", "+4930255").await?;
    // Who listens does not notice a digit; the channel itself does.
    recorded(side, "keys", json!({"terminateOn": "any"})).await?;
    let body = json!({"channel": "keys"});
    side.post("/ari/bridges/bridge-keys/removeChannel", body)
        .await?;
    side.hear("ChannelLeftBridge", &[&quoted("keys")]).await?;
    let record = "/ari/channels/keys/record";
    for more in [
        json!({"terminateOn": "5"}),
        json!({"terminateOn": "nonsense"}),
        json!({"maxDurationSeconds": -1}),
        json!({"maxSilenceSeconds": -1}),
    ] {
        side.post(record, recording("wrong", more)).await?;
    }
    side.post(record, recording("by-key", json!({"terminateOn": "any"})))
        .await?;
    side.hear("ChannelDtmfReceived", &[&quoted("keys")]).await?;
    ensure!(sound(side, "by-key").await?.seconds() > 0.1);
    for name in ["keys_in", "keys_out"] {
        let path = format!("/ari/recordings/live/{name}");
        side.get(&path).await?;
        side.post(&format!("{path}/stop"), Value::Null).await?;
        sound(side, name).await?;
    }
    end(side, "keys").await
}
