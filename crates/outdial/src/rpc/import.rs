//! Many people added to a list, or looked up, in one request: Trunkline's own.
//!
//! Adding is idempotent. Who has no id gets the one that follows from the list
//! and the numbers ([`trunkline_domain::outdial_target::id_of`]); who is on the
//! list already stays as he is and is reported as known, also when he was
//! deleted from it: whoever asked not to be called is not called again because
//! a file is read twice. Targets have no events (chapter 05 B.7), so that a
//! million of them announce nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_domain::outdial_target::{admit, id_of};
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::id::{OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{
    LookupRequest, MOST_AT_ONCE, NewTarget, NewTargets, NewTargetsReply,
};
use trunkline_model::service::Service;
use trunkline_store::{outdial, outdial_target};

use crate::error;
use crate::service::OutdialManager;

/// `POST /v1/outdials/<id>/targets/bulk`
pub(super) async fn create_all(
    manager: Arc<OutdialManager>,
    routed: Routed,
) -> Result<Reply, Refusal> {
    let NewTargets { targets } = routed.body()?;
    let outdial: OutdialId = routed.id(0);
    let targets = admit_all(outdial, targets)?;
    manager.refuse_missing(outdial).await?;
    let asked = targets.len();
    for _ in 0..=manager.config.conflict_retries {
        let (new, known) = manager.told_apart(outdial, &targets).await?;
        let reply = NewTargetsReply {
            created: new.len() as u64,
            known,
        };
        if new.is_empty() {
            return Ok(Reply::json(&reply));
        }
        let now = manager.now().await?;
        let statements = outdial_target::insert_new(outdial, new, now);
        match manager.ledger.apply(statements.into_iter().collect()).await {
            Ok(()) => {
                tracing::debug!(outdial_id = %outdial, asked, created = reply.created, "targets were added");
                return Ok(Reply::json(&reply));
            }
            // The same people came in another request.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error::store(&error)),
        }
    }
    Err(Refusal::bare(503))
}

/// Every target in its stored form and with its id.
fn admit_all(outdial: OutdialId, mut targets: Vec<NewTarget>) -> Result<Vec<NewTarget>, Refusal> {
    if targets.len() > MOST_AT_ONCE {
        let message = format!(
            "`targets` has {} elements; at most {MOST_AT_ONCE} are taken at once",
            targets.len()
        );
        return Err(wrong("targets", &message));
    }
    for (at, target) in targets.iter_mut().enumerate() {
        admit(target).map_err(|wrong_one| {
            let field = format!("targets[{at}].{}", wrong_one.field);
            wrong(&field, &format!("`{field}` {}", wrong_one.why))
        })?;
        if target.id.is_nil() {
            target.id = id_of(outdial, target.destinations());
        }
    }
    Ok(targets)
}

impl OutdialManager {
    /// Who is new, each once, and who is on the list already or twice in the
    /// request.
    async fn told_apart<'t>(
        &self,
        outdial: OutdialId,
        targets: &'t [NewTarget],
    ) -> Result<(Vec<&'t NewTarget>, Vec<OutdialTargetId>), Refusal> {
        let ids: Vec<OutdialTargetId> = targets.iter().map(|target| target.id).collect();
        let existing = outdial_target::existing(self.db(), &ids)
            .await
            .map_err(|error| error::store(&error))?;
        let existing: BTreeMap<OutdialTargetId, OutdialId> = existing.into_iter().collect();
        let mut seen = BTreeSet::new();
        let (mut new, mut known) = (Vec::with_capacity(targets.len()), Vec::new());
        for (at, target) in targets.iter().enumerate() {
            match existing.get(&target.id) {
                Some(there) if *there != outdial => {
                    let field = format!("targets[{at}].id");
                    return Err(wrong(
                        &field,
                        &format!("`{field}` cannot be used; leave it out"),
                    ));
                }
                Some(_) => known.push(target.id),
                None if seen.insert(target.id) => new.push(target),
                None => known.push(target.id),
            }
        }
        Ok((new, known))
    }

    async fn refuse_missing(&self, id: OutdialId) -> Result<(), Refusal> {
        let found = outdial::get(self.db(), id)
            .await
            .map_err(|error| error::store(&error))?;
        match found.filter(|found| found.tm_delete.is_none()) {
            Some(_) => Ok(()),
            None => Err(error::typed(
                Status::NotFound,
                "OUTDIAL_NOT_FOUND",
                "The outdial was not found.",
            )),
        }
    }
}

fn wrong(field: &str, message: &str) -> Refusal {
    let error = TypedError::new(
        Status::InvalidArgument,
        "INVALID_ARGUMENT",
        Service::OUTDIAL.name(),
        message,
    );
    Refusal::typed(&TypedError {
        details: vec![json!({"field": field})],
        ..error
    })
}

/// `POST /v1/outdialtargets/lookup`
pub(super) async fn lookup(manager: Arc<OutdialManager>, routed: Routed) -> Result<Reply, Refusal> {
    let LookupRequest { ids } = routed.body()?;
    if ids.len() > MOST_AT_ONCE {
        return Err(Refusal::bare(400));
    }
    let found = outdial_target::with_ids(manager.db(), &ids).await;
    Ok(Reply::json(&found.map_err(|error| error::store(&error))?))
}
