//! A world for a test or a measurement: Asterisk, callees and Trunkline of its
//! own, in a folder that goes with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::asterisk::Asterisk;
use crate::asterisk_sim::AsteriskSim;
use crate::setup::CampaignPlan;
use crate::sipp::Callees;
use crate::tools::Tools;
use crate::trunkline::{Options, Trunkline};

/// How long anything awaited may take; generous, because nothing is measured.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The number that calls.
pub const SOURCE: &str = "+493023125000";

/// A real Asterisk and what belongs to it, in a folder of their own.
pub struct World {
    pub tools: Tools,
    pub asterisk: Asterisk,
    pub callees: Callees,
    dir: TempDir,
}

impl World {
    /// An Asterisk and callees; no Trunkline yet.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub async fn start() -> Result<Self> {
        let mut world = Self::without_asterisk()?;
        world.asterisk.up().await?;
        Ok(world)
    }

    /// The same with callees that count their calls.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub async fn start_counting() -> Result<Self> {
        let mut world = Self::with_callees(Callees::start_counting)?;
        world.asterisk.up().await?;
        Ok(world)
    }

    /// Callees, and an Asterisk that is not running.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub fn without_asterisk() -> Result<Self> {
        Self::with_callees(Callees::start)
    }

    fn with_callees(callees: fn(&Tools, &Path) -> Result<Callees>) -> Result<Self> {
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let dir = TempDir::new()?;
        let asterisk = Asterisk::prepare(&tools, &dir.path().join("asterisk"))?;
        let callees = callees(&tools, &dir.path().join("callees"))?;
        Ok(Self {
            tools,
            asterisk,
            callees,
            dir,
        })
    }

    /// A folder of this world.
    #[must_use]
    pub fn dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How a Trunkline of this world is started. `account` is ARI's.
    ///
    /// # Errors
    ///
    /// When the program was not built.
    pub fn options(&self, account: &str, environment: &[(&str, &str)]) -> Result<Options> {
        let asterisk = (self.asterisk.url(), account);
        options(self.dir("trunkline"), asterisk, environment)
    }

    /// Starts a Trunkline and sets up who carries calls.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn trunkline(&self, environment: &[(&str, &str)]) -> Result<Trunkline> {
        let account = self.asterisk.account()?;
        let options = self.options(&account, environment)?;
        start(options, &self.callees.address()).await
    }
}

/// A simulated Asterisk, in a folder of its own.
pub struct SimWorld {
    pub sim: AsteriskSim,
    dir: TempDir,
}

impl SimWorld {
    /// Starts the simulated Asterisk with further arguments; no Trunkline yet.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start(arguments: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let program = built("asterisk-sim", "trunkline-asterisk-sim")?;
        let sim = AsteriskSim::start(&program, &dir.path().join("sim"), arguments).await?;
        Ok(Self { sim, dir })
    }

    /// How a Trunkline of this world is started, with its files in a folder of
    /// this name.
    ///
    /// # Errors
    ///
    /// When the program was not built.
    pub fn options(&self, folder: &str, environment: &[(&str, &str)]) -> Result<Options> {
        let asterisk = (self.sim.url(), self.sim.account());
        options(self.dir.path().join(folder), asterisk, environment)
    }

    /// Starts a Trunkline and sets up who carries calls.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn trunkline(&self, environment: &[(&str, &str)]) -> Result<Trunkline> {
        // Nobody is at this address: the simulated one needs no carrier.
        start(self.options("trunkline", environment)?, "127.0.0.1:9").await
    }
}

/// A customer without limits.
const UNLIMITED: [(&str, &str); 3] = [
    ("TRUNKLINE_CALL__CUSTOMER_CALLS_PER_SECOND", "0"),
    ("TRUNKLINE_CALL__CUSTOMER_CONCURRENT_CALLS", "0"),
    ("TRUNKLINE_GATEWAY__REQUESTS_PER_SECOND", "0"),
];

fn options(
    dir: PathBuf,
    (url, account): (String, &str),
    environment: &[(&str, &str)],
) -> Result<Options> {
    Ok(Options {
        program: program()?,
        dir,
        asterisk: url,
        account: account.to_owned(),
        // What is measured and broken here is not the customer's limits.
        environment: UNLIMITED
            .iter()
            .chain(environment)
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        roles: Vec::new(),
        file_blocks: None,
    })
}

async fn start(options: Options, carrier: &str) -> Result<Trunkline> {
    let trunkline = Trunkline::start(options).await?;
    let api = trunkline.api();
    api.connected(PATIENCE).await?;
    api.allow_calls(carrier, SOURCE, &["de".to_owned()]).await?;
    Ok(trunkline)
}

/// Trunkline, built beside whoever runs.
///
/// # Errors
///
/// When it was not built.
pub fn program() -> Result<PathBuf> {
    built("trunkline", "trunkline-server")
}

/// A program of this workspace, in the same profile as whoever runs.
fn built(program: &str, package: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own
        .ancestors()
        .find(|folder| folder.join(program).is_file());
    let folder =
        folder.with_context(|| format!("{program} is not built: cargo build -p {package}"))?;
    Ok(folder.join(program))
}

/// A number whose last two digits say how its callee behaves.
#[must_use]
pub fn number(prefix: u32, callee: u32) -> String {
    format!("+4930231{prefix:04}{callee:02}")
}

/// A campaign with one try per number, as fast as it may be.
#[must_use]
pub fn plan(actions: Value) -> CampaignPlan {
    CampaignPlan {
        name: "test".to_owned(),
        source: SOURCE.to_owned(),
        actions,
        dial_timeout_ms: 5_000,
        try_interval_ms: 100,
        max_try_counts: [1, 1, 0, 0, 0],
        calls_per_second: 50.0,
        max_concurrent: 100,
    }
}

/// Waits `millis` on the call, then hangs up.
#[must_use]
pub fn sleep_and_hangup(millis: u32) -> Value {
    json!([{"type": "sleep", "option": {"duration": millis}}, {"type": "hangup"}])
}

/// A list of people with one number each.
#[must_use]
pub fn people(numbers: impl IntoIterator<Item = String>) -> Vec<(String, Vec<String>)> {
    numbers
        .into_iter()
        .map(|number| (number.clone(), vec![number]))
        .collect()
}
