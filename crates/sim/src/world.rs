//! A world: one store, one bus, simulated Asterisks, and processes that die and
//! come back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use trunkline_bus::Bus;
use trunkline_store::Database;
use trunkline_store_sqlite::SqliteDatabase;

use crate::border::{Border, Mortal, pause};
use crate::carrier::Carrier;
use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::fault::Faults;
use crate::process::{self, Ground, Roles, Running};
use crate::scenario::{Scenario, Shape};
use crate::station::Station;
use crate::watch::Watched;

/// Longest time that a dead process stays dead, milliseconds.
const LONGEST_DEATH_MS: u64 = 8_000;

/// Pause before a process that did not start is started again, milliseconds.
const START_AGAIN_MS: u64 = 500;

/// Everything that outlives a process.
pub struct World {
    pub seed: u64,
    pub clock: Arc<VirtualClock>,
    pub db: Arc<Watched>,
    pub carrier: Carrier,
    pub stations: Vec<Arc<Station>>,
    pub faults: Arc<Faults>,
    /// What dead and living processes hold.
    kept: Mutex<Running>,
    /// When a process last died or started.
    disturbed: Mutex<Instant>,
}

impl World {
    /// An empty world in the shape of the scenario.
    ///
    /// # Panics
    ///
    /// When memory is short.
    #[must_use]
    pub fn new(seed: u64, scenario: &Scenario, faults: Faults) -> Arc<Self> {
        let clock = Arc::new(VirtualClock::new());
        let ticking = Arc::clone(&clock);
        let sqlite = SqliteDatabase::in_memory(move || ticking.read());
        let sqlite = sqlite.expect("an empty database fits into memory");
        let carrier = match scenario.shape {
            Shape::Embedded => Carrier::embedded(),
            Shape::Distributed(_) => Carrier::broker(seed),
        };
        let stations = (0..scenario.asterisks)
            .map(|at| Station::new(at, seed, &clock))
            .collect();
        Arc::new(Self {
            seed,
            clock,
            db: Watched::new(Arc::new(sqlite)),
            carrier,
            stations,
            faults: Arc::new(faults),
            kept: Mutex::default(),
            disturbed: Mutex::new(Instant::now()),
        })
    }

    /// Starts the Asterisks and the processes.
    pub fn begin(self: &Arc<Self>, shape: Shape) {
        for station in &self.stations {
            tokio::spawn(Arc::clone(station).run());
        }
        let all: Vec<usize> = (0..self.stations.len()).collect();
        match shape {
            Shape::Embedded => self.spawn("all".to_owned(), Roles::Everything(all)),
            Shape::Distributed(managers) => {
                for at in 0..managers {
                    self.spawn(format!("managers-{at}"), Roles::Managers);
                }
                for at in all {
                    self.spawn(format!("proxy-{at}"), Roles::Proxy(at));
                }
            }
        }
    }

    fn spawn(self: &Arc<Self>, name: String, roles: Roles) {
        tokio::spawn(live(Arc::clone(self), name, roles));
    }

    /// When something last went wrong, or a process started.
    #[must_use]
    pub fn disturbed(&self) -> Instant {
        let disturbed = *self
            .disturbed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.faults.last().map_or(disturbed, |at| at.max(disturbed))
    }

    /// The store, without any border in between.
    #[must_use]
    pub fn store(&self) -> &dyn Database {
        &*self.db
    }

    fn disturb(&self) {
        *self
            .disturbed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn keep(&self, running: Running) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(running);
    }

    /// The end of the world: nothing holds anything any more.
    pub fn end(&self) {
        self.carrier.clear();
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        drop(kept);
    }
}

/// One process: it starts, dies, and is started again after a while, as an
/// operating system does it.
async fn live(world: Arc<World>, name: String, roles: Roles) {
    let mut dice = Dice::new(world.seed, &format!("deaths of {name}"));
    for life in 1.. {
        let border = Border::new(&name, life, world.seed, &world.faults);
        let connection = world.carrier.connect();
        let bus = Mortal::new(Arc::clone(&connection.bus), &border);
        let db = Arc::clone(&world.db) as Arc<dyn Database>;
        let ground = Ground {
            bus: bus as Arc<dyn Bus>,
            db: Mortal::new(db, &border),
            border: Arc::clone(&border),
            stations: world.stations.clone(),
        };
        world.disturb();
        tracing::info!(target: "world", name, life, "a process starts");
        let outcome = tokio::select! {
            biased;
            () = border.died() => Ok(Running::new()),
            outcome = process::start(&roles, &ground) => outcome,
        };
        let mut pause_ms = 1 + dice.below(LONGEST_DEATH_MS);
        match outcome {
            Ok(running) => {
                world.keep(running);
                border.died().await;
                tracing::info!(target: "world", name, life, "a process has died");
            }
            Err(error) => {
                tracing::info!(target: "world", name, life, %error, "a process does not start");
                border.kill();
                pause_ms = START_AGAIN_MS;
            }
        }
        connection.lost();
        world.disturb();
        if !world.faults.are_open() {
            pause_ms = pause_ms.min(START_AGAIN_MS);
        }
        pause(pause_ms).await;
    }
}

/// Time that has passed since `then`.
#[must_use]
pub fn since(then: Instant) -> Duration {
    Instant::now().duration_since(then)
}
