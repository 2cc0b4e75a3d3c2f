//! The side that is called: it counts the calls that reached it, and says what
//! is left of them. What Trunkline believes does not count here.

use std::collections::BTreeMap;

use anyhow::Result;
use trunkline_rig::Trunkline;
use trunkline_rig::world::{SimWorld, World};

/// Who is called.
pub enum FarEnd {
    /// The simulated Asterisk, a process of its own, which counts its dials.
    Simulated(Box<SimWorld>),
    /// A real Asterisk and SIPp behind it, which counts the INVITEs.
    Real(Box<World>),
}

impl FarEnd {
    /// A simulated Asterisk with this seed for its jitter.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn simulated(seed: u64) -> Result<Self> {
        let seed = seed.to_string();
        let world = SimWorld::start(&["--seed", &seed]).await?;
        Ok(Self::Simulated(Box::new(world)))
    }

    /// A real Asterisk with callees that count.
    ///
    /// # Errors
    ///
    /// When a part does not come up.
    pub async fn real() -> Result<Self> {
        Ok(Self::Real(Box::new(World::start_counting().await?)))
    }

    /// What it is called in a summary.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "asterisk-sim",
            Self::Real(_) => "real Asterisk",
        }
    }

    /// Starts a Trunkline that calls here.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn trunkline(&self, environment: &[(&str, &str)]) -> Result<Trunkline> {
        match self {
            Self::Simulated(world) => world.trunkline(environment).await,
            Self::Real(world) => world.trunkline(environment).await,
        }
    }

    /// How often each number was called so far.
    ///
    /// # Errors
    ///
    /// When the simulated Asterisk does not answer.
    pub async fn dials(&self) -> Result<BTreeMap<String, u64>> {
        match self {
            Self::Simulated(world) => world.sim.client().dials().await,
            Self::Real(world) => world.callees.dials(),
        }
    }

    /// Kills the Asterisk, all of its calls with it, and starts it again.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn crash_asterisk(&mut self) -> Result<()> {
        match self {
            // Its own restart: what it has counted must survive.
            Self::Simulated(world) => world.sim.client().restart().await,
            Self::Real(_) => {
                self.take_asterisk_away().await?;
                self.bring_asterisk_back().await
            }
        }
    }

    /// Kills the Asterisk, all of its calls with it.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn take_asterisk_away(&mut self) -> Result<()> {
        match self {
            Self::Simulated(world) => world.sim.crash().await,
            Self::Real(world) => world.asterisk.crash().await,
        }
    }

    /// Starts it again.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn bring_asterisk_back(&mut self) -> Result<()> {
        match self {
            Self::Simulated(world) => world.sim.up().await,
            Self::Real(world) => world.asterisk.up().await,
        }
    }

    /// Lets the Asterisk take nothing and say nothing, without ending.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub async fn freeze_asterisk(&self) -> Result<()> {
        match self {
            Self::Simulated(world) => world.sim.process()?.signal("STOP").await,
            Self::Real(world) => world.asterisk.process()?.signal("STOP").await,
        }
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub async fn thaw_asterisk(&self) -> Result<()> {
        match self {
            Self::Simulated(world) => world.sim.process()?.signal("CONT").await,
            Self::Real(world) => world.asterisk.process()?.signal("CONT").await,
        }
    }

    /// Channels and bridges that the Asterisk has at the moment.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn left(&self) -> Result<u64> {
        match self {
            Self::Simulated(world) => {
                let state = world.sim.client().state().await?;
                Ok(state.channels + state.bridges)
            }
            Self::Real(world) => {
                let asterisk = &world.asterisk;
                let left = asterisk.channels().await?.len() + asterisk.bridges().await?.len();
                Ok(left as u64)
            }
        }
    }
}
