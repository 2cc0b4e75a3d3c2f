//! Parts that stand still or stay away for a while, in the middle of a campaign
//! on the real Asterisk. `make prove` makes the while long.

#![expect(clippy::print_stdout, reason = "make prove quotes what these say")]

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use trunkline_e2e::count;
use trunkline_e2e::far_end::FarEnd;
use trunkline_e2e::trial::Trial;

/// How long each fault lasts, seconds. Nothing is awaited during one: the length
/// is the fault.
fn length() -> Result<Duration> {
    Ok(Duration::from_secs(count("PROVE_FAULT_S", 2)?))
}

async fn campaign() -> Result<Trial> {
    let people = count("PROVE_FAULT_PEOPLE", 48)?;
    let mut trial = Trial::begin(FarEnd::real().await?, people, 20.0).await?;
    trial.until_dialed(0.3).await?;
    Ok(trial)
}

async fn ends_well(trial: Trial, fault: &str) -> Result<()> {
    let verdict = trial.end().await?;
    println!("prove: {fault} for {:?}: {verdict}", length()?);
    assert!(verdict.offences.is_empty(), "{:#?}", verdict.offences);
    Ok(())
}

#[tokio::test]
async fn campaign_survives_an_asterisk_that_stands_still() -> Result<()> {
    let trial = campaign().await?;
    trial.far.freeze_asterisk().await?;
    sleep(length()?).await;
    trial.far.thaw_asterisk().await?;
    ends_well(trial, "Asterisk stood still").await
}

#[tokio::test]
async fn campaign_survives_a_trunkline_that_stands_still() -> Result<()> {
    let mut trial = campaign().await?;
    trial.trunkline()?.process().signal("STOP").await?;
    sleep(length()?).await;
    trial.trunkline()?.process().signal("CONT").await?;
    ends_well(trial, "Trunkline stood still").await
}

#[tokio::test]
async fn campaign_survives_an_asterisk_that_is_away() -> Result<()> {
    let mut trial = campaign().await?;
    trial.far.take_asterisk_away().await?;
    sleep(length()?).await;
    trial.far.bring_asterisk_back().await?;
    ends_well(trial, "Asterisk was away").await
}

#[tokio::test]
async fn campaign_survives_a_trunkline_that_is_away() -> Result<()> {
    let mut trial = campaign().await?;
    trial
        .kill(async |_| {
            sleep(length()?).await;
            Ok(())
        })
        .await?;
    ends_well(trial, "Trunkline was away").await
}
