//! Applications: subscriptions and filters.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::{create, hang_up, up};
use crate::same_script::side::Side;

pub(super) async fn applications(side: &mut Side) -> Result<()> {
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
