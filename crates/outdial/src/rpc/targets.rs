//! The people on a list: create, read, delete, claim, report. They produce no
//! events (chapter 05 B.7).

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_model::error::Status as Class;
use trunkline_model::id::{CampaigncallId, OutdialTargetId};
use trunkline_model::outdial_target::{OutdialTarget, Status, StatusReport};
use trunkline_model::{Address, Timestamp};
use trunkline_store::outdial_target::{self, Claim};
use trunkline_store::{Batch, Error as StoreError, Expect, Statement};

use crate::claim;
use crate::error;
use crate::report::{self, Holder};
use crate::service::OutdialManager;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Create {
    name: String,
    detail: String,
    data: String,
    destination_0: Option<Address>,
    destination_1: Option<Address>,
    destination_2: Option<Address>,
    destination_3: Option<Address>,
    destination_4: Option<Address>,
}

/// `POST /v1/outdials/<id>/targets`
///
/// Compat: whether the outdial exists is not checked, nor what the addresses
/// look like.
pub(super) async fn create(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: Create = routed.body()?;
    let now = Some(manager.now().await?);
    let target = OutdialTarget {
        id: OutdialTargetId::random(),
        outdial_id: routed.id(0),
        name: asked.name,
        detail: asked.detail,
        data: asked.data,
        status: Status::Idle,
        destination_0: asked.destination_0,
        destination_1: asked.destination_1,
        destination_2: asked.destination_2,
        destination_3: asked.destination_3,
        destination_4: asked.destination_4,
        tm_create: now,
        // Equal times say "never tried".
        tm_update: now,
        ..OutdialTarget::default()
    };
    let written = manager
        .ledger
        .apply(Batch::new().with(outdial_target::insert(&target)))
        .await;
    written.map_err(|error| error::store(&error))?;
    Ok(Reply::json(&target))
}

/// `GET /v1/outdials/<id>/targets`
pub(super) async fn list(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let page = manager.page(&routed, manager.now().await?);
    let found = outdial_target::list(manager.db(), routed.id(0), &page).await;
    Ok(Reply::json(&found.map_err(|error| error::store(&error))?))
}

/// `GET /v1/outdialtargets/<id>`
pub(super) async fn get(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let Some(found) = manager.target(routed.id(0)).await? else {
        let message = "The outdial target was not found.";
        return Err(error::typed(
            Class::NotFound,
            "OUTDIAL_TARGET_NOT_FOUND",
            message,
        ));
    };
    Ok(Reply::json(&found))
}

/// `DELETE /v1/outdialtargets/<id>`. Deleting it again changes nothing.
pub(super) async fn delete(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let id = routed.id(0);
    let now = manager.now().await?;
    match manager
        .ledger
        .apply(Batch::new().with(outdial_target::delete(id, now)))
        .await
    {
        // Deleted before, or not there at all.
        Ok(()) | Err(StoreError::Precondition { .. }) => manager.as_it_is(id).await,
        Err(error) => Err(error::store(&error)),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Progressing {
    destination_index: i64,
    /// Nil in the requests of the reference.
    attempt_id: CampaigncallId,
}

/// `POST /v1/outdialtargets/<id>/progressing`
pub(super) async fn progressing(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let asked: Progressing = routed.body()?;
    try_claim(
        &manager,
        routed.id(0),
        asked.attempt_id,
        asked.destination_index,
    )
    .await
}

/// Claims a target for an attempt, or for a nameless one.
pub(super) async fn try_claim(
    manager: &OutdialManager,
    id: OutdialTargetId,
    attempt: CampaigncallId,
    destination_index: i64,
) -> Result<Reply, Refusal> {
    for _ in 0..=manager.config.conflict_retries {
        let target = manager
            .target(id)
            .await?
            .ok_or_else(|| Refusal::bare(404))?;
        let held = manager.claim_of(id).await?;
        let holder = held.map(|claim| claim.attempt);
        let index = match claim::decide(&target, holder, attempt, destination_index) {
            claim::Decision::Claim { index } => index,
            claim::Decision::Repeated => return Ok(Reply::json(&target)),
            claim::Decision::NoSuchDestination => return Err(Refusal::bare(400)),
            claim::Decision::NotIdle => {
                return Err(not_idle(&format!("The target is {}.", target.status)));
            }
            claim::Decision::Deleted => return Err(not_idle("The target was deleted.")),
        };
        if manager.claim(&target, held, attempt, index).await? {
            tracing::debug!(target_id = %id, attempt_id = %attempt, index, "a target was claimed");
            return manager.as_it_is(id).await;
        }
    }
    Err(not_idle("Others are claiming the target."))
}

fn not_idle(message: &str) -> Refusal {
    error::typed(
        Class::FailedPrecondition,
        "OUTDIAL_TARGET_NOT_IDLE",
        message,
    )
}

/// `PUT /v1/outdialtargets/<id>/status`
pub(super) async fn status(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    report_one(&manager, routed.id(0), &routed.body()?).await
}

/// Writes what is reported about a target, if it still applies.
pub(super) async fn report_one(
    manager: &OutdialManager,
    id: OutdialTargetId,
    asked: &StatusReport,
) -> Result<Reply, Refusal> {
    for _ in 0..=manager.config.conflict_retries {
        let target = manager
            .target(id)
            .await?
            .ok_or_else(|| Refusal::bare(404))?;
        let claim = manager.claim_of(id).await?;
        let holder = claim.map(|claim| Holder {
            attempt: claim.attempt,
            destination_index: claim.index,
        });
        let now = manager.now().await?;
        let batch = match report::decide(&target, holder, asked) {
            report::Decision::Ignore => return Ok(Reply::json(&target)),
            report::Decision::Set => {
                Batch::new().with(outdial_target::set_status(id, &asked.status, now))
            }
            report::Decision::End => {
                let finish = outdial_target::finish(id, &asked.status, now);
                while_held(claim, now, Some(finish))
            }
            report::Decision::EndUntried { index } => while_held(
                claim,
                now,
                outdial_target::give_back(id, index, &asked.status),
            ),
        };
        match manager.ledger.apply(batch).await {
            Ok(()) => return manager.as_it_is(id).await,
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error::store(&error)),
        }
    }
    manager.as_it_is(id).await
}

/// `change`, on condition that the claim is still there. The row stays, so that
/// a repeated request of an attempt that has ended is recognised.
fn while_held(claim: Option<Claim>, now: Timestamp, change: Option<Statement>) -> Batch {
    let mut batch = Batch::new();
    if let Some(claim) = claim {
        let held = outdial_target::delete_claim(claim.target, claim.attempt);
        batch.push(Statement {
            expect: Expect::One,
            ..held
        });
        batch.push(outdial_target::insert_claim(claim, now));
    }
    batch.extend(change);
    batch
}

impl OutdialManager {
    async fn target(&self, id: OutdialTargetId) -> Result<Option<OutdialTarget>, Refusal> {
        outdial_target::get(self.db(), id)
            .await
            .map_err(|error| error::store(&error))
    }

    async fn claim_of(&self, id: OutdialTargetId) -> Result<Option<Claim>, Refusal> {
        outdial_target::claim_of(self.db(), id)
            .await
            .map_err(|error| error::store(&error))
    }

    /// The row after a change; a bare 404 when there is none.
    async fn as_it_is(&self, id: OutdialTargetId) -> Result<Reply, Refusal> {
        self.target(id)
            .await?
            .map(|target| Reply::json(&target))
            .ok_or_else(|| Refusal::bare(404))
    }

    /// Takes an idle target for an attempt. False: somebody else was first.
    async fn claim(
        &self,
        target: &OutdialTarget,
        held: Option<Claim>,
        attempt: CampaigncallId,
        index: usize,
    ) -> Result<bool, Refusal> {
        let now = self.now().await?;
        let mut batch = Batch::new();
        if let Some(held) = held {
            batch.push(outdial_target::delete_claim(target.id, held.attempt));
        }
        if attempt.is_nil() {
            batch.extend(outdial_target::claim(target.id, index, now));
        } else {
            // The time of the last update stays until the attempt has ended, so
            // that one that dialed nobody leaves the target as it was.
            batch.extend(outdial_target::claim(
                target.id,
                index,
                target.tm_update.unwrap_or(now),
            ));
            let index = i64::try_from(index).unwrap_or(i64::MAX);
            batch.push(outdial_target::insert_claim(
                Claim {
                    target: target.id,
                    attempt,
                    index,
                },
                now,
            ));
        }
        match self.ledger.apply(batch).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error::store(&error)),
        }
    }
}
