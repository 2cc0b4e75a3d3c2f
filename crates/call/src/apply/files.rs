//! What follows the end of a recording: its files come from Asterisk into the media
//! folder and are listed, and the flow behind it starts. And what follows its
//! deletion.
//!
//! Both are due rows that come as requests of call-manager to itself. Every step may
//! be repeated: after a crash, or while somebody is away, the whole is done again.

use std::sync::Arc;
use std::time::Duration;

use trunkline_ari::AsteriskTarget;
use trunkline_bus::{Method, RpcError};
use trunkline_delivery::Duty;
use trunkline_domain::call::hangup::cause;
use trunkline_domain::call::recording as rules;
use trunkline_model::Timestamp;
use trunkline_model::activeflow::{self, ReferenceType};
use trunkline_model::file::CreateFile;
use trunkline_model::id::{ActiveflowId, RecordingId, ReferenceId};
use trunkline_model::recording::Recording;
use trunkline_model::service::Service;

use crate::Role;
use crate::error::Error;

/// How long after its end the file of a recording may not be there yet.
const MISSING_AFTER: Duration = Duration::from_secs(60);

/// The files of a recording that has ended, as a duty.
pub(crate) fn keep_duty(id: RecordingId, now: Timestamp) -> Duty {
    duty("keep", id, now)
}

/// The files of a recording that was deleted, as a duty.
pub(crate) fn remove_duty(id: RecordingId, now: Timestamp) -> Duty {
    duty("remove", id, now)
}

fn duty(what: &str, id: RecordingId, now: Timestamp) -> Duty {
    Duty::new(
        format!("recording-{what}:{id}"),
        id,
        now,
        Service::CALL.request_queue(),
        Method::Post,
        format!("/v1/recordings/{id}/{what}_files"),
    )
}

/// Keeps the files of a recording and starts the flow behind it.
///
/// # Errors
///
/// [`Error::Later`] when it is to be tried again. Given up, with an error in the
/// log, after `recording_give_up_ms`.
pub(crate) async fn keep(role: &Arc<Role>, id: RecordingId) -> Result<(), Error> {
    let recording = role.recording(id).await?;
    if rules::is_live(&recording.status) {
        return Ok(());
    }
    let now = role.ledger.now().await?;
    let age = recording
        .tm_end
        .map(|end| now.since(end))
        .unwrap_or_default();
    if let Err(because) = fetch(role, &recording, age).await {
        if age < role.config.recording_give_up() {
            return Err(Error::Later(because));
        }
        tracing::error!(
            recording_id = %id, call_id = %recording.reference_id, asterisk_id = %recording.asterisk_id,
            because, "the files of a recording are given up; what Asterisk still has of them stays in its spool"
        );
    }
    follow_up(role, &recording).await?;
    if recording.tm_delete.is_some() {
        remove(role, id).await?;
    }
    Ok(())
}

/// Moves the files and has them listed. The error says why it is to be tried again.
async fn fetch(role: &Role, recording: &Recording, age: Duration) -> Result<(), String> {
    let to = AsteriskTarget::from(&recording.asterisk_id);
    are_complete(role, &to, recording).await?;
    match role
        .ari
        .recording_file_move(&to, &recording.filenames)
        .await
    {
        Ok(()) => list(role, recording, &recording.filenames).await,
        // Nothing was ever recorded.
        Err(error) if error.is_gone() && recording.tm_start.is_none() => {
            tracing::info!(recording_id = %recording.id, "a recording that never began has no files");
            Ok(())
        }
        Err(error) if error.is_gone() && age >= MISSING_AFTER => {
            one_by_one(role, &to, recording).await
        }
        Err(error) => Err(text(&error)),
    }
}

/// Keeps the files that there are, of a recording that lacks one.
async fn one_by_one(role: &Role, to: &AsteriskTarget, recording: &Recording) -> Result<(), String> {
    for name in &recording.filenames {
        let name = std::slice::from_ref(name);
        match role.ari.recording_file_move(to, name).await {
            Ok(()) => list(role, recording, name).await?,
            Err(error) if error.is_gone() => {
                tracing::error!(recording_id = %recording.id, file = name[0], "a file of a recording is neither at Asterisk nor in the media folder");
            }
            Err(error) => return Err(text(&error)),
        }
    }
    Ok(())
}

/// Has storage-manager list files that are in the media folder.
async fn list(role: &Role, recording: &Recording, names: &[String]) -> Result<(), String> {
    let (customer, id) = (recording.customer_id, ReferenceId(recording.id.0));
    for name in names {
        let file = CreateFile::of_recording(customer, id, name, &role.config.bucket_name);
        let listed = role.storage.create(&file).await;
        listed.map_err(|error| text(&error))?;
    }
    Ok(())
}

/// A file is complete when the channel that wrote it is gone: one that has stayed,
/// because the other side ended the recording, is hung up.
async fn are_complete(
    role: &Role,
    to: &AsteriskTarget,
    recording: &Recording,
) -> Result<(), String> {
    for channel in &recording.channel_ids {
        match role.ari.get(to, channel).await {
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(text(&error)),
            Ok(_) => {
                let told = role.ari.hangup(to, channel, cause::NORMAL).await;
                told.map_err(|error| text(&error))?;
                return Err(format!("channel `{channel}` still records"));
            }
        }
    }
    Ok(())
}

fn text(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Starts the flow behind a recording: once, under an id that only this recording
/// has.
async fn follow_up(role: &Role, recording: &Recording) -> Result<(), Error> {
    if recording.on_end_flow_id.is_nil() {
        return Ok(());
    }
    let wanted = activeflow::CreateRequest {
        id: ActiveflowId(recording.id.0),
        customer_id: recording.customer_id,
        flow_id: recording.on_end_flow_id,
        reference_type: ReferenceType::None,
        reference_activeflow_id: recording.activeflow_id,
        ..activeflow::CreateRequest::default()
    };
    let started = async {
        let made = role.flow.create_activeflow(&wanted).await?;
        let variables = rules::variables(recording);
        role.flow.set_variables(made.id, &variables).await?;
        role.flow.execute(made.id).await
    };
    match started.await {
        Ok(()) => Ok(()),
        Err(error) if error.is_unavailable() => Err(Error::Later(text(&error))),
        Err(error) => {
            tracing::error!(recording_id = %recording.id, flow_id = %recording.on_end_flow_id, %error, "the flow behind a recording cannot start");
            Ok(())
        }
    }
}

/// Removes the files of a deleted recording.
///
/// # Errors
///
/// [`Error::Later`] when it is to be tried again.
pub(crate) async fn remove(role: &Arc<Role>, id: RecordingId) -> Result<(), Error> {
    let later = |error: RpcError| Error::Later(text(&error));
    let files = role
        .storage
        .of_recording(ReferenceId(id.0))
        .await
        .map_err(later)?;
    for file in files {
        role.storage.delete(file.id).await.map_err(later)?;
    }
    Ok(())
}
