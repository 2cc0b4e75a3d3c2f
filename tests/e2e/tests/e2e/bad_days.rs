//! Asterisk away, gone, restarted, or refusing; Trunkline stopped and killed.

use anyhow::Result;
use serde_json::{Value, json};
use trunkline_e2e::{PATIENCE, SOURCE, World, attempts_at, number, people, plan, sleep_and_hangup};
use trunkline_rig::{Api, CampaignPlan, Options, Trunkline, tel};

/// Every person has exactly one call, and every attempt has a result. An attempt
/// whose process died before its call was made has none, and gave its try back.
async fn each_was_called_once(api: &Api, campaign: &str, targets: &[String]) -> Result<()> {
    let attempts = api.attempts(campaign).await?;
    for target in targets {
        let mut calls = Vec::new();
        for attempt in attempts_at(&attempts, target) {
            assert_eq!(attempt["status"], "done", "{attempt}");
            let id = attempt["reference_id"].as_str().unwrap_or_default();
            match api
                .send("GET", &format!("/v1/calls/{id}"), &Value::Null)
                .await?
            {
                (200, call) => calls.push(call),
                (404, _) => assert_eq!(attempt["result"], "fail", "{attempt}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(calls.len(), 1, "target {target}: {calls:#?}");
        let target = api.get(&format!("/v1/outdialtargets/{target}")).await?;
        assert_eq!(target["try_count_0"], 1, "{target}");
    }
    Ok(())
}

#[tokio::test]
async fn campaign_waits_for_an_asterisk_that_is_not_there_yet() -> Result<()> {
    let mut world = World::start().await?;
    let account = world.asterisk.account()?;
    world.asterisk.down().await?;
    let trunkline = Trunkline::start(world.options(&account, &[])?).await?;
    let api = trunkline.api();
    api.allow_calls(&world.callees.address(), SOURCE, &["de".to_owned()])
        .await?;
    let (outdial, targets) = api
        .outdial("late", &people((0..3).map(|n| number(n, 20))))
        .await?;
    let campaign = api.campaign(&plan(sleep_and_hangup(100)), &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    api.until(PATIENCE, "it says that Asterisk is missing", async |_| {
        Ok(trunkline.output().contains("does not answer ARI"))
    })
    .await?;
    assert!(
        api.attempts(&campaign).await?.is_empty(),
        "nobody is dialed without an Asterisk"
    );
    world.asterisk.up().await?;
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    each_was_called_once(&api, &campaign, &targets).await?;
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn calls_of_an_asterisk_that_died_are_finished_and_the_campaign_goes_on() -> Result<()> {
    let mut world = World::start().await?;
    let trunkline = world
        .trunkline(&[("TRUNKLINE_CALL__RECONCILE_GRACE_MS", "1000")])
        .await?;
    let api = trunkline.api();
    let (outdial, targets) = api
        .outdial("crash", &people((0..12).map(|n| number(n, 20))))
        .await?;
    let slow = CampaignPlan {
        max_concurrent: 4,
        ..plan(sleep_and_hangup(3_000))
    };
    let campaign = api.campaign(&slow, &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    api.until(PATIENCE, "calls are answered", async |api| {
        Ok(api.list("/v1/calls?status=progressing").await?.len() >= 2)
    })
    .await?;
    world.asterisk.crash().await?;
    world.asterisk.up().await?;
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    each_was_called_once(&api, &campaign, &targets).await?;
    assert!(api.list("/v1/calls?status=progressing").await?.is_empty());
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn wrong_password_is_named_and_nothing_breaks() -> Result<()> {
    let world = World::start().await?;
    let trunkline = Trunkline::start(world.options("trunkline:wrong-secret", &[])?).await?;
    trunkline
        .api()
        .until(PATIENCE, "it says that refuses the account", async |_| {
            Ok(trunkline.output().contains("refuses the account"))
        })
        .await?;
    assert!(
        !trunkline.output().contains("wrong-secret"),
        "no secret is logged"
    );
    let (status, _) = trunkline.stop().await?;
    assert!(status.success());
    Ok(())
}

/// A campaign in the middle of its calls.
async fn half_way(world: &World, trunkline: &Trunkline) -> Result<(String, Vec<String>)> {
    let api = trunkline.api();
    let (outdial, targets) = api
        .outdial("half", &people((0..30).map(|n| number(n, 20))))
        .await?;
    let steady = CampaignPlan {
        calls_per_second: 10.0,
        ..plan(sleep_and_hangup(800))
    };
    let campaign = api.campaign(&steady, &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    api.until(PATIENCE, "a third was dialed", async |api| {
        Ok(api.attempts(&campaign).await?.len() >= 10)
    })
    .await?;
    assert!(!world.asterisk.channels().await?.is_empty());
    Ok((campaign, targets))
}

#[tokio::test]
async fn campaign_survives_a_clean_stop() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let (campaign, targets) = half_way(&world, &trunkline).await?;
    let (status, stopped) = trunkline.stop().await?;
    assert!(status.success(), "{status}");
    let trunkline = Trunkline::again(stopped).await?;
    let api = trunkline.api();
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    each_was_called_once(&api, &campaign, &targets).await?;
    assert!(world.asterisk.channels().await?.is_empty());
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn campaign_survives_kill_9() -> Result<()> {
    let world = World::start().await?;
    let mut trunkline = world
        .trunkline(&[("TRUNKLINE_CALL__RECONCILE_GRACE_MS", "1000")])
        .await?;
    let (campaign, targets) = half_way(&world, &trunkline).await?;
    for _ in 0..3 {
        trunkline = Trunkline::again(trunkline.kill().await?).await?;
        trunkline.api().connected(PATIENCE).await?;
    }
    let api = trunkline.api();
    api.campaign_is(&campaign, "stop", PATIENCE).await?;
    each_was_called_once(&api, &campaign, &targets).await?;
    api.until(PATIENCE, "no channel is left", async |_| {
        Ok(world.asterisk.channels().await?.is_empty())
    })
    .await?;
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn full_disk_refuses_what_is_new_loses_nothing_and_goes_on_when_there_is_room() -> Result<()>
{
    let world = World::without_asterisk()?;
    let options = Options {
        file_blocks: Some(8_192),
        ..world.options("trunkline:unused", &[])?
    };
    let trunkline = Trunkline::start(options).await?;
    let api = trunkline.api();
    let (outdial, _) = api.outdial("large", &[]).await?;
    let path = format!("/v1/outdials/{outdial}/targets");
    let target =
        json!({"name": "x", "detail": "x".repeat(60_000), "destination_0": tel("+493023125001")});
    let mut taken = 0;
    let refused = loop {
        let (status, answer) = api.send("POST", &path, &target).await?;
        if status != 200 {
            break (status, answer);
        }
        taken += 1;
        assert!(taken < 1_000, "the disk is never full");
    };
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(
        trunkline.output().contains("cannot be written"),
        "{}",
        trunkline.output()
    );
    assert_eq!(
        api.list(&path).await?.len(),
        taken,
        "reading goes on, and what was taken is there"
    );
    trunkline.make_room().await?;
    api.until(PATIENCE, "there is room again", async |api| {
        Ok(api.send("POST", &path, &target).await?.0 == 200)
    })
    .await?;
    let (status, stopped) = trunkline.stop().await?;
    assert!(status.success());
    let trunkline = Trunkline::again(stopped).await?;
    assert_eq!(trunkline.api().list(&path).await?.len(), taken + 1);
    trunkline.stop().await?;
    Ok(())
}
