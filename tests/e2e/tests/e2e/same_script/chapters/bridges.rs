//! Bridges.

use anyhow::Result;
use serde_json::{Value, json};

use super::{create, end, hang_up, quoted, up};
use crate::same_script::side::Side;

pub(super) async fn bridges(side: &mut Side) -> Result<()> {
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
