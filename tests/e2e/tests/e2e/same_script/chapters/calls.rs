//! Calls: outcomes, time-outs, causes, and requests that are refused.

use anyhow::Result;
use serde_json::{Value, json};

use super::{create, dial, gone, hang_up, quoted, up};
use crate::same_script::side::Side;

/// Causes that a hangup may be asked for with.
const CAUSES: [i64; 23] = [
    1, 2, 3, 16, 17, 18, 19, 20, 21, 22, 26, 27, 28, 29, 31, 34, 38, 42, 44, 58, 66, 127, 201,
];

/// No variable here begins with `_`: Asterisk 22.10.1 never returns from a dial
/// whose `caller` is the channel itself and has such a one.
pub(super) async fn answered(side: &mut Side) -> Result<()> {
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
    // Until then a second DELETE may be told that it is not in Stasis (409).
    side.hear("BridgeDestroyed", &[&quoted("answered-b")])
        .await?;
    side.delete("/ari/bridges/answered-b", Value::Null).await?;
    Ok(())
}

pub(super) async fn outcomes(side: &mut Side) -> Result<()> {
    for callee in [30, 40, 42, 43, 44, 45, 46, 47, 48, 50 + 49, 0] {
        let id = format!("callee-{callee:02}");
        dial(side, &id, &format!("+49302{callee:02}"), 0).await?;
        gone(side, &id).await?;
        side.delete(&format!("/ari/bridges/bridge-{id}"), Value::Null)
            .await?;
    }
    Ok(())
}

pub(super) async fn timeouts(side: &mut Side) -> Result<()> {
    for callee in [41, 49] {
        let id = format!("timeout-{callee}");
        dial(side, &id, &format!("+49302{callee}"), 1).await?;
        gone(side, &id).await?;
    }
    Ok(())
}

/// Hangups while it rings, without a dial, and after the answer.
pub(super) async fn causes(side: &mut Side) -> Result<()> {
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

/// Created and dialed by one request.
pub(super) async fn originated(side: &mut Side) -> Result<()> {
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

pub(super) async fn variables(side: &mut Side) -> Result<()> {
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
