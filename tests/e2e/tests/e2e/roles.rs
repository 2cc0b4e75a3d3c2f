//! Each role a process of its own over a RabbitMQ, each with its own database. In the
//! middle of a campaign one after the other is killed with SIGKILL, and the broker too;
//! in another one the lines to the broker fail in every way. The far end counts the
//! calls that reach it. `make prove` does both for long.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;
use trunkline_e2e::count;
use trunkline_e2e::fleet_trial::{Fault, FleetTrial, Victim, Whose};
use trunkline_node::Role;
use trunkline_rig::Side;

/// Who is killed, in turn.
const VICTIMS: [Victim; 6] = [
    Victim::Role(Role::CallManager),
    Victim::Role(Role::CampaignManager),
    Victim::Broker,
    Victim::Role(Role::FlowManager),
    Victim::Role(Role::OutdialManager),
    Victim::Role(Role::AsteriskProxy),
];
/// How which line fails, in turn.
const FAULTS: [(Fault, Whose); 7] = [
    (Fault::Cut, Whose::Everybodys),
    (Fault::Frozen, Whose::Everybodys),
    (
        Fault::HalfOpen(Side::Client),
        Whose::Only(Role::CallManager),
    ),
    (
        Fault::HalfOpen(Side::Server),
        Whose::Only(Role::CampaignManager),
    ),
    (Fault::Slow(SLOW), Whose::Everybodys),
    (Fault::Frozen, Whose::Only(Role::AsteriskProxy)),
    (Fault::HalfOpen(Side::Client), Whose::Everybodys),
];
/// Bytes a second on a line that is slow.
const SLOW: u32 = 20_000;
/// Longest time between the call that was waited for and the kill, or the fault.
const JITTER_MS: u64 = 250;
/// Share of the expected calls by which the last kill has come.
const KILLED_BY: f64 = 0.6;
/// The same of the last fault. Faults cost tries at which nobody is called.
const FAILED_BY: f64 = 0.6;

#[tokio::test]
async fn campaign_over_processes_and_a_broker_survives_kills_of_each() -> Result<()> {
    let people = count("PROVE_ROLE_PEOPLE", 90)?;
    let kills = count("PROVE_ROLE_KILLS", VICTIMS.len())?;
    let seed = count("PROVE_SEED", 1)?;
    println!("prove: roles: {people} people, {kills} kills, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut trial = FleetTrial::begin(people, 20.0, seed, &[]).await?;
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

/// How soon a role notices that its line stands still, milliseconds: it asks the
/// broker this often, and waits for the answer as long. Within half of a fault, and
/// not later than it does by itself.
fn notice_ms(fault_s: u64) -> u64 {
    (fault_s * 1_000 / 4).min(5_000)
}

#[tokio::test]
async fn campaign_over_processes_survives_lines_that_fail_in_every_way() -> Result<()> {
    let people = count("PROVE_ROLE_FAULT_PEOPLE", 60)?;
    let faults = count("PROVE_ROLE_FAULTS", FAULTS.len())?;
    let length_s = count("PROVE_ROLE_FAULT_S", 3)?;
    let seed = count("PROVE_SEED", 1)?;
    println!("prove: lines: {people} people, {faults} faults of {length_s} s, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let notice = notice_ms(length_s).to_string();
    let settings = [
        ("TRUNKLINE_BUS__RABBITMQ__PROBE_INTERVAL_MS", &*notice),
        ("TRUNKLINE_BUS__RABBITMQ__ANSWER_TIMEOUT_MS", &*notice),
    ];
    let mut trial = FleetTrial::begin(people, 20.0, seed, &settings).await?;
    for (fault, (how, whose)) in FAULTS.iter().cycle().take(faults).enumerate() {
        let share = FAILED_BY * (fault + 1) as f64 / faults as f64;
        trial.until_dialed(share).await?;
        // Nothing is awaited here: this is the moment of the fault.
        sleep(Duration::from_millis(random.random_range(0..JITTER_MS))).await;
        let length = Duration::from_secs(length_s);
        trial.fail(*how, *whose, length).await?;
    }
    let reconnections = trial.reconnections().await?;
    let verdict = trial.end().await?;
    let sum: u64 = reconnections.iter().map(|(_, count)| count).sum();
    println!("prove: lines: {sum} reconnections; {verdict}");
    assert!(verdict.offences.is_empty(), "{:#?}", verdict.offences);
    assert!(
        reconnections.iter().all(|(_, count)| *count > 0),
        "every role has lost its line once: {reconnections:?}"
    );
    Ok(())
}
