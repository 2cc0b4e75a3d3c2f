//! A world for a test or a measurement: Asterisk, callees and Trunkline of its
//! own, in a folder that goes with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::asterisk::Asterisk;
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

    /// Callees, and an Asterisk that is not running.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub fn without_asterisk() -> Result<Self> {
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let dir = TempDir::new()?;
        let asterisk = Asterisk::prepare(&tools, &dir.path().join("asterisk"))?;
        let callees = Callees::start(&tools, &dir.path().join("callees"))?;
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
        Ok(Options {
            program: program()?,
            dir: self.dir("trunkline"),
            asterisk: self.asterisk.url(),
            account: account.to_owned(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            file_blocks: None,
        })
    }

    /// Starts a Trunkline and sets up who carries calls.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn trunkline(&self, environment: &[(&str, &str)]) -> Result<Trunkline> {
        let trunkline =
            Trunkline::start(self.options(&self.asterisk.account()?, environment)?).await?;
        let api = trunkline.api();
        api.connected(PATIENCE).await?;
        api.allow_calls(&self.callees.address(), SOURCE, &["de".to_owned()])
            .await?;
        Ok(trunkline)
    }
}

/// The program that was built beside whoever runs.
///
/// # Errors
///
/// When it was not built.
pub fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own
        .ancestors()
        .find(|folder| folder.join("trunkline").is_file());
    let folder = folder.context("the program is not built: cargo build -p trunkline-server")?;
    Ok(folder.join("trunkline"))
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
