//! Starting an attempt: the row, the claim of the target, the call.

use tokio::time::Instant;
use trunkline_bus::Method;
use trunkline_client::Error as RpcError;
use trunkline_delivery::Duty;
use trunkline_domain::campaign::tick::{Dial, WaitReason};
use trunkline_model::activeflow::{self, CreateRequest};
use trunkline_model::call::{Call, CreateWithIdRequest};
use trunkline_model::campaign::{Campaign, Type};
use trunkline_model::campaigncall::{Campaigncall, Outcome, ReferenceType, Status};
use trunkline_model::id::{ActiveflowId, CallId, CampaigncallId, ReferenceId};
use trunkline_model::outplan::Outplan;
use trunkline_model::service::Service;
use trunkline_model::{Timestamp, error};
use trunkline_store::campaign_lease::Lease;
use trunkline_store::{Batch, Error, campaigncall};

use super::done::Report;
use crate::manager::CampaignManager;
use crate::metrics::CreateLabels;
use crate::runner::placing::Pending;

/// What starting an attempt has come to.
#[derive(Debug)]
pub(crate) enum Placed {
    /// The call or activeflow exists.
    Started,
    /// Nobody knows; the check will.
    Unknown,
    /// The call was refused: the attempt has failed.
    Refused { reason: String, at: Timestamp },
    /// A service is away: nobody was dialed, and the try does not count.
    Away { because: WaitReason, at: Timestamp },
    /// The target is another attempt's, or gone: the attempt has failed.
    Unclaimed,
    /// The row was refused: the campaign does not run, the lease is another's,
    /// or the target is in a live attempt (invariants I1, I3).
    Blocked,
    /// The store failed; what was written is left to the check.
    StoreFailed,
}

impl Placed {
    /// Label in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Unknown => "unknown",
            Self::Refused { .. } => "refused",
            Self::Away { .. } => "away",
            Self::Unclaimed => "unclaimed",
            Self::Blocked => "blocked",
            Self::StoreFailed => "store_failed",
        }
    }
}

/// Starts one attempt. `pending` is dropped when the row is written, or will
/// not be.
pub(crate) async fn place(
    manager: &CampaignManager,
    lease: &Lease,
    campaign: &Campaign,
    plan: &Outplan,
    dial: Dial,
    pending: Pending,
) -> Placed {
    let begun = Instant::now();
    let call = attempt(campaign, plan, dial);
    let written = begin(manager, lease, plan, call).await;
    drop(pending);
    let call = match written {
        Ok(call) => call,
        Err(error) if error.is_conflict() => return Placed::Blocked,
        Err(error) => return store_failed(&error),
    };
    let outcome = match claim(manager, &call).await {
        Ok(()) if begun.elapsed() > manager.config.attempt.create_within() => {
            // Later than this, the check could look before the create arrives.
            fail(
                manager,
                &call,
                Report::Untried,
                Reason::Away(WaitReason::OutdialAway),
            )
            .await
        }
        Ok(()) => create(manager, campaign, &call).await,
        Err(placed) => Ok(placed),
    };
    outcome.unwrap_or_else(|error| store_failed(&error))
}

fn attempt(campaign: &Campaign, plan: &Outplan, dial: Dial) -> Campaigncall {
    let (reference_type, reference_id) = match &campaign.kind {
        Type::Flow => (ReferenceType::Flow, ReferenceId::NIL),
        Type::Call | Type::None | Type::Other(_) => (ReferenceType::Call, ReferenceId::random()),
    };
    Campaigncall {
        id: CampaigncallId::random(),
        customer_id: campaign.customer_id,
        campaign_id: campaign.id,
        outplan_id: plan.id,
        outdial_id: campaign.outdial_id,
        outdial_target_id: dial.target,
        queue_id: campaign.queue_id,
        activeflow_id: ActiveflowId::random(),
        flow_id: campaign.flow_id,
        reference_type,
        reference_id,
        status: Status::Dialing,
        result: Outcome::None,
        source: plan.source.clone(),
        destination: Some(dial.to),
        destination_index: dial.index,
        try_count: dial.try_count,
        ..Campaigncall::default()
    }
}

/// Writes the row, announces it and schedules what looks after it.
async fn begin(
    manager: &CampaignManager,
    lease: &Lease,
    plan: &Outplan,
    call: Campaigncall,
) -> Result<Campaigncall, Error> {
    let ledger = &manager.ledger;
    let now = ledger.now().await?;
    let call = Campaigncall {
        tm_create: Some(now),
        ..call
    };
    let event = ledger.webhook_event(
        now,
        call.customer_id,
        "campaigncall_created",
        &call,
        call.webhook(),
    );
    let check = check_duty(&call, now.plus(manager.config.attempt.pauses().settled));
    let mut batch = Batch::new()
        .with(campaigncall::insert_claimed(
            &call,
            lease.holder,
            lease.fence,
        ))
        .with(event)
        .with(ledger.schedule(now, &check));
    if call.reference_type == ReferenceType::Call && plan.dial_timeout > 0 {
        let due = now.plus_millis(plan.dial_timeout);
        batch.push(ledger.schedule(now, &dial_timeout_duty(&call, due)));
    }
    ledger.apply(batch).await?;
    let labels = CreateLabels {
        reference_type: reference_label(&call.reference_type),
    };
    manager
        .metrics
        .campaigncall_create
        .get_or_create(&labels)
        .inc();
    Ok(call)
}

/// The duty that looks after an attempt.
pub(crate) fn check_duty(call: &Campaigncall, due: Timestamp) -> Duty {
    own_duty("check", call, due)
}

/// The duty that hangs up what rings for too long.
pub(crate) fn dial_timeout_duty(call: &Campaigncall, due: Timestamp) -> Duty {
    own_duty("dial-timeout", call, due)
}

fn own_duty(verb: &str, call: &Campaigncall, due: Timestamp) -> Duty {
    Duty::new(
        format!("{verb}:{}", call.id),
        call.id,
        due,
        Service::CAMPAIGN.request_queue(),
        Method::Post,
        format!("/v1/campaigncalls/{}/{verb}", call.id),
    )
}

/// Claims the target. An error is what the attempt has come to without it.
async fn claim(manager: &CampaignManager, call: &Campaigncall) -> Result<(), Placed> {
    let claimed = manager
        .outdial
        .claim(call.outdial_target_id, call.destination_index, call.id)
        .await;
    let error = match claimed {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    if error.outcome_unknown() || matches!(error, RpcError::Answer(_)) {
        return Err(Placed::Unknown);
    }
    let failed = if error.is_unavailable() {
        // Should it have been claimed all the same, the report gives it back.
        fail(
            manager,
            call,
            Report::Untried,
            Reason::Away(WaitReason::OutdialAway),
        )
        .await
    } else {
        tracing::debug!(campaigncall_id = %call.id, outdial_target_id = %call.outdial_target_id, %error, "a target was not claimed");
        fail(manager, call, Report::Nothing, Reason::Unclaimed).await
    };
    Err(failed.unwrap_or_else(|error| store_failed(&error)))
}

async fn create(
    manager: &CampaignManager,
    campaign: &Campaign,
    call: &Campaigncall,
) -> Result<Placed, Error> {
    match campaign.kind {
        Type::Flow => create_activeflow(manager, call).await,
        Type::Call | Type::None | Type::Other(_) => create_call(manager, call).await,
    }
}

/// The call of an attempt (chapter 05 A.8.5).
async fn create_call(manager: &CampaignManager, call: &Campaigncall) -> Result<Placed, Error> {
    let asked = CreateWithIdRequest {
        flow_id: call.flow_id,
        activeflow_id: call.activeflow_id,
        customer_id: call.customer_id,
        source: call.source.clone().unwrap_or_default(),
        destination: call.destination.clone().unwrap_or_default(),
        ..CreateWithIdRequest::default()
    };
    let id = CallId::from(call.reference_id.0);
    let answer = manager.call.create_with_id(id, &asked).await;
    let error = match answer {
        Ok(Some(created)) if created != Call::default() => return Ok(Placed::Started),
        // Compat: the reference answers `200 null` without a dial route.
        Ok(Some(_) | None) => {
            let reason = "no call was created: is there a dial route?".to_owned();
            return fail(manager, call, Report::Counted, Reason::Refused(reason)).await;
        }
        Err(error) => error,
    };
    match judge(&error) {
        Verdict::Exists => Ok(Placed::Started),
        Verdict::Unknown => Ok(Placed::Unknown),
        Verdict::Away => {
            fail(
                manager,
                call,
                Report::Untried,
                Reason::Away(away_reason(&error)),
            )
            .await
        }
        // Whoever broke off in the middle may have made the call.
        Verdict::Broken
            if !manager
                .call
                .get(id)
                .await
                .is_err_and(|error| error.is_not_found()) =>
        {
            Ok(Placed::Unknown)
        }
        Verdict::Broken | Verdict::Refused => {
            fail(
                manager,
                call,
                Report::Counted,
                Reason::Refused(error.to_string()),
            )
            .await
        }
    }
}

/// The activeflow of an attempt of a `flow` campaign (chapter 05 A.8.6).
async fn create_activeflow(
    manager: &CampaignManager,
    call: &Campaigncall,
) -> Result<Placed, Error> {
    let call = &progressing(manager, call).await?;
    let asked = CreateRequest {
        id: call.activeflow_id,
        customer_id: call.customer_id,
        flow_id: call.flow_id,
        reference_type: activeflow::ReferenceType::Campaign,
        reference_id: call.id.0.into(),
        ..CreateRequest::default()
    };
    let answer = match manager.flow.create_activeflow(&asked).await {
        Ok(_) => manager.flow.execute(call.activeflow_id).await,
        Err(error) => Err(error),
    };
    let Err(error) = answer else {
        return Ok(Placed::Started);
    };
    match judge(&error) {
        Verdict::Exists => Ok(Placed::Started),
        Verdict::Unknown | Verdict::Broken => Ok(Placed::Unknown),
        Verdict::Away => {
            fail(
                manager,
                call,
                Report::Untried,
                Reason::Away(WaitReason::FlowAway),
            )
            .await
        }
        Verdict::Refused => {
            fail(
                manager,
                call,
                Report::Counted,
                Reason::Refused(error.to_string()),
            )
            .await
        }
    }
}

async fn progressing(
    manager: &CampaignManager,
    call: &Campaigncall,
) -> Result<Campaigncall, Error> {
    let now = manager.ledger.now().await?;
    let call = Campaigncall {
        status: Status::Progressing,
        tm_update: Some(now),
        ..call.clone()
    };
    let event = manager.ledger.webhook_event(
        now,
        call.customer_id,
        "campaigncall_updated",
        &call,
        call.webhook(),
    );
    let batch = Batch::new()
        .with(campaigncall::set_progressing(call.id, now))
        .with(event);
    manager.ledger.apply(batch).await?;
    Ok(call)
}

/// What the answer to a create says about what was created.
enum Verdict {
    /// It exists under this id: the request was delivered twice.
    Exists,
    Refused,
    /// The service is away and has created nothing.
    Away,
    /// The service failed in the middle.
    Broken,
    Unknown,
}

fn judge(error: &RpcError) -> Verdict {
    match error {
        RpcError::Typed(typed) if typed.status == error::Status::AlreadyExists => Verdict::Exists,
        RpcError::Answer(_) => Verdict::Unknown,
        RpcError::Transport(transport) if !transport.not_delivered() => Verdict::Unknown,
        _ if error.is_unavailable() => Verdict::Away,
        RpcError::Status(500..) => Verdict::Broken,
        RpcError::Typed(_) | RpcError::Status(_) | RpcError::Transport(_) => Verdict::Refused,
    }
}

/// call-manager answers and has no Asterisk, or does not answer.
fn away_reason(error: &RpcError) -> WaitReason {
    match error {
        RpcError::Typed(_) => WaitReason::NoAsterisk,
        RpcError::Transport(_) | RpcError::Status(_) | RpcError::Answer(_) => {
            WaitReason::TelephonyAway
        }
    }
}

enum Reason {
    Refused(String),
    Away(WaitReason),
    Unclaimed,
}

/// Ends an attempt that has not begun to ring.
async fn fail(
    manager: &CampaignManager,
    call: &Campaigncall,
    report: Report,
    reason: Reason,
) -> Result<Placed, Error> {
    manager.done(call, Outcome::Fail, report).await?;
    let at = manager.ledger.now().await?;
    Ok(match reason {
        Reason::Refused(reason) => Placed::Refused { reason, at },
        Reason::Away(because) => Placed::Away { because, at },
        Reason::Unclaimed => Placed::Unclaimed,
    })
}

fn store_failed(error: &Error) -> Placed {
    tracing::warn!(%error, "an attempt could not be written; its check looks after it");
    Placed::StoreFailed
}

/// Labels are bounded: what is written here are only these two.
fn reference_label(kind: &ReferenceType) -> &'static str {
    match kind {
        ReferenceType::Flow => "flow",
        ReferenceType::Call
        | ReferenceType::Unset
        | ReferenceType::None
        | ReferenceType::Other(_) => "call",
    }
}
