//! A campaign over people of every kind on a Trunkline whose roles are processes of
//! their own over a broker, while these and the broker are killed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};
use trunkline_node::Role;
use trunkline_rig::world::SimWorld;
use trunkline_rig::{Broker, Fleet, Tools};

use crate::crowd::Crowd;
use crate::verdict::{Databases, Verdict};
use crate::{PATIENCE as CONNECTED, SOURCE};

/// How long anything that is awaited may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Pause between two looks at the far end's count.
const LOOK: Duration = Duration::from_millis(50);
/// As in a [`crate::trial::Trial`]: a restart that is compared soon finds more that is
/// half done.
const SETTINGS: [(&str, &str); 1] = [("TRUNKLINE_CALL__RECONCILE_GRACE_MS", "1000")];
/// Nobody is there: the simulated Asterisk needs no carrier.
const NOBODY: &str = "127.0.0.1:9";

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The process of a role.
    Role(Role),
    /// The broker, with everything that only its memory held.
    Broker,
}

/// A running campaign.
pub struct FleetTrial {
    world: SimWorld,
    fleet: Fleet,
    crowd: Crowd,
    targets: Vec<String>,
    campaign: String,
}

impl FleetTrial {
    /// Starts everything, and a campaign over so many people.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub async fn begin(people: usize, calls_per_second: f64, seed: u64) -> Result<Self> {
        let world = SimWorld::start(&["--seed", &seed.to_string()]).await?;
        let options = world.options("fleet", &SETTINGS)?;
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let broker = Broker::start(&tools, &options.dir.join("broker")).await?;
        let roles = Role::ALL.map(Role::name);
        let fleet = Fleet::start(broker, &options, &roles, |_| {}).await?;
        let api = fleet.api()?;
        api.connected(CONNECTED).await?;
        api.allow_calls(NOBODY, SOURCE, &["de".to_owned()]).await?;
        let crowd = Crowd::of(people);
        let (outdial, targets) = api.outdial("everybody", &crowd.people()).await?;
        let plan = Crowd::plan(calls_per_second);
        let campaign = api.campaign(&plan, &outdial).await?;
        api.set_campaign(&campaign, "run").await?;
        Ok(Self {
            world,
            fleet,
            crowd,
            targets,
            campaign,
        })
    }

    /// Waits until the far end has counted this share of the calls that it gets when
    /// nothing breaks. Every role must live meanwhile.
    ///
    /// # Errors
    ///
    /// When the campaign stands still, or a role has ended.
    pub async fn until_dialed(&mut self, share: f64) -> Result<()> {
        let calls = (self.crowd.expected_dials() as f64 * share) as u64;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let dials = self.world.sim.client().dials().await?;
            let dialed: u64 = dials.values().sum();
            if dialed >= calls {
                return Ok(());
            }
            self.fleet.check()?;
            ensure!(
                Instant::now() < deadline,
                "the campaign stands still: {dialed} calls, {calls} are waited for"
            );
            sleep(LOOK).await;
        }
    }

    /// Kills it and starts it again on what it has on disk. A role is not waited for.
    ///
    /// # Errors
    ///
    /// When it cannot be ended or started.
    pub async fn kill(&mut self, victim: Victim) -> Result<()> {
        match victim {
            Victim::Role(role) => {
                self.fleet.kill(role.name()).await?;
                self.fleet.launch(role.name())
            }
            Victim::Broker => {
                self.fleet.broker().crash().await?;
                self.fleet.broker().up().await
            }
        }
    }

    /// Waits for the campaign's end and judges it.
    ///
    /// # Errors
    ///
    /// When it does not end, when something is left at the Asterisk, or when a role does
    /// not stop cleanly.
    pub async fn end(mut self) -> Result<Verdict> {
        for role in Role::ALL {
            self.fleet.ready(role.name()).await?;
        }
        let api = self.fleet.api()?;
        api.campaign_is(&self.campaign, "stop", PATIENCE).await?;
        let client = self.world.sim.client().clone();
        api.until(PATIENCE, "no channel and no bridge is left", async |_| {
            let left = client.state().await?;
            Ok(left.channels + left.bridges == 0)
        })
        .await?;
        let databases = Databases {
            campaign: self.fleet.database(Role::CampaignManager.name()),
            call: self.fleet.database(Role::CallManager.name()),
        };
        self.fleet.stop().await?;
        let dials = client.dials().await?;
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
