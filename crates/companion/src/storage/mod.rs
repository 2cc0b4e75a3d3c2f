//! storage-manager: the files that other roles want to have kept (chapter 01 §9.4).
//!
//! A file lies in the media folder, and a row says whose it is. A file goes before
//! its row is marked deleted: whoever dies in between leaves a row whose file is
//! gone, and the next one to look marks it.

mod retention;
mod rpc;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Refusal, Router};
use trunkline_delivery::Ledger;
use trunkline_media::{Error as MediaError, MediaFolder, Name};
use trunkline_model::error::Status;
use trunkline_model::file::File;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Database, file};

use crate::error::{self, Error};
use crate::role::{self, Metrics, Running};

/// How long files are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Days that recordings are kept; 0 keeps them for ever.
    pub recording_days: u64,
    /// Time between two looks.
    pub interval: Duration,
    /// Files that one look takes at once.
    pub batch: u32,
}

/// What the role runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
    pub folder: MediaFolder,
}

/// The state that the routes and the retention share.
struct State {
    ledger: Arc<Ledger>,
    folder: MediaFolder,
    max_rows: u64,
}

/// Serves `bin-manager.storage-manager.request` until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_storage(
    deps: Deps,
    common: crate::Config,
    retention: Retention,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let role_deps = role::Deps {
        bus: deps.bus,
        db: deps.db,
        metrics: deps.metrics,
    };
    let ledger = role::ledger(Service::STORAGE, &role_deps, &common);
    let state = Arc::new(State {
        ledger: Arc::clone(&ledger),
        folder: deps.folder,
        max_rows: common.max_rows,
    });
    let service = role_deps.metrics.service.clone();
    let router = rpc::routes(Router::new(Arc::clone(&state), service));
    let running = role::serve(&ledger, &role_deps, common.workers, stop.clone(), router).await?;
    Ok(running.with_task(tokio::spawn(retention::run(state, retention, stop))))
}

/// Why a file could not be removed.
#[derive(Debug, thiserror::Error)]
enum RemoveError {
    #[error(transparent)]
    Folder(#[from] MediaError),
    #[error(transparent)]
    Store(#[from] trunkline_store::Error),
}

impl State {
    fn db(&self) -> &dyn Database {
        self.ledger.db()
    }

    /// Removes a file, then marks its row. Doing it again changes nothing.
    async fn remove(&self, mut file: File) -> Result<File, RemoveError> {
        if file.tm_delete.is_some() {
            return Ok(file);
        }
        let name = Name::parse(&file.filepath)?;
        self.aside(move |folder| folder.remove(&name)).await?;
        let now = self.ledger.now().await?;
        match self
            .ledger
            .apply(Batch::new().with(file::delete(file.id, now)))
            .await
        {
            Ok(()) => {}
            // Another one was first.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
        tracing::info!(file_id = %file.id, filename = file.filename, "a file was deleted");
        (file.tm_update, file.tm_delete) = (Some(now), Some(now));
        Ok(file)
    }

    /// Work on the folder, off the runtime's threads.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&MediaFolder) -> Result<T, MediaError> + Send + 'static,
    ) -> Result<T, MediaError> {
        let folder = self.folder.clone();
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|error| {
            Err(MediaError::Io {
                what: "use",
                path: self.folder.root().to_owned(),
                source: std::io::Error::other(error),
            })
        })
    }

    fn typed(&self, status: Status, reason: &str, message: &str) -> Refusal {
        error::typed(Service::STORAGE, status, reason, message)
    }

    fn folder_failed(&self, error: &MediaError) -> Refusal {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the media folder failed a request"
        );
        if error.is_full() {
            return self.typed(Status::ResourceExhausted, "DISK_FULL", &error.to_string());
        }
        let message = "The media folder cannot be used; the log says why.";
        self.typed(Status::Internal, "MEDIA_FOLDER_FAILED", message)
    }
}
