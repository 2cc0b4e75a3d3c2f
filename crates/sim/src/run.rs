//! One run of one seed, from an empty world to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_asterisk_sim::Incoming;
use trunkline_model::campaign::Status;
use trunkline_model::id::CampaignId;
use trunkline_model::outplan::Outplan;
use trunkline_model::random::Seeded;

use crate::border::pause;
use crate::checks;
use crate::evidence;
use crate::far_end::FarEnd;
use crate::fault::{Choice, Fault, Faults, What};
use crate::operator::{OUR_NUMBER, Operator};
use crate::profile::Profile;
use crate::rows::Snapshot;
use crate::runners::Runners;
use crate::scenario::{Scenario, Step};
use crate::settle;
use crate::trace::Trace;
use crate::watch::{Violation, invariant_of};
use crate::world::{World, since};

/// Pause between two looks at the clock of the plan, milliseconds.
const TICK_MS: u64 = 250;

/// Every so many ticks all invariants are asked of all rows.
const FULL_CHECK_TICKS: u64 = 8;

/// A world that has not settled by then will not, milliseconds after the last
/// fault.
const SETTLED_WITHIN_MS: u64 = 1_500_000;

/// Time that a settled world is watched for what comes back, milliseconds.
const STILL_MS: u64 = 35_000;

/// How a seed is run.
#[derive(Debug, Clone)]
pub struct Options {
    pub choice: Choice,
    /// Keeps the whole log.
    pub trace: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub seed: u64,
    /// The first thing that must not be; none when all was well.
    pub violation: Option<Violation>,
    pub faults: Vec<Fault>,
    pub trace: String,
    /// Calls that left the Asterisks.
    pub dials: usize,
    pub batches: u64,
    /// How long the world lasted, virtual milliseconds.
    pub lasted_ms: u64,
}

/// Runs one seed on this thread.
///
/// # Panics
///
/// When no runtime can be made.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let _ids = Seeded::new(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads can be made");
    let (outcome, world) = runtime.block_on(async {
        let trace = Trace::new(options.trace);
        let logging = tracing::subscriber::set_default(trace.clone());
        let scenario = Scenario::of_seed(seed);
        let profile = Profile::of_seed(seed, scenario.asterisks, scenario.troubled_ms);
        let plan = profile.plan.clone();
        let faults = Faults::new(seed, profile, &options.choice);
        let world = World::new(seed, &scenario, faults);
        let began = Instant::now();
        let found = lead(&world, &scenario, plan, &trace).await;
        if let (Err(violation), true) = (&found, options.trace) {
            evidence::tell(&world, violation).await;
        }
        drop(logging);
        let dials = |at: &Arc<crate::station::Station>| at.look(|sim| sim.dials().len());
        let outcome = Outcome {
            seed,
            violation: found.err(),
            faults: world.faults.happened(),
            trace: trace.text(),
            dials: world.stations.iter().map(dials).sum(),
            batches: world.db.batches(),
            lasted_ms: u64::try_from(since(began).as_millis()).unwrap_or(u64::MAX),
        };
        (outcome, world)
    });
    world.end();
    drop(runtime);
    outcome
}

/// Leads a world through its scenario.
async fn lead(
    world: &Arc<World>,
    scenario: &Scenario,
    plan: Vec<(u64, What)>,
    trace: &Trace,
) -> Result<(), Violation> {
    world.begin(scenario.shape);
    let operator = Operator::new(&world.carrier);
    operator.set_up(scenario.routes).await;
    for campaign in &scenario.campaigns {
        operator.make(campaign).await;
    }
    for at in 0..scenario.campaigns.len() {
        operator.set_status(at, "run").await;
    }
    let plans = (0..scenario.campaigns.len())
        .map(|at| {
            let id = operator.campaign(at).id.parse().unwrap_or(CampaignId::NIL);
            (id, checks::widest_plan(scenario, at))
        })
        .collect();
    let intervals: Vec<i64> = (0..scenario.campaigns.len())
        .map(|at| checks::widest_plan(scenario, at).try_interval)
        .collect();
    let mut lead = Lead {
        world,
        scenario,
        operator,
        trace,
        plans,
        allowed: checks::tries_by_number(scenario),
        far_end: FarEnd::new(scenario, &intervals),
        steady: true,
        stepped: false,
        endings: checks::Endings::default(),
        runners: Runners::default(),
        ticks: 0,
    };
    lead.trouble(plan).await?;
    lead.settle().await?;
    lead.last_look().await
}

struct Lead<'a> {
    world: &'a Arc<World>,
    scenario: &'a Scenario,
    operator: Operator<'a>,
    trace: &'a Trace,
    plans: BTreeMap<CampaignId, Outplan>,
    /// How often each number may be dialed.
    allowed: BTreeMap<String, i64>,
    far_end: FarEnd,
    endings: checks::Endings,
    /// Whether the store's clock never went back.
    steady: bool,
    /// Whether it ever stepped at all.
    stepped: bool,
    runners: Runners,
    ticks: u64,
}

impl Lead<'_> {
    /// The time in which things go wrong.
    async fn trouble(&mut self, plan: Vec<(u64, What)>) -> Result<(), Violation> {
        let mut steps = self.scenario.steps.iter().peekable();
        let mut plan = plan.into_iter().zip(1..).peekable();
        let began = Instant::now();
        self.world.faults.open(true);
        loop {
            let now_ms = u64::try_from(since(began).as_millis()).unwrap_or(u64::MAX);
            while let Some(((_, what), nth)) = plan.next_if(|((at, _), _)| *at <= now_ms) {
                self.happen(nth, what);
            }
            while let Some((_, step)) = steps.next_if(|(at, _)| *at <= now_ms) {
                self.step(step).await;
            }
            self.tick().await?;
            if now_ms >= self.scenario.troubled_ms {
                break;
            }
        }
        self.world.faults.open(false);
        Ok(())
    }

    fn happen(&mut self, nth: u64, what: What) {
        if !self.world.faults.planned(nth, what) {
            return;
        }
        match what {
            What::AsteriskDies(at, ms) => {
                let station = Arc::clone(&self.world.stations[at]);
                tokio::spawn(async move { station.die(Duration::from_millis(ms)).await });
            }
            What::AsteriskUnreachable(at, ms) => {
                let station = Arc::clone(&self.world.stations[at]);
                tokio::spawn(async move { station.leave(Duration::from_millis(ms)).await });
            }
            What::ClockStep(ms) => {
                self.steady &= ms >= 0;
                self.stepped = true;
                self.world.clock.step(ms);
            }
            What::Lost
            | What::AnswerLost
            | What::Late(_)
            | What::AnswerLate(_)
            | What::Twice
            | What::TwiceLate(_)
            | What::FrozenBefore(_)
            | What::FrozenAfter(_)
            | What::AwayBefore
            | What::AwayAfter
            | What::KilledBefore
            | What::KilledAfter
            | What::Cut => {}
        }
    }

    async fn step(&self, step: &Step) {
        match step {
            Step::Incoming(from) => drop(self.incoming(from)),
            Step::IncomingBriefly(from, ms) => {
                let Some((at, channel)) = self.incoming(from) else {
                    return;
                };
                let station = Arc::clone(&self.world.stations[at]);
                let ms = *ms;
                tokio::spawn(async move {
                    pause(ms).await;
                    station.far_end_hangs_up(&channel, 16);
                });
            }
            Step::Run(_)
            | Step::Stop(_)
            | Step::DeleteCampaign(_)
            | Step::DeleteTarget(..)
            | Step::AddTarget(..)
            | Step::Replan(..)
            | Step::HangUp(_)
            | Step::Call(_) => {
                let plans = &self.scenario.campaigns;
                self.operator.attempt(step, plans, self.world.store()).await;
            }
        }
    }

    /// Calls our number; where the call has arrived, if anywhere.
    fn incoming(&self, from: &str) -> Option<(usize, String)> {
        let args = [
            "context_type=call",
            "context=call-in",
            "domain=pstn.trunkline.localhost",
            "source=127.0.0.1",
            "direction=incoming",
            "transport=udp",
        ];
        let call = Incoming {
            from: from.to_owned(),
            to: OUR_NUMBER.to_owned(),
            application: "voipbin".to_owned(),
            args: args.map(str::to_owned).to_vec(),
            ..Incoming::default()
        };
        let at = self.world.stations.len() - 1;
        let channel = self.world.stations[at].incoming(&call);
        tracing::info!(target: "world", from, ?channel, "somebody calls us");
        Some((at, channel?))
    }

    /// A moment passes; what must always hold is asked.
    async fn tick(&mut self) -> Result<(), Violation> {
        pause(TICK_MS).await;
        self.ticks += 1;
        if let Some(error) = self.trace.errors().first() {
            return Err(Violation::new("error logged", error.clone()));
        }
        first(self.world.db.take_violations())?;
        self.dials_within_the_plan().await?;
        if !self.ticks.is_multiple_of(FULL_CHECK_TICKS) {
            return Ok(());
        }
        let rows = self.read().await?;
        first(checks::of_attempts(
            &rows,
            &self.plans,
            &self.dialed_channels(),
            self.steady,
        ))?;
        first(self.endings.look(&rows.attempts))?;
        let disturbed = self.world.disturbed();
        first(self.runners.look(&rows, disturbed))?;
        if since(disturbed) > Duration::from_millis(STILL_MS + 10_000) {
            let store = self.world.store();
            let found = trunkline_call::invariants::check(store, rows.now).await;
            let found = found.map_err(|error| store_failed(&error))?;
            first(
                found
                    .iter()
                    .map(|it| Violation::new(invariant_of(it), format!("{it:?}")))
                    .collect(),
            )?;
        }
        Ok(())
    }

    /// Nothing goes wrong any more: everything must come to its end.
    async fn settle(&mut self) -> Result<(), Violation> {
        let deadline = Instant::now() + Duration::from_millis(SETTLED_WITHIN_MS);
        let mut still_since: Option<Instant> = None;
        loop {
            self.tick().await?;
            if !self.ticks.is_multiple_of(4) {
                continue;
            }
            let open = settle::unsettled(self.world).await;
            let open = open.map_err(|error| store_failed(&error))?;
            if !open.is_empty() {
                // Again whenever one runs: the process that was asked may have died, and
                // one that stood still may start a campaign as it was asked to long ago.
                for at in self.idle_waiters().await? {
                    self.operator.try_to_stop(at).await;
                }
                still_since = None;
                if Instant::now() > deadline {
                    return Err(Violation::new("unsettled", open.join("; ")));
                }
                continue;
            }
            let still = *still_since.get_or_insert_with(Instant::now);
            if since(still) > Duration::from_millis(STILL_MS) {
                return Ok(());
            }
        }
    }

    /// The campaigns that wait for more people and run, if no other runs, and none of
    /// their attempts lives.
    async fn idle_waiters(&self) -> Result<Vec<usize>, Violation> {
        let rows = self.read().await?;
        let runs = |at: &usize| {
            let id = self.operator.campaign(*at).id;
            let row = rows.campaigns.iter().find(|it| it.id.to_string() == id);
            row.is_some_and(|it| it.tm_delete.is_none() && it.status != Status::Stop)
        };
        let running: Vec<usize> = (0..self.scenario.campaigns.len()).filter(runs).collect();
        let all_wait = running.iter().all(|at| !self.scenario.campaigns[*at].stops);
        let lives = !trunkline_campaign::invariants::unfinished_attempts(&rows.attempts).is_empty();
        Ok(if all_wait && !lives {
            running
        } else {
            Vec::new()
        })
    }

    /// What only the end can tell.
    async fn last_look(&self) -> Result<(), Violation> {
        let rows = self.read().await?;
        first(self.world.db.take_violations())?;
        first(checks::of_attempts(
            &rows,
            &self.plans,
            &self.dialed_channels(),
            self.steady,
        ))?;
        first(settle::wrong_results(&rows))?;
        if self.world.faults.happened().is_empty()
            && let Some(repair) = self.trace.repairs().first()
        {
            return Err(Violation::new("repaired without a fault", repair.clone()));
        }
        if self.nothing_went_wrong() {
            let mut dialed = Vec::new();
            for station in &self.world.stations {
                station.look(|sim| dialed.extend(sim.dials().iter().map(|it| it.number.clone())));
            }
            first(settle::tries_without_a_call(&rows, &dialed))?;
        }
        first(settle::forgotten(self.scenario, &self.operator, &rows))?;
        let unannounced = self.world.db.unannounced().await;
        first(unannounced.map_err(|error| store_failed(&error))?)
    }

    /// Whether no call was kept from ringing: no fault, and nobody hung one up.
    fn nothing_went_wrong(&self) -> bool {
        let hangs_up = |step: &Step| matches!(step, Step::HangUp(_));
        let mut steps = self.scenario.steps.iter();
        self.world.faults.happened().is_empty() && !steps.any(|(_, step)| hangs_up(step))
    }

    /// I1 and I2 at the far end.
    async fn dials_within_the_plan(&mut self) -> Result<(), Violation> {
        let (mut dials, mut channels) = (Vec::new(), BTreeSet::new());
        for station in &self.world.stations {
            station.look(|sim| {
                dials.extend_from_slice(sim.dials());
                // A channel that is created once more under its former id calls nobody.
                let calling = sim.channels().filter(|it| it.dialed);
                channels.extend(calling.map(|it| it.id.to_owned()));
            });
        }
        let routes = i64::try_from(self.scenario.routes).unwrap_or(i64::MAX);
        let numbers: Vec<String> = dials.iter().map(|it| it.number.clone()).collect();
        let mut found = checks::of_dials(&numbers, &self.allowed, routes);
        let now = self.world.clock.true_micros();
        let steady = !self.stepped;
        found.extend(self.far_end.look(&dials, &channels, now, steady));
        if found.is_empty() {
            return Ok(());
        }
        // A request to add somebody that is delivered twice makes two targets, each
        // with its own tries: nothing in it says that they are one person.
        let shared = self.read().await?.shared_numbers();
        found.retain(|it| !shared.iter().any(|number| it.detail.contains(number)));
        first(found)
    }

    fn dialed_channels(&self) -> BTreeSet<String> {
        let mut dialed = BTreeSet::new();
        for station in &self.world.stations {
            station.look(|sim| dialed.extend(sim.dials().iter().map(|it| it.channel_id.clone())));
        }
        dialed
    }

    async fn read(&self) -> Result<Snapshot, Violation> {
        let rows = Snapshot::read(self.world.store()).await;
        rows.map_err(|error| store_failed(&error))
    }
}

fn store_failed(error: &trunkline_store::Error) -> Violation {
    Violation::new("store", error.to_string())
}

fn first(found: Vec<Violation>) -> Result<(), Violation> {
    match found.into_iter().next() {
        Some(violation) => Err(violation),
        None => Ok(()),
    }
}
