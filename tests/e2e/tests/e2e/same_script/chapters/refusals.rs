//! Requests that are refused.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::{create, dial, gone, hang_up, quoted};
use crate::same_script::side::Side;

pub(super) async fn about_asterisk(side: &mut Side) -> Result<()> {
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
        "asterisk/modules/res_ari.so",
        "asterisk/modules/res_stasis_recording.so",
        "asterisk/modules/nothing.so",
        "endpoints/PJSIP/nobody",
    ] {
        side.get(&format!("/ari/{path}")).await?;
    }
    side.ask(Method::PUT, "/ari/channels/nobody", Value::Null)
        .await?;
    Ok(())
}

pub(super) async fn refused_requests(side: &mut Side) -> Result<()> {
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
