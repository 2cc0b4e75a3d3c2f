//! Telling outdial-manager what attempts came to: many reports in one request.
//!
//! A report is a row from the batch that ends its attempt until it was answered
//! (`trunkline_campaign_reports`). Whoever ends an attempt hands the report
//! over at once; what is lost on the way, with a process or a request, is found
//! by the sweep: a row that was there at one look and is there at the next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use trunkline_client::Error as RpcError;
use trunkline_model::id::CampaigncallId;
use trunkline_model::outdial_target::{StatusReport, TargetReport};
use trunkline_store::campaign_report::{self, Report};
use trunkline_store::{Batch, Error};

use crate::manager::CampaignManager;

/// How long a report waits for others.
const GATHER: Duration = Duration::from_millis(10);
/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(2);
/// Most reports of one request, and of one look at the rows.
const MOST: usize = 500;
/// Reports that wait to be sent; further ones are left to the sweep.
const WAITING: usize = 10_000;
/// Requests at the same time where each report is one.
const SINGLE: usize = 16;

/// Where reports are handed over.
pub(crate) struct Reports {
    sender: Sender<Report>,
    receiver: Mutex<Receiver<Report>>,
}

impl Default for Reports {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self {
            sender,
            receiver: Mutex::new(receiver),
        }
    }
}

impl Reports {
    /// Has a report sent that is a row already.
    pub(crate) fn hand(&self, report: Report) {
        // A full queue is no loss: the row is there.
        let _ = self.sender.try_send(report);
    }
}

/// Sends reports until `stop` is cancelled, and those that wait then.
pub(crate) async fn run(manager: Arc<CampaignManager>, stop: CancellationToken) {
    let mut waiting = manager.reports.receiver.lock().await;
    let mut left = BTreeSet::new();
    let mut next_sweep = Instant::now();
    loop {
        let mut reports = Vec::new();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = waiting.recv_many(&mut reports, 1) => {
                sleep(GATHER).await;
                while reports.len() < MOST && let Ok(report) = waiting.try_recv() {
                    reports.push(report);
                }
                send(&manager, reports).await;
            }
            () = sleep_until(next_sweep) => {
                if let Err(error) = sweep(&manager, &mut left).await {
                    tracing::warn!(%error, "reports that are left over cannot be read");
                }
                next_sweep = Instant::now() + SWEEP;
            }
        }
    }
    let mut reports = Vec::new();
    while let Ok(report) = waiting.try_recv() {
        reports.push(report);
    }
    for reports in reports.chunks(MOST) {
        send(&manager, reports.to_vec()).await;
    }
}

/// Sends the rows that the last sweep had seen as well: somebody has not sent
/// them, or got no answer.
async fn sweep(
    manager: &CampaignManager,
    left: &mut BTreeSet<CampaigncallId>,
) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    let mut after = CampaigncallId::NIL;
    loop {
        let most = u32::try_from(MOST).unwrap_or(u32::MAX);
        let rows = campaign_report::pending(manager.db(), after, most).await?;
        let Some(last) = rows.last() else { break };
        after = last.attempt;
        seen.extend(rows.iter().map(|row| row.attempt));
        let overdue: Vec<Report> = rows
            .into_iter()
            .filter(|row| left.contains(&row.attempt))
            .collect();
        if !overdue.is_empty() && !send(manager, overdue).await {
            break;
        }
    }
    *left = seen;
    Ok(())
}

/// Sends reports and deletes the rows of those that were answered. False when
/// outdial-manager is away.
async fn send(manager: &CampaignManager, reports: Vec<Report>) -> bool {
    let told = if manager.bulk.load(Ordering::Relaxed) {
        send_together(manager, reports).await
    } else {
        send_each(manager, reports).await
    };
    let (told, all) = told;
    let deleted = told.iter().map(|it| campaign_report::delete(it.attempt));
    if let Err(error) = manager.ledger.apply(deleted.collect::<Batch>()).await {
        tracing::warn!(%error, "reports that were made could not be struck off; they are made again");
    }
    // A target may be free for its next try, or be the last that is waited for.
    let campaigns: BTreeSet<_> = told.iter().map(|it| it.campaign).collect();
    for campaign in campaigns {
        manager.runners.wake(campaign);
    }
    all
}

async fn send_together(manager: &CampaignManager, reports: Vec<Report>) -> (Vec<Report>, bool) {
    let asked = reports.iter().map(|it| TargetReport {
        target_id: it.target,
        report: body(it),
    });
    match manager.outdial.report_all(asked.collect()).await {
        Ok(()) => (reports, true),
        Err(RpcError::Status(404)) => {
            tracing::info!("outdial-manager is not ours: attempts are reported one by one");
            manager.bulk.store(false, Ordering::Relaxed);
            send_each(manager, reports).await
        }
        Err(error) => {
            tracing::warn!(%error, reports = reports.len(), "outdial-manager was not told what attempts came to; it will be");
            (Vec::new(), false)
        }
    }
}

async fn send_each(manager: &CampaignManager, reports: Vec<Report>) -> (Vec<Report>, bool) {
    let mut asking = JoinSet::new();
    let (mut told, mut all) = (Vec::with_capacity(reports.len()), true);
    for report in reports {
        if asking.len() >= SINGLE {
            all &= note(&mut told, asking.join_next().await);
        }
        let outdial = manager.outdial.clone();
        asking.spawn(async move {
            let answer = outdial.report(report.target, &body(&report)).await;
            // Any answer settles it but one that says: later.
            let settled = answer.as_ref().err().is_none_or(|error| match error {
                RpcError::Transport(_) | RpcError::Answer(_) | RpcError::Status(500..) => false,
                RpcError::Typed(typed) => typed.status.code() < 500,
                RpcError::Status(_) => true,
            });
            settled.then_some(report)
        });
    }
    while let Some(ended) = asking.join_next().await {
        all &= note(&mut told, Some(ended));
    }
    (told, all)
}

fn note(
    told: &mut Vec<Report>,
    ended: Option<Result<Option<Report>, tokio::task::JoinError>>,
) -> bool {
    let settled = ended.and_then(Result::ok).flatten();
    let answered = settled.is_some();
    told.extend(settled);
    answered
}

fn body(report: &Report) -> StatusReport {
    StatusReport {
        status: report.status.clone(),
        attempt_id: report.attempt,
        untried: report.untried,
    }
}
