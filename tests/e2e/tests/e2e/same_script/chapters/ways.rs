//! Calls that come in, that go into the dialplan and come back, and that arrive at the
//! same Asterisk again.

use anyhow::Result;
use serde_json::{Value, json};

use super::{end, gone, quoted, up};
use crate::same_script::side::Side;

pub(super) async fn incoming(side: &mut Side) -> Result<()> {
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

pub(super) async fn dialplan(side: &mut Side) -> Result<()> {
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

/// A call from Asterisk to itself: the two ends of a join leg.
pub(super) async fn join(side: &mut Side) -> Result<()> {
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
