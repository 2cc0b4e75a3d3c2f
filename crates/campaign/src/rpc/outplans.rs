//! `/v1/outplans` (chapter 05 A.4).
//!
//! Unlike the reference, changes of an outplan are announced (architecture §6).

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Reply, Routed};
use trunkline_model::id::{CustomerId, OutplanId};
use trunkline_model::outplan::Outplan;
use trunkline_model::{Address, Timestamp};
use trunkline_store::{Batch, Statement, outplan};

use super::{Answer, filter};
use crate::error::{Failure, Missing};
use crate::manager::CampaignManager;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CreateBody {
    customer_id: CustomerId,
    name: String,
    detail: String,
    #[serde(flatten)]
    dials: DialsBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DialsBody {
    source: Option<Address>,
    dial_timeout: i64,
    try_interval: i64,
    max_try_count_0: i64,
    max_try_count_1: i64,
    max_try_count_2: i64,
    max_try_count_3: i64,
    max_try_count_4: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BasicInfoBody {
    name: String,
    detail: String,
}

impl DialsBody {
    fn apply_to(self, plan: Outplan) -> Outplan {
        Outplan {
            source: self.source,
            dial_timeout: self.dial_timeout,
            try_interval: self.try_interval,
            max_try_count_0: self.max_try_count_0,
            max_try_count_1: self.max_try_count_1,
            max_try_count_2: self.max_try_count_2,
            max_try_count_3: self.max_try_count_3,
            max_try_count_4: self.max_try_count_4,
            ..plan
        }
    }
}

pub(super) async fn create(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let body: CreateBody = routed.body()?;
    let now = manager.now().await?;
    let plan = body.dials.apply_to(Outplan {
        id: OutplanId::random(),
        customer_id: body.customer_id,
        name: body.name,
        detail: body.detail,
        tm_create: Some(now),
        ..Outplan::default()
    });
    let batch = Batch::new()
        .with(outplan::insert(&plan))
        .with(manager.announce(now, "outplan_created", &plan));
    manager.ledger.apply(batch).await.map_err(Failure::from)?;
    Ok(Reply::json(&plan))
}

pub(super) async fn list(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let filter = filter(&routed, &outplan::FILTERS)?;
    let page = manager.page(&routed, manager.now().await?);
    let plans = outplan::list(manager.db(), &filter, &page)
        .await
        .map_err(Failure::from)?;
    Ok(Reply::json(&plans))
}

pub(super) async fn get(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let found = outplan::get(manager.db(), routed.id(0))
        .await
        .map_err(Failure::from)?;
    Ok(Reply::json(
        &found.ok_or(Failure::NotFound(Missing::Outplan))?,
    ))
}

pub(super) async fn delete(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let mut plan = manager.outplan(routed.id(0)).await?;
    // Deleting again changes nothing; the reference writes the times anew.
    if plan.tm_delete.is_none() {
        let now = manager.now().await?;
        (plan.tm_update, plan.tm_delete) = (Some(now), Some(now));
        manager
            .write(now, "outplan_deleted", outplan::delete(plan.id, now), &plan)
            .await?;
    }
    Ok(Reply::json(&plan))
}

pub(super) async fn update_basic_info(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let body: BasicInfoBody = routed.body()?;
    let (now, plan) = (manager.now().await?, manager.outplan(routed.id(0)).await?);
    let plan = Outplan {
        name: body.name,
        detail: body.detail,
        tm_update: Some(now),
        ..plan
    };
    let change = outplan::set_basic_info(plan.id, &plan.name, &plan.detail, now);
    manager.write(now, "outplan_updated", change, &plan).await?;
    Ok(Reply::json(&plan))
}

pub(super) async fn update_dials(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    let body: DialsBody = routed.body()?;
    let (now, plan) = (manager.now().await?, manager.outplan(routed.id(0)).await?);
    let plan = Outplan {
        tm_update: Some(now),
        ..body.apply_to(plan)
    };
    manager
        .write(
            now,
            "outplan_updated",
            outplan::set_dials(&plan, now),
            &plan,
        )
        .await?;
    Ok(Reply::json(&plan))
}

impl CampaignManager {
    async fn outplan(&self, id: OutplanId) -> Result<Outplan, Failure> {
        outplan::get(self.db(), id)
            .await?
            .ok_or(Failure::BareNotFound(Missing::Outplan))
    }

    async fn write(
        &self,
        now: Timestamp,
        kind: &str,
        change: Statement,
        plan: &Outplan,
    ) -> Result<(), Failure> {
        let batch = Batch::new()
            .with(change)
            .with(self.announce(now, kind, plan));
        match self.ledger.apply(batch).await {
            Ok(()) => Ok(()),
            // Gone, or deleted by another request at the same time.
            Err(error) if error.is_conflict() => Err(Failure::BareNotFound(Missing::Outplan)),
            Err(error) => Err(error.into()),
        }
    }

    fn announce(&self, now: Timestamp, kind: &str, plan: &Outplan) -> Statement {
        self.ledger
            .webhook_event(now, plan.customer_id, kind, plan, plan.webhook())
    }
}
