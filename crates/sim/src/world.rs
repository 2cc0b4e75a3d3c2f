//! A world: one store, one bus, simulated Asterisks, and processes that die and
//! come back.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use trunkline_bus::Bus;
use trunkline_store::Database;
use trunkline_store_sqlite::SqliteDatabase;

use crate::border::{Border, Mortal, pause};
use crate::carrier::{Carrier, Life};
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

/// How long the broker hears nothing of a process before it gives its messages to
/// others, milliseconds.
const BROKER_PATIENCE_MS: u64 = 12_000;

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
    /// When a process last died, started or thawed.
    disturbed: Mutex<Instant>,
    /// The processes that stand still, and the managers that do not.
    frozen: Mutex<BTreeSet<String>>,
    working: Mutex<BTreeSet<String>>,
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
            frozen: Mutex::default(),
            working: Mutex::default(),
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

    /// When something last went wrong, or a process started. Now, while every
    /// process with managers is dead or stands still.
    #[must_use]
    pub fn disturbed(&self) -> Instant {
        if self.working().is_empty() {
            return Instant::now();
        }
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

    /// The processes that stand still.
    #[must_use]
    pub fn frozen(&self) -> Vec<String> {
        self.frozen_now().iter().cloned().collect()
    }

    fn frozen_now(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn working(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether a process works, and that something has changed.
    fn works(&self, name: &str, roles: &Roles, works: bool) {
        match (roles, works) {
            (Roles::Proxy(_), _) => false,
            (Roles::Everything(_) | Roles::Managers, true) => {
                self.working().insert(name.to_owned())
            }
            (Roles::Everything(_) | Roles::Managers, false) => self.working().remove(name),
        };
        self.disturb();
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
                world.works(&name, &roles, true);
                tokio::select! {
                    biased;
                    () = border.died() => {}
                    never = freezes(&world, &name, &roles, &border, &connection) => match never {},
                }
                world.works(&name, &roles, false);
                world.frozen_now().remove(&name);
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

/// What becomes of a process, for others, each time that it stands still.
async fn freezes(
    world: &World,
    name: &str,
    roles: &Roles,
    border: &Border,
    connection: &Life,
) -> Infallible {
    loop {
        border.froze().await;
        tracing::info!(target: "world", name, "a process stands still");
        world.frozen_now().insert(name.to_owned());
        world.works(name, roles, false);
        tokio::select! {
            biased;
            () = border.awake() => {}
            () = pause(BROKER_PATIENCE_MS) => {
                tracing::info!(target: "world", name, "the broker gives up on a process");
                connection.cut();
                border.awake().await;
                connection.restored();
            }
        }
        tracing::info!(target: "world", name, "a process goes on");
        world.frozen_now().remove(name);
        world.works(name, roles, true);
    }
}

/// Time that has passed since `then`.
#[must_use]
pub fn since(then: Instant) -> Duration {
    Instant::now().duration_since(then)
}
