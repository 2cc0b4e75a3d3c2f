//! The row of an attempt, and the duties that look after it: written together,
//! before anything leaves.

use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::campaign::tick::Dial;
use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, Type};
use trunkline_model::campaigncall::{Campaigncall, Outcome, ReferenceType, Status};
use trunkline_model::id::{ActiveflowId, CampaigncallId, ReferenceId};
use trunkline_model::outplan::Outplan;
use trunkline_model::service::Service;
use trunkline_store::campaign_lease::Lease;
use trunkline_store::{Batch, Error, campaigncall, due};

use crate::manager::CampaignManager;
use crate::metrics::CreateLabels;

/// An attempt with all the ids that it will need.
pub(super) fn attempt(campaign: &Campaign, plan: &Outplan, dial: Dial) -> Campaigncall {
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
pub(super) async fn begin(
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

/// The duty that looks after an attempt. It exists from the attempt's first
/// moment to its last.
pub(crate) fn check_duty(call: &Campaigncall, due: Timestamp) -> Duty {
    own_duty("check", call, due)
}

/// The same for an attempt that another campaign-manager began.
pub(crate) fn adopted_duty(call: &Campaigncall, due: Timestamp) -> Duty {
    Duty {
        key: format!("adopted:{}", call.id),
        ..check_duty(call, due)
    }
}

impl CampaignManager {
    /// Whether an attempt was begun by this service. The reference leaves no
    /// duty behind, and names no attempt when it claims a target.
    pub(crate) async fn is_ours(&self, id: CampaigncallId) -> Result<bool, Error> {
        let key = format!("check:{id}");
        Ok(due::by_key(self.db(), Service::CAMPAIGN, &key)
            .await?
            .is_some())
    }
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
