//! Recordings go when they are old enough. What is due is seen from rows and files
//! alone: a look may be missed, repeated, or end in the middle.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use trunkline_media::{Entry, Folder};
use trunkline_model::Timestamp;
use trunkline_model::file::FileType;
use trunkline_store::file;

use super::{RemoveError, Retention, State};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks until `stop` is cancelled.
pub(super) async fn run(state: Arc<State>, retention: Retention, stop: CancellationToken) {
    if retention.recording_days == 0 {
        return;
    }
    loop {
        let looking = async {
            if let Err(error) = sweep(&state, &retention).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "recordings that are due could not be deleted; it is tried again"
                );
            }
            sleep(retention.interval).await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = looking => {}
        }
    }
}

async fn sweep(state: &State, retention: &Retention) -> Result<(), RemoveError> {
    let days = u32::try_from(retention.recording_days).unwrap_or(u32::MAX);
    let before = state.ledger.now().await?.minus(DAY.saturating_mul(days));
    let mut count = 0_usize;
    loop {
        let batch = retention.batch.max(1);
        let due = file::made_before(state.db(), &FileType::Recording, before, batch).await?;
        let is_last = due.len() < batch as usize;
        for file in due {
            state.remove(file).await?;
            count += 1;
        }
        if is_last {
            break;
        }
    }
    let orphans = sweep_orphans(state, before).await?;
    if count + orphans > 0 {
        tracing::info!(
            count,
            orphans,
            days = retention.recording_days,
            "recordings were old enough to go"
        );
    }
    Ok(())
}

/// Files that nobody has asked to keep, such as those of a call-manager that never
/// came back.
async fn sweep_orphans(state: &State, before: Timestamp) -> Result<usize, RemoveError> {
    let files = state.aside(|folder| folder.list(Folder::Recording)).await?;
    let mut count = 0;
    for old in files.into_iter().take_while(|file| is_before(file, before)) {
        let row = file::by_path(state.db(), &old.name.to_string()).await?;
        if row.is_some_and(|row| row.tm_delete.is_none()) {
            continue;
        }
        if state.aside(move |folder| folder.remove(&old.name)).await? {
            count += 1;
        }
    }
    Ok(count)
}

fn is_before(file: &Entry, before: Timestamp) -> bool {
    let written = file.used.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(written.as_micros()).is_ok_and(|written| written < before.as_micros())
}
