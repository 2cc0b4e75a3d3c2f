//! What becomes of calls, by what the far end does.

use anyhow::Result;
use serde_json::json;
use trunkline_e2e::{
    PATIENCE, SOURCE, World, attempts_at, describe, number, people, plan, sleep_and_hangup,
};
use trunkline_rig::{id, tel};

#[tokio::test]
async fn every_kind_of_callee_ends_with_its_result_reason_and_cause() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let table = [
        (1, "success normal 16 local"),
        (20, "success normal 16 local"),
        (30, "success normal 16 remote"),
        (40, "fail busy 17 remote"),
        (41, "fail cancel 16 local"),
        (42, "fail noanswer 21 remote"),
        (43, "fail failed 1 remote"),
        (44, "fail noanswer 19 remote"),
        (45, "fail failed 34 remote"),
        (46, "fail failed 58 remote"),
        (47, "fail noanswer 21 remote"),
        (48, "fail busy 17 remote"),
        (49, "fail cancel 16 local"),
    ];
    let numbers = table.iter().map(|(callee, _)| number(1, *callee));
    let (outdial, targets) = api.outdial("kinds", &people(numbers)).await?;
    let campaign = api
        .campaign(&plan(sleep_and_hangup(3_000)), &outdial)
        .await?;
    api.set_campaign(&campaign, "run").await?;
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    let attempts = api.attempts(&campaign).await?;
    for ((callee, expected), target) in table.iter().zip(&targets) {
        let own = attempts_at(&attempts, target);
        assert_eq!(own.len(), 1, "callee {callee} was dialed once");
        assert_eq!(describe(&api, own[0]).await?, *expected, "callee {callee}");
        let target = api.get(&format!("/v1/outdialtargets/{target}")).await?;
        let status = if expected.starts_with("success") {
            "done"
        } else {
            "idle"
        };
        assert_eq!(
            (&target["status"], &target["try_count_0"]),
            (&json!(status), &json!(1)),
            "callee {callee}"
        );
    }
    assert!(
        world.asterisk.channels().await?.is_empty(),
        "no channel is left"
    );
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn answered_call_hears_its_message_and_every_timestamp_is_set() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let message = world.dir("message.wav");
    world.tools.say(&message, "One, two, three.").await?;
    let actions = json!([
        {"type": "answer"},
        {"type": "play", "option": {"stream_urls": [message, "tt-weasels"]}},
        {"type": "play", "option": {"stream_urls": ["/there/is/no/such/file"]}},
        {"type": "play", "option": {"stream_urls": ["${voipbin.call.direction}:unknown-scheme"]}},
        {"type": "hangup", "option": {"reason": "busy"}},
    ]);
    let flow = id(&api
        .post("/v1/flows", &json!({"name": "message", "actions": actions}))
        .await?)?;
    let created = api
        .post(
            "/v1/calls",
            &json!({"flow_id": flow, "source": tel(SOURCE), "destinations": [tel(&number(1, 1))]}),
        )
        .await?;
    let call = id(&created["calls"][0])?;
    api.until(PATIENCE, "the call has ended", async |api| {
        Ok(api.get(&format!("/v1/calls/{call}")).await?["status"] == "hangup")
    })
    .await?;
    let call = api.get(&format!("/v1/calls/{call}")).await?;
    // The reason of a hangup action only says which cause is sent.
    assert_eq!(
        (&call["hangup_reason"], &call["hangup_by"]),
        (&json!("normal"), &json!("local"))
    );
    let times: Vec<&str> = ["tm_create", "tm_ringing", "tm_progressing", "tm_hangup"]
        .iter()
        .map(|key| {
            call[key]
                .as_str()
                .unwrap_or_else(|| panic!("{key} is set: {call}"))
        })
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(
        call["action"]["type"], "hangup",
        "every action had its turn"
    );
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn longest_duration_ends_a_call_with_cause_200() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world
        .trunkline(&[("TRUNKLINE_CALL__MAX_CALL_DURATION_MS", "1500")])
        .await?;
    let api = trunkline.api();
    let (outdial, _) = api.outdial("long", &people([number(1, 20)])).await?;
    let campaign = api
        .campaign(&plan(sleep_and_hangup(60_000)), &outdial)
        .await?;
    api.set_campaign(&campaign, "run").await?;
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    let attempts = api.attempts(&campaign).await?;
    // Somebody answered, so the person is not called again.
    assert_eq!(
        describe(&api, &attempts[0]).await?,
        "success timeout 200 remote"
    );
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn one_request_calls_several_and_leaves_out_what_cannot_be_called() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let actions = sleep_and_hangup(200);
    let flow = id(&api
        .post("/v1/flows", &json!({"name": "short", "actions": actions}))
        .await?)?;
    // The third is in a country that is not allowed.
    let destinations = [
        tel(&number(1, 20)),
        tel(&number(2, 20)),
        tel("+33140000020"),
    ];
    let body = json!({"flow_id": flow, "source": tel(SOURCE), "destinations": destinations});
    let created = api.post("/v1/calls", &body).await?;
    let calls = created["calls"].as_array().cloned().unwrap_or_default();
    assert_eq!(calls.len(), 2, "{created}");
    for call in &calls {
        let call = id(call)?;
        api.until(PATIENCE, "the call has ended", async |api| {
            Ok(api.get(&format!("/v1/calls/{call}")).await?["status"] == "hangup")
        })
        .await?;
    }
    trunkline.stop().await?;
    Ok(())
}
