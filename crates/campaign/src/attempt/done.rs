//! The end of an attempt: its result, and what outdial-manager is to be told
//! (chapter 05 A.9.3).

use trunkline_domain::campaign::attempt;
use trunkline_model::campaigncall::{Campaigncall, Outcome, Status};
use trunkline_store::campaign_lease::Lease;
use trunkline_store::{Batch, Error, campaign_lease, campaign_report, campaigncall};

use crate::manager::CampaignManager;
use crate::metrics::DoneLabels;

/// What outdial-manager is told about the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The result; the try counts.
    Counted,
    /// Nobody was dialed; the try does not count.
    Untried,
    /// Nothing: the target was not this attempt's.
    Nothing,
}

impl CampaignManager {
    /// Ends an attempt. False when it had ended before, or when `lease`, if one
    /// is given, is another runner's by now: then nothing changes.
    pub(crate) async fn done(
        &self,
        call: &Campaigncall,
        outcome: Outcome,
        report: Report,
        lease: Option<&Lease>,
    ) -> Result<bool, Error> {
        if call.status == Status::Done {
            return Ok(false);
        }
        let ledger = &self.ledger;
        let now = ledger.now().await?;
        let ended = Campaigncall {
            status: Status::Done,
            result: outcome,
            tm_update: Some(now),
            ..call.clone()
        };
        let event = ledger.webhook_event(
            now,
            ended.customer_id,
            "campaigncall_updated",
            &ended,
            ended.webhook(),
        );
        let mut batch: Batch = lease.map(campaign_lease::hold).into_iter().collect();
        batch.push(campaigncall::set_done(ended.id, &ended.result, now));
        batch.push(event);
        let due = due_report(&ended, report);
        batch.extend(
            due.iter()
                .map(|due| campaign_report::insert(self.db().dialect(), due)),
        );
        match ledger.apply(batch).await {
            Ok(()) => {}
            Err(error) if error.is_conflict() => return Ok(false),
            Err(error) => return Err(error),
        }
        let labels = DoneLabels {
            result: label(&ended.result),
        };
        self.metrics.campaigncall_done.get_or_create(&labels).inc();
        tracing::debug!(campaigncall_id = %ended.id, campaign_id = %ended.campaign_id, result = %ended.result, "an attempt has ended");
        if let Some(due) = due {
            self.reports.hand(due);
        }
        // Whoever else runs the campaign looks once a second.
        self.runners.ended(ended.campaign_id, ended.id);
        Ok(true)
    }
}

/// It is a row until outdial-manager has answered, so no target stays
/// `progressing`.
fn due_report(call: &Campaigncall, report: Report) -> Option<campaign_report::Report> {
    if report == Report::Nothing {
        return None;
    }
    Some(campaign_report::Report {
        attempt: call.id,
        campaign: call.campaign_id,
        target: call.outdial_target_id,
        status: attempt::target_status(&call.result),
        untried: report == Report::Untried,
    })
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Fail | Outcome::None | Outcome::Other(_) => "fail",
    }
}
