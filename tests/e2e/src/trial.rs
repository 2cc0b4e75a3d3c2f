//! A campaign over people of every kind that something is inflicted on, and that
//! is judged when it has ended.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};
use trunkline_rig::Trunkline;

use crate::crowd::Crowd;
use crate::far_end::FarEnd;
use crate::verdict::{Databases, Verdict};

/// How long anything that is awaited may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Pause between two looks at the far end's count.
const LOOK: Duration = Duration::from_millis(50);
/// Calls and channels younger than a second are not compared: a restart that is
/// compared at once finds more that is half done than one after fifteen.
const SETTINGS: [(&str, &str); 1] = [("TRUNKLINE_CALL__RECONCILE_GRACE_MS", "1000")];

/// A running campaign.
pub struct Trial {
    pub far: FarEnd,
    crowd: Crowd,
    targets: Vec<String>,
    campaign: String,
    /// None only while it is being killed.
    trunkline: Option<Trunkline>,
}

impl Trial {
    /// Starts a Trunkline and its campaign over so many people.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub async fn begin(far: FarEnd, people: usize, calls_per_second: f64) -> Result<Self> {
        let crowd = Crowd::of(people);
        let trunkline = far.trunkline(&SETTINGS).await?;
        let api = trunkline.api();
        let (outdial, targets) = api.outdial("everybody", &crowd.people()).await?;
        let plan = Crowd::plan(calls_per_second);
        let campaign = api.campaign(&plan, &outdial).await?;
        api.set_campaign(&campaign, "run").await?;
        Ok(Self {
            far,
            crowd,
            targets,
            campaign,
            trunkline: Some(trunkline),
        })
    }

    /// Waits until the far end has counted this share of the calls that it gets
    /// when nothing breaks. Trunkline must live meanwhile.
    ///
    /// # Errors
    ///
    /// When the campaign stands still, or Trunkline has ended.
    pub async fn until_dialed(&mut self, share: f64) -> Result<()> {
        let calls = (self.crowd.expected_dials() as f64 * share) as u64;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let dialed: u64 = self.far.dials().await?.values().sum();
            if dialed >= calls {
                return Ok(());
            }
            self.trunkline()?.process().check()?;
            ensure!(
                Instant::now() < deadline,
                "the campaign stands still: {dialed} calls, {calls} are waited for"
            );
            sleep(LOOK).await;
        }
    }

    /// The Trunkline that runs the campaign.
    ///
    /// # Errors
    ///
    /// When starting it again had failed.
    pub fn trunkline(&mut self) -> Result<&mut Trunkline> {
        self.trunkline.as_mut().context(DEAD)
    }

    /// Kills Trunkline with SIGKILL, does something meanwhile, and starts it
    /// again without waiting for it.
    ///
    /// # Errors
    ///
    /// When a process cannot be ended or started.
    pub async fn kill(
        &mut self,
        meanwhile: impl AsyncFnOnce(&mut FarEnd) -> Result<()>,
    ) -> Result<()> {
        let stopped = self.trunkline.take().context(DEAD)?.kill().await?;
        meanwhile(&mut self.far).await?;
        self.trunkline = Some(Trunkline::launch(stopped)?);
        Ok(())
    }

    /// Waits for the campaign's end and judges it.
    ///
    /// # Errors
    ///
    /// When it does not end, when something is left at the Asterisk, or when
    /// Trunkline does not stop cleanly.
    pub async fn end(mut self) -> Result<Verdict> {
        let mut trunkline = self.trunkline.take().context(DEAD)?;
        trunkline.ready(LOOK).await?;
        let api = trunkline.api();
        api.campaign_is(&self.campaign, "stop", PATIENCE).await?;
        api.until(PATIENCE, "no channel and no bridge is left", async |_| {
            Ok(self.far.left().await? == 0)
        })
        .await?;
        let (status, stopped) = trunkline.stop().await?;
        ensure!(status.success(), "Trunkline ended with {status}");
        let dials = self.far.dials().await?;
        let databases = Databases::one(stopped.database());
        Verdict::of(
            &databases,
            &self.campaign,
            &self.targets,
            &self.crowd,
            &dials,
        )
        .await
    }
}

const DEAD: &str = "Trunkline could not be started again";
