//! The rows of attempts: written before anything leaves.

use trunkline_domain::campaign::tick::Dial;
use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, Type};
use trunkline_model::campaigncall::{Campaigncall, Outcome, ReferenceType, Status};
use trunkline_model::id::{ActiveflowId, CampaigncallId, ReferenceId};
use trunkline_model::outplan::Outplan;
use trunkline_store::campaign_lease::Lease;
use trunkline_store::{Batch, Error, Statement, campaigncall};

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

/// Writes the rows and announces them, all in one batch; one after the other
/// when one of them is refused, each with the time at which it is written: what the
/// refused one waited for may end meanwhile. The results are in the order of the
/// attempts.
pub(super) async fn begin(
    manager: &CampaignManager,
    lease: &Lease,
    calls: &mut [Campaigncall],
    now: Timestamp,
) -> Vec<Result<(), Error>> {
    let whole: Batch = calls
        .iter()
        .flat_map(|call| row(manager, lease, call, now))
        .collect();
    match manager.ledger.apply(whole).await {
        Ok(()) => {
            for call in &*calls {
                count(manager, call);
            }
            vec![Ok(()); calls.len()]
        }
        Err(error) if error.is_conflict() && calls.len() > 1 => {
            let mut written = Vec::with_capacity(calls.len());
            for call in calls {
                let one = begin_one(manager, lease, call).await;
                if one.is_ok() {
                    count(manager, call);
                }
                written.push(one);
            }
            written
        }
        Err(error) => vec![Err(error); calls.len()],
    }
}

async fn begin_one(
    manager: &CampaignManager,
    lease: &Lease,
    call: &mut Campaigncall,
) -> Result<(), Error> {
    let now = manager.ledger.now().await?;
    call.tm_create = Some(now);
    let batch = row(manager, lease, call, now).into_iter().collect();
    manager.ledger.apply(batch).await
}

fn row(
    manager: &CampaignManager,
    lease: &Lease,
    call: &Campaigncall,
    now: Timestamp,
) -> [Statement; 2] {
    let event = manager.ledger.webhook_event(
        now,
        call.customer_id,
        "campaigncall_created",
        call,
        call.webhook(),
    );
    [
        campaigncall::insert_claimed(call, lease.holder, lease.fence),
        event,
    ]
}

fn count(manager: &CampaignManager, call: &Campaigncall) {
    let reference_type = match &call.reference_type {
        ReferenceType::Flow => "flow",
        ReferenceType::Call
        | ReferenceType::Unset
        | ReferenceType::None
        | ReferenceType::Other(_) => "call",
    };
    let labels = CreateLabels { reference_type };
    let created = &manager.metrics.campaigncall_create;
    created.get_or_create(&labels).inc();
    tracing::debug!(
        campaigncall_id = %call.id, outdial_target_id = %call.outdial_target_id,
        reference_id = %call.reference_id, destination_index = call.destination_index,
        try_count = call.try_count, "an attempt begins"
    );
}
