//! Trunkline killed with SIGKILL again and again in the middle of a campaign: over
//! the simulated Asterisk and over the real one, and the Asterisk killed too.
//!
//! The far end counts the calls that reach it. `make prove` runs the same with
//! the counts of the environment.

#![expect(clippy::print_stdout, reason = "make prove quotes what these say")]

use anyhow::Result;
use trunkline_e2e::count;
use trunkline_e2e::far_end::FarEnd;
use trunkline_e2e::ordeal::Ordeal;

async fn survives(far: FarEnd, ordeal: Ordeal) -> Result<()> {
    let name = far.name();
    println!("prove: {name}: {ordeal:?}");
    let verdict = ordeal.run(far).await?;
    println!("prove: {name}: {verdict}");
    assert!(verdict.offences.is_empty(), "{:#?}", verdict.offences);
    Ok(())
}

#[tokio::test]
async fn campaign_on_the_simulated_asterisk_survives_kills() -> Result<()> {
    let ordeal = Ordeal {
        people: count("PROVE_SIM_PEOPLE", 120)?,
        kills: count("PROVE_SIM_KILLS", 5)?,
        asterisk_kills: count("PROVE_SIM_ASTERISK_KILLS", 1)?,
        calls_per_second: 60.0,
        seed: count("PROVE_SEED", 1)?,
    };
    survives(FarEnd::simulated(ordeal.seed).await?, ordeal).await
}

#[tokio::test]
async fn campaign_on_the_real_asterisk_survives_kills() -> Result<()> {
    let ordeal = Ordeal {
        people: count("PROVE_REAL_PEOPLE", 60)?,
        kills: count("PROVE_REAL_KILLS", 3)?,
        asterisk_kills: count("PROVE_REAL_ASTERISK_KILLS", 1)?,
        calls_per_second: 30.0,
        seed: count("PROVE_SEED", 1)?,
    };
    survives(FarEnd::real().await?, ordeal).await
}
