//! Which attempts of a campaign are live, and when each is looked at: what its
//! runner remembers. All of it can be read from the rows again, and a runner
//! that takes a campaign over does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use trunkline_model::campaigncall::Campaigncall;
use trunkline_model::id::CampaigncallId;
use trunkline_store::{Error, campaigncall, outplan};

use super::{Run, held};
use crate::attempt::look::Seen;

/// Attempts of a campaign that are read. More than may be live at one time.
const MOST: u32 = 20_000;
/// Looks of one campaign at the same time.
const AT_ONCE: usize = 16;
/// Pause after an error of the store.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Between two searches for targets that nobody's attempt holds.
const HELD_INTERVAL: Duration = Duration::from_secs(15);

/// The live attempts of a campaign.
pub(crate) struct Watch {
    /// Age at which an attempt is looked at for the first time.
    first: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    attempts: BTreeMap<CampaigncallId, Watched>,
    due: BTreeSet<(Instant, CampaigncallId, Why)>,
}

struct Watched {
    /// Since when this runner knows it: the age that a conclusion is drawn from
    /// must not depend on a clock that jumps.
    since: Instant,
    look: Option<Instant>,
    time_out: Option<Instant>,
}

/// What for an attempt is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Look,
    TimeOut,
}

impl Watch {
    pub(crate) fn new(first: Duration) -> Arc<Self> {
        Arc::new(Self {
            first,
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// An attempt that begins. `dial_timeout` in milliseconds; 0 is none.
    pub(crate) fn add(&self, call: &Campaigncall, dial_timeout: i64) {
        let now = Instant::now();
        self.enter(call.id, now + self.first, time_out(now, dial_timeout));
    }

    /// An attempt that has ended, or did not begin.
    pub(crate) fn remove(&self, id: CampaigncallId) {
        self.with(|state| {
            if let Some(known) = state.attempts.remove(&id) {
                state.unschedule(id, &known);
            }
        });
    }

    /// Whether it is known to be live.
    pub(super) fn knows(&self, id: CampaigncallId) -> bool {
        self.with(|state| state.attempts.contains_key(&id))
    }

    fn enter(&self, id: CampaigncallId, look: Instant, time_out: Option<Instant>) {
        let first = self.with(|state| {
            if state.attempts.contains_key(&id) {
                return false;
            }
            let known = Watched {
                since: Instant::now(),
                look: Some(look),
                time_out,
            };
            state.schedule(id, &known);
            state.attempts.insert(id, known);
            state.due.first().is_some_and(|first| first.1 == id)
        });
        if first {
            self.changed.notify_one();
        }
    }

    /// The next look that is due; its attempt stays known.
    fn take_due(&self, now: Instant) -> Option<(CampaigncallId, Why, Duration)> {
        self.with(|state| {
            let (at, id, why) = *state.due.first()?;
            if at > now {
                return None;
            }
            state.due.pop_first();
            let known = state.attempts.get_mut(&id)?;
            *known.slot(why) = None;
            Some((id, why, now.duration_since(known.since)))
        })
    }

    fn next(&self) -> Option<Instant> {
        self.with(|state| state.due.first().map(|first| first.0))
    }

    fn again(&self, id: CampaigncallId, why: Why, at: Instant) {
        self.with(|state| {
            if let Some(known) = state.attempts.get_mut(&id) {
                *known.slot(why) = Some(at);
                state.due.insert((at, id, why));
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn schedule(&mut self, id: CampaigncallId, known: &Watched) {
        let (look, time_out) = (known.look, known.time_out);
        self.due.extend(look.map(|at| (at, id, Why::Look)));
        self.due.extend(time_out.map(|at| (at, id, Why::TimeOut)));
    }

    fn unschedule(&mut self, id: CampaigncallId, known: &Watched) {
        for (at, why) in [(known.look, Why::Look), (known.time_out, Why::TimeOut)] {
            if let Some(at) = at {
                self.due.remove(&(at, id, why));
            }
        }
    }
}

impl Watched {
    fn slot(&mut self, why: Why) -> &mut Option<Instant> {
        match why {
            Why::Look => &mut self.look,
            Why::TimeOut => &mut self.time_out,
        }
    }
}

fn time_out(from: Instant, millis: i64) -> Option<Instant> {
    let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0)?;
    from.checked_add(Duration::from_millis(millis))
}

type Looked = (CampaigncallId, Why, Result<Seen, Error>);

/// Looks after the attempts for as long as the runner runs.
pub(super) async fn look_after(run: &Run) {
    while let Err(error) = read_rows(run).await {
        tracing::warn!(campaign_id = %run.lease.campaign, %error, "the live attempts of a campaign cannot be read");
        sleep(STORE_PAUSE).await;
    }
    let mut looking: JoinSet<Looked> = JoinSet::new();
    let mut suspects = held::Suspects::default();
    let mut search_at = Instant::now() + HELD_INTERVAL;
    loop {
        while looking.len() < AT_ONCE
            && let Some((id, why, age)) = run.watch.take_due(Instant::now())
        {
            let (manager, lease) = (Arc::clone(&run.manager), run.lease);
            looking.spawn(async move {
                let seen = match why {
                    Why::Look => manager.look(&lease, id, age).await,
                    Why::TimeOut => manager.time_out(id, age).await,
                };
                (id, why, seen)
            });
        }
        let room = looking.len() < AT_ONCE;
        let next = run.watch.next().filter(|_| room).unwrap_or(search_at);
        tokio::select! {
            biased;
            Some(ended) = looking.join_next() => note(run, ended),
            () = run.watch.changed.notified() => {}
            () = sleep_until(next.min(search_at)) => {}
        }
        if Instant::now() >= search_at {
            held::give_back(run, &mut suspects).await;
            search_at = Instant::now() + HELD_INTERVAL;
        }
    }
}

fn note(run: &Run, ended: Result<Looked, tokio::task::JoinError>) {
    let (id, why, seen) = match ended {
        Ok(looked) => looked,
        Err(error) => {
            tracing::error!(%error, "a look at an attempt has panicked");
            return;
        }
    };
    let pause = match (seen, why) {
        (Ok(Seen::Ended), Why::Look) => return run.watch.remove(id),
        (Ok(Seen::Ended), Why::TimeOut) => return,
        (Ok(Seen::Again(pause)), _) => pause,
        (Err(error), _) => {
            tracing::debug!(campaigncall_id = %id, %error, "an attempt could not be looked at");
            STORE_PAUSE
        }
    };
    run.watch.again(id, why, Instant::now() + pause);
}

/// Attempts that were live when the runner came, whoever began them: those of
/// a process that died, and of the reference. Each is looked at now, and again
/// until it is known what it came to (I4).
async fn read_rows(run: &Run) -> Result<(), Error> {
    let manager = &run.manager;
    let live = campaigncall::live(manager.db(), run.lease.campaign, MOST).await?;
    let (begun, now) = (Instant::now(), manager.ledger.now().await?);
    let mut plans = BTreeMap::new();
    for call in live {
        let allowed = match plans.get(&call.outplan_id).copied() {
            Some(known) => known,
            None => {
                let plan = outplan::get(manager.db(), call.outplan_id).await?;
                let allowed = plan.map_or(0, |plan| plan.dial_timeout);
                plans.insert(call.outplan_id, allowed);
                allowed
            }
        };
        let rung = now.since(call.tm_create.unwrap_or(now));
        let rest = time_out(begun, allowed).map(|at| at.checked_sub(rung).unwrap_or(begun));
        run.watch
            .enter(call.id, begun, rest.map(|at| at.max(begun)));
    }
    Ok(())
}
