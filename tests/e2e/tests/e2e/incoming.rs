//! Incoming calls.

use anyhow::Result;
use serde_json::json;
use trunkline_e2e::{PATIENCE, World};
use trunkline_rig::{callers, id};

#[tokio::test]
async fn incoming_call_is_answered_by_the_flow_of_its_number() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let actions = json!([{"type": "answer"}, {"type": "sleep", "option": {"duration": 500}}, {"type": "hangup"}]);
    let flow = id(&api
        .post("/v1/flows", &json!({"name": "welcome", "actions": actions}))
        .await?)?;
    let number = "+4989123456";
    api.post(
        "/v1/numbers",
        &json!({"number": number, "call_flow_id": flow}),
    )
    .await?;
    let sip = world.asterisk.sip_address();
    let mut caller = callers(
        &world.tools,
        &world.dir("caller"),
        &sip,
        "+491701234567",
        number,
        1,
    )?;
    let status = caller.ended(PATIENCE).await?;
    assert!(
        status.success(),
        "the caller was answered: {}",
        caller.output()
    );
    api.until(PATIENCE, "the incoming call has ended", async |api| {
        let calls = api.list("/v1/calls?direction=incoming").await?;
        Ok(calls.len() == 1 && calls[0]["status"] == "hangup")
    })
    .await?;
    let calls = api.list("/v1/calls?direction=incoming").await?;
    assert_eq!(calls[0]["source"]["target"], "+491701234567");
    assert_eq!(calls[0]["destination"]["target"], number);
    assert!(calls[0]["tm_progressing"].is_string());
    // Asterisk told of the end: the comparison, which finds a missed one, guesses 127.
    let outcome = api
        .get(&format!("/v1/calls/{}/outcome", id(&calls[0])?))
        .await?;
    assert_eq!(outcome["hangup_cause"], 16, "{outcome}");
    // A number that nobody has is refused, and no call is made of it.
    let mut caller = callers(
        &world.tools,
        &world.dir("stranger"),
        &sip,
        "+491701234567",
        "+4989999999",
        1,
    )?;
    assert!(!caller.ended(PATIENCE).await?.success());
    assert_eq!(api.list("/v1/calls?direction=incoming").await?.len(), 1);
    trunkline.stop().await?;
    Ok(())
}
