//! The end of an attempt: its result, and the report to outdial-manager
//! (chapter 05 A.9.3).

use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::campaign::attempt;
use trunkline_model::Timestamp;
use trunkline_model::campaigncall::{Campaigncall, Outcome, Status};
use trunkline_model::id::CampaigncallId;
use trunkline_model::outdial_target::StatusReport;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Error, campaigncall};

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
    /// Ends an attempt. False when it had ended before: then nothing changes.
    pub(crate) async fn done(
        &self,
        call: &Campaigncall,
        outcome: Outcome,
        report: Report,
    ) -> Result<bool, Error> {
        if call.status == Status::Done {
            return Ok(false);
        }
        let ledger = &self.ledger;
        let ours = self.is_ours(call.id).await?;
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
        let mut batch = Batch::new()
            .with(campaigncall::set_done(ended.id, &ended.result, now))
            .with(event)
            .with(ledger.cancel_all_of(ended.id));
        if report != Report::Nothing {
            let duty = report_duty(&ended, ours, report == Report::Untried, now);
            batch.push(ledger.schedule(now, &duty));
        }
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
        // Whoever else runs the campaign looks once a second.
        self.runners.wake(ended.campaign_id);
        Ok(true)
    }
}

/// It is sent until it was answered, so no target stays `progressing`. A claim
/// that names no attempt is ended by a report that names none.
fn report_duty(call: &Campaigncall, ours: bool, untried: bool, now: Timestamp) -> Duty {
    let report = StatusReport {
        status: attempt::target_status(&call.result),
        attempt_id: if ours { call.id } else { CampaigncallId::NIL },
        untried,
    };
    Duty::new(
        format!("report:{}", call.id),
        call.id,
        now,
        Service::OUTDIAL.request_queue(),
        Method::Put,
        format!("/v1/outdialtargets/{}/status", call.outdial_target_id),
    )
    .json(&report)
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Fail | Outcome::None | Outcome::Other(_) => "fail",
    }
}
