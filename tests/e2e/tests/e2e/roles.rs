//! Each role a process of its own over a RabbitMQ, each with its own database. One
//! after the other is killed with SIGKILL in the middle of a campaign, and the broker
//! too; the far end counts the calls that reach it.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;
use trunkline_e2e::count;
use trunkline_e2e::fleet_trial::{FleetTrial, Victim};
use trunkline_node::Role;

/// Who is killed, in turn.
const VICTIMS: [Victim; 6] = [
    Victim::Role(Role::CallManager),
    Victim::Role(Role::CampaignManager),
    Victim::Broker,
    Victim::Role(Role::FlowManager),
    Victim::Role(Role::OutdialManager),
    Victim::Role(Role::AsteriskProxy),
];
/// Longest time between the call that was waited for and the kill.
const JITTER_MS: u64 = 250;
/// Share of the expected calls by which the last kill has come.
const KILLED_BY: f64 = 0.8;

#[tokio::test]
async fn campaign_over_processes_and_a_broker_survives_kills_of_each() -> Result<()> {
    let people = count("PROVE_ROLE_PEOPLE", 90)?;
    let kills = count("PROVE_ROLE_KILLS", VICTIMS.len())?;
    let seed = count("PROVE_SEED", 1)?;
    println!("prove: roles: {people} people, {kills} kills, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut trial = FleetTrial::begin(people, 20.0, seed).await?;
    for (kill, victim) in VICTIMS.iter().cycle().take(kills).enumerate() {
        let share = KILLED_BY * (kill + 1) as f64 / kills as f64;
        trial.until_dialed(share).await?;
        // Nothing is awaited here: this is the moment of the kill.
        sleep(Duration::from_millis(random.random_range(0..JITTER_MS))).await;
        trial.kill(*victim).await?;
    }
    let verdict = trial.end().await?;
    println!("prove: roles: {verdict}");
    assert!(verdict.offences.is_empty(), "{:#?}", verdict.offences);
    Ok(())
}
