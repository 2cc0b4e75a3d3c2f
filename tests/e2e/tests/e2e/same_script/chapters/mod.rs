//! The script. Every channel, bridge, playback and recording has an id of its
//! own, so that what is told of it can be compared.

mod applications;
mod bridges;
mod calls;
mod media;
mod objects;
mod refusals;
mod sounds;
mod ways;

use anyhow::Result;
use serde_json::{Value, json};

use super::side::Side;

pub(super) async fn all(side: &mut Side) -> Result<()> {
    refusals::about_asterisk(side).await?;
    calls::answered(side).await?;
    calls::outcomes(side).await?;
    calls::timeouts(side).await?;
    calls::causes(side).await?;
    refusals::refused_requests(side).await?;
    calls::variables(side).await?;
    bridges::bridges(side).await?;
    media::playbacks(side).await?;
    media::recordings(side).await?;
    media::digits(side).await?;
    sounds::fetched(side).await?;
    sounds::heard(side).await?;
    sounds::ends(side).await?;
    objects::objects(side).await?;
    ways::incoming(side).await?;
    ways::dialplan(side).await?;
    media::snoop(side).await?;
    ways::join(side).await?;
    calls::originated(side).await?;
    media::external_media(side).await?;
    applications::applications(side).await
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
    up_with(side, id, "+4930220").await
}

async fn up_with(side: &mut Side, id: &str, number: &str) -> Result<()> {
    dial(side, id, number, 0).await?;
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
