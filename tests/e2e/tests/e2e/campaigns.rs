//! Campaigns: second numbers, several tries, stopping, following one another.

use anyhow::Result;
use serde_json::json;
use trunkline_e2e::{
    PATIENCE, World, attempts_at, describe, number, people, plan, sleep_and_hangup,
};
use trunkline_rig::{CampaignPlan, Trunkline};

#[tokio::test]
async fn second_number_is_tried_after_the_tries_of_the_first() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let person = ("ann".to_owned(), vec![number(1, 43), number(2, 20)]);
    let (outdial, targets) = api.outdial("second", &[person]).await?;
    let twice = CampaignPlan {
        max_try_counts: [2, 1, 0, 0, 0],
        ..plan(sleep_and_hangup(200))
    };
    let campaign = api.campaign(&twice, &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    let attempts = api.attempts(&campaign).await?;
    let own = attempts_at(&attempts, &targets[0]);
    let numbers: Vec<_> = own
        .iter()
        .map(|attempt| {
            (
                attempt["destination_index"].as_i64(),
                attempt["try_count"].as_i64(),
            )
        })
        .collect();
    assert_eq!(
        numbers,
        [(Some(0), Some(1)), (Some(0), Some(2)), (Some(1), Some(1))]
    );
    assert_eq!(describe(&api, own[2]).await?, "success normal 16 local");
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn stopped_campaign_dials_nobody_more_and_ends_with_its_last_call() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let (outdial, _) = api
        .outdial("many", &people((0..50).map(|n| number(n, 20))))
        .await?;
    let slow = CampaignPlan {
        calls_per_second: 5.0,
        ..plan(sleep_and_hangup(1_500))
    };
    let campaign = api.campaign(&slow, &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    // Twice is harmless.
    api.set_campaign(&campaign, "run").await?;
    api.until(PATIENCE, "somebody is called", async |api| {
        Ok(!api.attempts(&campaign).await?.is_empty())
    })
    .await?;
    let refused = api.delete(&format!("/v1/campaigns/{campaign}")).await;
    assert!(refused.is_err(), "a running campaign is not deleted");
    api.set_campaign(&campaign, "stop").await?;
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    let attempts = api.attempts(&campaign).await?;
    assert!(attempts.len() < 50, "{} of 50 were dialed", attempts.len());
    assert!(
        attempts.iter().all(|attempt| attempt["status"] == "done"),
        "{attempts:?}"
    );
    api.delete(&format!("/v1/campaigns/{campaign}")).await?;
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn next_campaign_starts_when_the_list_is_done() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let (first, _) = api.outdial("first", &people([number(1, 20)])).await?;
    let (second, _) = api.outdial("second", &people([number(2, 20)])).await?;
    let next = api.campaign(&plan(sleep_and_hangup(100)), &second).await?;
    let campaign = api.campaign(&plan(sleep_and_hangup(100)), &first).await?;
    api.put(
        &format!("/v1/campaigns/{campaign}/next_campaign_id"),
        &json!({"next_campaign_id": next}),
    )
    .await?;
    api.set_campaign(&campaign, "run").await?;
    api.until(PATIENCE, "the next campaign has called", async |api| {
        Ok(!api.attempts(&next).await?.is_empty())
    })
    .await?;
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    api.campaign_is(&next, "stop", PATIENCE).await?;
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn campaign_that_cannot_dial_stops_and_says_why() -> Result<()> {
    let world = World::without_asterisk()?;
    let trunkline = Trunkline::start(world.options("trunkline:unused", &[])?).await?;
    let api = trunkline.api();
    let (outdial, _) = api.outdial("list", &people([number(1, 20)])).await?;
    let (empty, _) = api.outdial("empty", &[]).await?;
    let no_tries = CampaignPlan {
        max_try_counts: [0; 5],
        ..plan(sleep_and_hangup(100))
    };
    let no_tries = api.campaign(&no_tries, &outdial).await?;
    let no_targets = api.campaign(&plan(sleep_and_hangup(100)), &empty).await?;
    let explain =
        async |campaign: &str| api.get(&format!("/v1/campaigns/{campaign}/explain")).await;
    api.set_campaign(&no_tries, "run").await?;
    api.campaign_is(&no_tries, "stop", PATIENCE).await?;
    let why = explain(&no_tries).await?;
    assert_eq!(
        (&why["decision"], &why["reason"]),
        (&json!("stop"), &json!("no_tries")),
        "{why}"
    );
    // Without an Asterisk nothing is looked for on the list.
    api.set_campaign(&no_targets, "run").await?;
    let why = explain(&no_targets).await?;
    assert_eq!(
        (&why["decision"], &why["reason"]),
        (&json!("wait"), &json!("no_asterisk")),
        "{why}"
    );
    trunkline.stop().await?;
    Ok(())
}
