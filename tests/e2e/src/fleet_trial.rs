//! A campaign over people of every kind on a Trunkline whose roles are processes of
//! their own over a broker, while these and the broker are killed, and while the lines
//! between them fail.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};
use trunkline_node::Role;
use trunkline_rig::world::SimWorld;
use trunkline_rig::{Broker, CampaignPlan, Fleet, Proxy, Side, Tools};

use crate::crowd::Crowd;
use crate::verdict::{Databases, Verdict};
use crate::{PATIENCE as CONNECTED, SOURCE};

/// How long anything that is awaited may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Pause between two looks at the far end's count.
const LOOK: Duration = Duration::from_millis(100);
/// As in a [`crate::trial::Trial`]: a restart that is compared soon finds more that is
/// half done.
const SETTINGS: [(&str, &str); 1] = [("TRUNKLINE_CALL__RECONCILE_GRACE_MS", "1000")];
/// Nobody is there: the simulated Asterisk needs no carrier.
const NOBODY: &str = "127.0.0.1:9";

/// Milliseconds that an unanswered call may ring. A call that took so long to be dialed
/// is not dialed, and the far end does not count it: over processes in trouble there is
/// more in between.
const DIAL_TIMEOUT_MS: i64 = 5_000;
/// What counts the connections after the first.
const RECONNECTIONS: &str = "trunkline_rabbitmq_reconnections_total";

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The process of a role.
    Role(Role),
    /// The broker, with everything that only its memory held.
    Broker,
}

/// What happens to the lines between roles and broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Connections end; the next ones are as good as ever.
    Cut,
    /// No byte moves; what was sent arrives when it is over.
    Frozen,
    /// What one side sends is lost, and nobody tells it. When it is over the
    /// connections end.
    HalfOpen(Side),
    /// So many bytes a second and no more, each way.
    Slow(u32),
}

/// Whose line fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Everybodys,
    Only(Role),
}

impl Whose {
    fn roles(self) -> Vec<Role> {
        match self {
            Self::Everybodys => Role::ALL.to_vec(),
            Self::Only(role) => vec![role],
        }
    }
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
    /// Starts everything with further variables, and a campaign over so many people.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub async fn begin(
        people: usize,
        calls_per_second: f64,
        seed: u64,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let world = SimWorld::start(&["--seed", &seed.to_string()]).await?;
        let options = world.options("fleet", &[&SETTINGS, settings].concat())?;
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let broker = Broker::start(&tools, &options.dir.join("broker")).await?;
        let roles = Role::ALL.map(Role::name);
        let fleet = Fleet::start_on_lines(broker, &options, &roles, |_| {}).await?;
        let api = fleet.api()?;
        api.connected(CONNECTED).await?;
        api.allow_calls(NOBODY, SOURCE, &["de".to_owned()]).await?;
        let crowd = Crowd::of(people);
        let (outdial, targets) = api.outdial("everybody", &crowd.people()).await?;
        let plan = CampaignPlan {
            dial_timeout_ms: DIAL_TIMEOUT_MS,
            ..Crowd::plan(calls_per_second)
        };
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
                !self.has_ended().await,
                "the campaign has ended: {dialed} calls, {calls} are waited for"
            );
            ensure!(
                Instant::now() < deadline,
                "the campaign stands still: {dialed} calls, {calls} are waited for"
            );
            sleep(LOOK).await;
        }
    }

    /// Whether it is known that nobody will be dialed any more.
    async fn has_ended(&self) -> bool {
        let Ok(api) = self.fleet.api() else {
            return false;
        };
        let campaign = api.get(&format!("/v1/campaigns/{}", self.campaign)).await;
        campaign.is_ok_and(|campaign| campaign["status"] == "stop")
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

    /// Lets lines fail for so long, and makes them good again.
    ///
    /// # Errors
    ///
    /// When a line cannot be made good.
    pub async fn fail(&self, fault: Fault, whose: Whose, length: Duration) -> Result<()> {
        let lines = self.lines(&whose.roles())?;
        for line in &lines {
            match fault {
                Fault::Cut => line.cut().await,
                Fault::Frozen => line.freeze(),
                Fault::HalfOpen(side) => line.swallow(side),
                Fault::Slow(bytes_a_second) => line.slow(bytes_a_second),
            }
        }
        if fault == Fault::Cut {
            return Ok(());
        }
        // Nothing is awaited here: the length is the fault.
        sleep(length).await;
        for line in lines {
            match fault {
                // A stream with a hole must not go on, nor may a new one begin in it.
                Fault::HalfOpen(_) => {
                    line.refuse().await?;
                    line.cut().await;
                    line.flow();
                    line.accept().await?;
                }
                Fault::Cut | Fault::Frozen | Fault::Slow(_) => line.flow(),
            }
        }
        Ok(())
    }

    fn lines(&self, roles: &[Role]) -> Result<Vec<&Proxy>> {
        roles
            .iter()
            .map(|role| self.fleet.line(role.name()))
            .collect()
    }

    /// How often each role has connected to the broker again since its start.
    ///
    /// # Errors
    ///
    /// When a role does not tell.
    pub async fn reconnections(&self) -> Result<Vec<(Role, u64)>> {
        let mut all = Vec::new();
        for role in Role::ALL {
            let url = self.fleet.role(role.name())?.metrics_url();
            let shown = reqwest::get(url).await?.text().await?;
            let mut lines = shown.lines();
            let count = lines.find_map(|line| line.strip_prefix(RECONNECTIONS));
            let count = count.with_context(|| format!("{role} has no {RECONNECTIONS}"))?;
            all.push((role, count.trim().parse()?));
        }
        Ok(all)
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
