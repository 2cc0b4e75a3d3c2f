//! The same script of ARI requests, once with the real Asterisk and once with the
//! simulated one: what they answer, and what they tell of each channel, bridge,
//! playback and recording, is the same.
//!
//! Left out of the comparison are ids, times and names that are made up, what
//! sounds were like (`RTPAUDIOQOS`), and what asterisk-sim says it does not do
//! (`BRIDGEPEER`). Events of one thing are compared in their order; the order
//! between things is chance also with the real one.

mod chapters;
mod library;
mod normal;
mod side;

use std::path::Path;

use anyhow::{Result, ensure};
use side::{Far, Side};
use tempfile::TempDir;
use trunkline_asterisk_sim::{Config, Delays, ServerConfig, start};
use trunkline_rig::{Asterisk, Callees, Tools};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulated_asterisk_answers_and_tells_what_the_real_one_does() -> Result<()> {
    let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let dir = TempDir::new()?;
    let asterisk = Asterisk::start(&tools, &dir.path().join("asterisk")).await?;
    let callees = Callees::start(&tools, &dir.path().join("callees"))?;
    let address = callees.address();
    let far = Far::Callers(tools, dir.path().join("callers"), asterisk.sip_address());
    let mut real = Side::connect(&asterisk.url(), &asterisk.account()?, &address, far).await?;

    let config = Config {
        delays: Delays {
            sound_ms: 400,
            ..Delays::default()
        },
        fetches: true,
        ..Config::default()
    };
    let account = "trunkline:simulated".to_owned();
    let server = start(ServerConfig {
        listen: "127.0.0.1:0".parse()?,
        account: account.clone(),
        seed: 1,
        asterisk: config,
    })
    .await?;
    let mut simulated = Side::connect(&server.url(), &account, &address, Far::Simulated).await?;

    let (one, other) = tokio::join!(chapters::all(&mut real), chapters::all(&mut simulated));
    // Whatever differs explains why one of them could not go on.
    let differences = normal::differences(&real.seen(), &simulated.seen());
    ensure!(
        differences.is_empty(),
        "{}\nreal: {one:?}\nsimulated: {other:?}",
        differences.join("\n")
    );
    one?;
    other
}
