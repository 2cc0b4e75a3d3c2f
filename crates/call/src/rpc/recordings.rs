//! Recordings (chapter 02 §5.8 and routes 18, 19 of §5.2).

use std::sync::Arc;

use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_domain::call::recording::{Wanted, wanted};
use trunkline_model::call::{Call, Status as CallStatus};
use trunkline_model::id::{ActiveflowId, CallId, RecordingId};
use trunkline_model::recording::{CreateRequest, Recording, ReferenceType, StartRequest};
use trunkline_store::{Batch, recording as recordings};

use super::filters;
use crate::Role;
use crate::apply::files;
use crate::apply::recording::{self, Owned};
use crate::error::{CALL_NOT_FOUND, Error, ROW_NOT_FOUND};

pub(crate) async fn list(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let filter = filters(&recordings::FILTERS, &routed)?;
    let now = role.ledger.now().await.map_err(Error::from)?;
    let found = recordings::list(role.ledger.db(), &filter, &routed.page(now))
        .await
        .map_err(Error::from)?;
    Ok(Reply::json(&found))
}

pub(crate) async fn get(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&role.recording(routed.id(0)).await?))
}

/// Records a call without making it the call's recording (chapter 02 §5.8).
pub(crate) async fn create(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: CreateRequest = routed.body()?;
    if asked.reference_type != ReferenceType::Call {
        let takes = "This version records calls only: `call`.";
        return Err(Error::field("reference_type", takes).into());
    }
    let wanted = check(&asked.start)?;
    let call = role.call(CallId(asked.reference_id.0)).await?;
    if !asked.customer_id.is_nil() && asked.customer_id != call.customer_id {
        return Err(Error::NotFound(CALL_NOT_FOUND).into());
    }
    let activeflow = activeflow(&role, &call, asked.activeflow_id).await?;
    let begun = recording::start(&role, call.id, activeflow, &wanted, Owned::ByNobody)
        .await
        .map_err(Error::on_channel)?;
    Ok(Reply::json(&begun))
}

/// The activeflow that learns of the recording: one of the call's customer.
async fn activeflow(role: &Role, call: &Call, asked: ActiveflowId) -> Result<ActiveflowId, Error> {
    if asked.is_nil() || asked == call.activeflow_id {
        return Ok(call.activeflow_id);
    }
    let found = role.flow.activeflow(asked).await?;
    if found.customer_id == call.customer_id {
        return Ok(asked);
    }
    let unknown = "There is no such activeflow.";
    Err(Error::field("activeflow_id", unknown))
}

fn check(asked: &StartRequest) -> Result<Wanted, Error> {
    wanted(asked).map_err(|invalid| Error::field(invalid.field, &format!("{invalid}.")))
}

pub(crate) async fn start_of_call(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let wanted = check(&routed.body()?)?;
    let call = role.call(routed.id(0)).await?;
    recording::start(&role, call.id, call.activeflow_id, &wanted, Owned::ByCall)
        .await
        .map_err(Error::on_channel)?;
    Ok(Reply::json(&role.call(call.id).await?))
}

/// Stops the call's recording. The reference answers `200 null` when there is none,
/// which a client takes for success; here it is an error with a reason.
pub(crate) async fn stop_of_call(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let call = role.call(routed.id(0)).await?;
    if call.status != CallStatus::Progressing {
        return Err(Error::not_progressing().into());
    }
    if call.recording_id.is_nil() {
        return Err(Error::not_recorded().into());
    }
    recording::stop(&role, call.recording_id).await?;
    Ok(Reply::json(&role.call(call.id).await?))
}

pub(crate) async fn stop(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&recording::stop(&role, routed.id(0)).await?))
}

/// Deletes a recording; its files go after it. One that runs goes on, and its files
/// go when it has ended.
pub(crate) async fn delete(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let id: RecordingId = routed.id(0);
    let found = recordings::get(role.ledger.db(), id).await;
    let found = found
        .map_err(Error::from)?
        .ok_or(Error::NotFound(ROW_NOT_FOUND))?;
    if found.tm_delete.is_some() {
        return Ok(Reply::json(&found));
    }
    let now = role.ledger.now().await.map_err(Error::from)?;
    let deleted = Recording {
        tm_delete: Some(now),
        tm_update: Some(now),
        ..found
    };
    let batch = Batch::new()
        .with(recordings::delete(id, now))
        .with(role.ledger.schedule(now, &files::remove_duty(id, now)));
    match role.ledger.apply(batch).await {
        // Somebody else deleted it meanwhile.
        Err(error) if error.is_conflict() => Ok(Reply::json(&role.recording(id).await?)),
        outcome => outcome
            .map(|()| Reply::json(&deleted))
            .map_err(|error| Error::from(error).into()),
    }
}

/// Trunkline's own, to itself: see [`files::keep`].
pub(crate) async fn keep_files(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    settled(files::keep(&role, routed.id(0)).await)
}

/// Trunkline's own, to itself: see [`files::remove`].
pub(crate) async fn remove_files(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    settled(files::remove(&role, routed.id(0)).await)
}

/// A duty that is told 503 comes again.
fn settled(outcome: Result<(), Error>) -> Result<Reply, Refusal> {
    match outcome {
        Ok(()) => Ok(Reply::Bare),
        Err(Error::Later(because)) => {
            tracing::info!(because, "the files of a recording wait");
            Err(Refusal::bare(503))
        }
        Err(error) => Err(error.into()),
    }
}
