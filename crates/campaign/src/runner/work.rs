//! The loop of a runner: gather, decide, carry out, wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_domain::campaign::brake::Brake;
use trunkline_domain::campaign::pacing::{self, Bucket, Limits};
use trunkline_domain::campaign::tick::{self, Dial, StopReason, Tick, WaitReason};
use trunkline_model::Timestamp;
use trunkline_model::id::OutdialTargetId;
use trunkline_model::rules::CampaignRules;
use trunkline_store::Error;

use super::gather::{self, Facts, Memory, Views};
use super::placing::Placing;
use super::{End, Run, finish};
use crate::attempt::place::Placed;

/// Pause after a write that another writer was faster with, and after an error
/// of the store.
const CONFLICT_PAUSE: Duration = Duration::from_millis(20);
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Shortest run of a campaign that starts another one: two that name each other
/// and have nobody left to call must not chase each other.
const CHAIN_PAUSE: Duration = Duration::from_secs(1);

/// What the runner knows besides the rows.
struct Worker<'a> {
    run: &'a Arc<Run>,
    began: Instant,
    /// None until the store has said what time it is.
    bucket: Option<Bucket>,
    brake: Brake,
    views: Views,
    placing: Placing,
    rate: f64,
    /// What it waits for, to say it once.
    waiting: Option<WaitReason>,
    /// Why it ends, while it waits for its last attempts.
    ending: Option<StopReason>,
}

/// What comes after a tick.
enum Next {
    Now,
    Wait(Duration),
    End,
}

/// Works until the campaign has stopped or the process is told to.
pub(super) async fn work(run: &Arc<Run>) -> End {
    let mut worker = Worker {
        run,
        began: Instant::now(),
        bucket: None,
        brake: Brake::default(),
        views: Views::default(),
        placing: Placing::default(),
        rate: CampaignRules::DEFAULT_CALLS_PER_SECOND,
        waiting: None,
        ending: None,
    };
    loop {
        worker.collect();
        if run.stop.is_cancelled() {
            worker.drain().await;
            return End::Shutdown;
        }
        if worker.crowded() {
            worker.wait(STORE_PAUSE).await;
            continue;
        }
        let next = match worker.tick().await {
            Ok(next) => next,
            Err(error) => worker.store_failed(&error),
        };
        match next {
            Next::Now => {}
            Next::Wait(pause) => worker.wait(pause).await,
            Next::End => return End::Finished,
        }
    }
}

impl Worker<'_> {
    /// Whether most of the places for attempts that are being started are
    /// taken: a tick for each one that comes free would be wasted.
    fn crowded(&self) -> bool {
        self.placing.len() * 2 > self.run.manager.config.runner.dials_at_once.max(1)
    }

    async fn tick(&mut self) -> Result<Next, Error> {
        let manager = Arc::clone(&self.run.manager);
        manager.metrics.campaign_execute.inc();
        let now = manager.ledger.now().await?;
        let facts = self.gather(now).await?;
        self.rate = facts.rules.calls_per_second;
        let tick = tick::decide(&facts.snapshot(), now);
        match tick {
            Tick::Stop(reason) => self.stop(&facts, reason).await,
            Tick::StartNext(..) if self.began.elapsed() < CHAIN_PAUSE => {
                Ok(Next::Wait(CHAIN_PAUSE.saturating_sub(self.began.elapsed())))
            }
            Tick::StartNext(next, reason) => Ok(
                match finish::start_next(self.run, &facts, next, reason).await? {
                    finish::Finished::Yes => Next::End,
                    finish::Finished::NotYet => Next::Wait(STORE_PAUSE),
                },
            ),
            Tick::Again { after, because } => {
                self.say_once(because);
                Ok(Next::Wait(after))
            }
            Tick::Dial(dials) => {
                self.dial(facts, dials);
                Ok(Next::Now)
            }
        }
    }

    async fn gather(&mut self, now: Timestamp) -> Result<Facts, Error> {
        let manager = Arc::clone(&self.run.manager);
        let row = gather::campaign(&manager, self.run.lease.campaign).await?;
        let config = &manager.config.runner;
        let (skip, pending) = (self.placing.skip(), self.placing.pending());
        let free = config
            .dials_at_once
            .max(1)
            .saturating_sub(self.placing.len());
        let (bucket, brake) = (&mut self.bucket, &self.brake);
        let allow = |rules: &CampaignRules, live, agents| {
            let bucket = bucket.get_or_insert_with(|| Bucket::empty(now));
            bucket.refill(rules.calls_per_second, now);
            let allowed = pacing::allowance(
                bucket,
                &Limits {
                    rules,
                    live,
                    agents,
                },
            )?;
            brake.apply(
                allowed.min(u32::try_from(free).unwrap_or(u32::MAX)),
                &config.brake(),
                now,
            )
        };
        let memory = Memory {
            pending,
            skip: &skip,
        };
        gather::gather(&manager, row, &mut self.views, &memory, now, allow).await
    }

    fn dial(&mut self, facts: Facts, dials: Vec<Dial>) {
        let (Some(campaign), Some(plan)) = (facts.campaign, facts.outplan) else {
            return;
        };
        (self.waiting, self.ending) = (None, None);
        tracing::debug!(campaign_id = %campaign.id, dials = dials.len(), live = facts.live, "a campaign dials");
        if let Some(bucket) = &mut self.bucket {
            bucket.take(u32::try_from(dials.len()).unwrap_or(u32::MAX));
        }
        let campaign = Arc::new(campaign);
        self.placing.begin(self.run, campaign, plan, dials);
    }

    async fn stop(&mut self, facts: &Facts, reason: StopReason) -> Result<Next, Error> {
        // While it waits for its attempts, every further tick says `requested`.
        let reason = *self.ending.get_or_insert(reason);
        match finish::finish(self.run, facts, reason).await? {
            finish::Finished::Yes => Ok(Next::End),
            finish::Finished::NotYet => Ok(Next::Wait(STORE_PAUSE)),
        }
    }

    /// What the attempts that were started have come to.
    fn collect(&mut self) {
        while let Some((target, placed)) = self.placing.try_next() {
            self.note(target, placed);
        }
    }

    fn note(&mut self, target: OutdialTargetId, placed: Placed) {
        let config = &self.run.manager.config.runner;
        let id = self.run.lease.campaign;
        self.run.manager.metrics.dial(placed.label());
        match placed {
            Placed::Started => self.brake.created(),
            Placed::Unknown => {}
            Placed::Refused { reason, at } => {
                if self.brake.refused(&config.brake(), at) {
                    tracing::error!(campaign_id = %id, refused = config.failing_creates, reason, "call after call is refused; the campaign goes on slowly");
                } else {
                    tracing::debug!(campaign_id = %id, reason, "a call was refused");
                }
            }
            Placed::Away { because, at } => {
                self.brake.away(because, at, config.away_pause());
                self.views.forget_telephony();
                if let Some(bucket) = &mut self.bucket {
                    bucket.give_back(1, self.rate);
                }
            }
            Placed::Unclaimed | Placed::Blocked => {
                self.placing.refuse(target, config.refused_target_pause());
            }
            Placed::StoreFailed => self.placing.refuse(target, STORE_PAUSE),
        }
    }

    /// Finishes what was begun: an attempt that is cut off is only known to its
    /// next runner, fifteen seconds later.
    async fn drain(&mut self) {
        while let Some((target, placed)) = self.placing.next().await {
            self.note(target, placed);
        }
    }

    async fn wait(&mut self, pause: Duration) {
        let placed = tokio::select! {
            biased;
            () = self.run.stop.cancelled() => None,
            () = self.run.wake.notified() => None,
            placed = self.placing.next(), if self.placing.len() > 0 => placed,
            () = tokio::time::sleep(pause) => None,
        };
        if let Some((target, placed)) = placed {
            self.note(target, placed);
        }
    }

    fn say_once(&mut self, because: WaitReason) {
        let manager = &self.run.manager;
        manager.metrics.wait(because.as_str());
        if self.waiting == Some(because) {
            return;
        }
        self.waiting = Some(because);
        let id = self.run.lease.campaign;
        let trouble = self.views.trouble.take().unwrap_or_default();
        if is_trouble(because) {
            tracing::warn!(campaign_id = %id, reason = because.as_str(), trouble, "a campaign waits: {because}");
        } else {
            tracing::debug!(campaign_id = %id, reason = because.as_str(), "a campaign waits: {because}");
        }
    }

    fn store_failed(&mut self, error: &Error) -> Next {
        if error.is_conflict() {
            return Next::Wait(CONFLICT_PAUSE);
        }
        if self.waiting != Some(WaitReason::StoreAway) {
            self.waiting = Some(WaitReason::StoreAway);
            tracing::warn!(campaign_id = %self.run.lease.campaign, %error, "a campaign waits: {}", WaitReason::StoreAway);
        }
        self.run
            .manager
            .metrics
            .wait(WaitReason::StoreAway.as_str());
        Next::Wait(STORE_PAUSE)
    }
}

/// Whether somebody should know: a campaign that waits for these does not get
/// on by itself.
fn is_trouble(because: WaitReason) -> bool {
    match because {
        WaitReason::QueueAway
        | WaitReason::FailingCreates
        | WaitReason::TelephonyAway
        | WaitReason::FlowAway
        | WaitReason::CustomerLimit
        | WaitReason::NoAsterisk
        | WaitReason::OutdialAway
        | WaitReason::NoTries
        | WaitReason::StoreAway => true,
        WaitReason::Pace
        | WaitReason::Concurrency
        | WaitReason::Agents
        | WaitReason::RetryInterval
        | WaitReason::Attempts
        | WaitReason::NoTargets
        | WaitReason::ListChanged => false,
    }
}
