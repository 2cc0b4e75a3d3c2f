//! The routes of storage-manager.

use std::sync::Arc;

use serde_json::{Map, Value};
use trunkline_bus::Method::{Delete, Get, Post};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_media::{Folder, Name};
use trunkline_model::diagnostic::{self, Part};
use trunkline_model::error::Status;
use trunkline_model::file::{CreateFile, File};
use trunkline_model::id::FileId;
use trunkline_model::page::Page;
use trunkline_store::{Batch, file};

use super::{RemoveError, State};
use crate::error;
use crate::rows::read;

pub(super) fn routes(router: Router<State>) -> Router<State> {
    const ONE: &str = "/v1/files/<file-id>";
    router
        .route(Get, "/v1/files?", "/v1/files", list)
        .route(Post, "/v1/files", "/v1/files", create)
        .route(Get, "/v1/files/{id}", ONE, get)
        .route(Delete, "/v1/files/{id}", ONE, delete)
        .route(Get, "/v1/diagnostics", "/v1/diagnostics", diagnostics)
}

async fn list(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let filters: Map<String, Value> = routed.body_or_default()?;
    let filter = file::FILTERS.parse(&filters).map_err(|invalid| {
        let message = format!("Bad request: {invalid}.");
        state.typed(Status::InvalidArgument, "INVALID_FILTER", &message)
    })?;
    let page = routed.page(read(state.ledger.now().await)?);
    let most = state.max_rows;
    let page = Page {
        limit: Some(page.limit.map_or(most, |limit| limit.min(most))),
        ..page
    };
    let files = read(file::list(state.db(), &filter, &page).await)?;
    Ok(Reply::json(&files))
}

async fn get(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&state.file(routed.id(0)).await?))
}

/// `POST /v1/files`: the file lies in the media folder already. Asking again gives
/// the same one, also after it was deleted.
async fn create(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: CreateFile = routed.body()?;
    let name = Name::new(Folder::Recording, &asked.filename).ok();
    let name = name.filter(|name| name.to_string() == asked.filepath);
    let Some(name) = name else {
        let message = "The path is recording/ and the name of the file.";
        return Err(state.typed(Status::InvalidArgument, "INVALID_FILENAME", message));
    };
    if let Some(known) = state.known(&asked).await? {
        return Ok(Reply::json(&known));
    }
    let found = state.aside(move |folder| folder.find(&name)).await;
    let found = found.map_err(|error| state.folder_failed(&error))?;
    let Some(found) = found else {
        let message = "There is no such file in the media folder.";
        return Err(state.typed(Status::NotFound, "FILE_NOT_IN_FOLDER", message));
    };
    let file = File {
        id: FileId::random(),
        customer_id: asked.customer_id,
        owner_id: asked.owner_id,
        reference_type: asked.reference_type.clone(),
        reference_id: asked.reference_id,
        kind: asked.kind.clone(),
        name: asked.name.clone(),
        detail: asked.detail.clone(),
        filename: asked.filename.clone(),
        bucket_name: asked.bucket_name.clone(),
        filepath: asked.filepath.clone(),
        filesize: i64::try_from(found.bytes).unwrap_or(i64::MAX),
        tm_create: Some(read(state.ledger.now().await)?),
        ..File::default()
    };
    match state
        .ledger
        .apply(Batch::new().with(file::insert(&file)))
        .await
    {
        Ok(()) => {
            tracing::debug!(file_id = %file.id, filename = file.filename, "a file is kept");
            Ok(Reply::json(&file))
        }
        // Somebody asked for the same at the same time.
        Err(error) if error.is_conflict() => match state.known(&asked).await? {
            Some(known) => Ok(Reply::json(&known)),
            None => Err(error::store(&error)),
        },
        Err(error) => Err(error::store(&error)),
    }
}

/// `DELETE /v1/files/<id>`: the file goes too. Deleting it again changes nothing.
async fn delete(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let file = state.file(routed.id(0)).await?;
    let removed = state.remove(file).await.map_err(|error| match error {
        RemoveError::Folder(error) => state.folder_failed(&error),
        RemoveError::Store(error) => error::store(&error),
    })?;
    Ok(Reply::json(&removed))
}

/// The media folder, and how much room there is.
async fn diagnostics(state: Arc<State>, _: Routed) -> Result<Reply, Refusal> {
    const FOLDER: &str = "media folder";
    const DISK: &str = "disk";
    let folder = state.folder.root().display().to_string();
    let written = state
        .aside(|folder| {
            let mut probe = folder.begin(0)?;
            probe.write(b"probe")
        })
        .await;
    let writable = match written {
        Ok(()) => Part::ok(FOLDER, format!("`{folder}` can be written to")),
        Err(error) if error.is_full() => Part::not_ok(
            FOLDER,
            diagnostic::State::Failed,
            error.to_string(),
            "make room: nothing is recorded or spoken until then",
        ),
        Err(error) => Part::not_ok(
            FOLDER,
            diagnostic::State::Failed,
            format!("{error}: {}", source(&error)),
            "make it writable for the user that Trunkline runs as, or name another one with `media.folder`",
        ),
    };
    let least = state.folder.min_free_bytes();
    let room = match state.aside(|folder| folder.free_bytes()).await {
        Ok(free) => {
            let detail = format!("{} MB are free, {} MB stay so", free >> 20, least >> 20);
            if free < least {
                let what = "delete recordings, or set `media.recording_retention_days`";
                Part::not_ok(DISK, diagnostic::State::Failed, detail, what)
            } else if free < least.saturating_mul(4) {
                let what = "make room soon; below the limit nothing is recorded or spoken";
                Part::not_ok(DISK, diagnostic::State::Warning, detail, what)
            } else {
                Part::ok(DISK, detail)
            }
        }
        Err(error) => Part::not_ok(
            DISK,
            diagnostic::State::Unknown,
            error.to_string(),
            "look at the log",
        ),
    };
    Ok(Reply::json(&[writable, room]))
}

fn source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(String::new, ToString::to_string)
}

impl State {
    async fn file(&self, id: FileId) -> Result<File, Refusal> {
        let found = read(file::get(self.db(), id).await)?;
        found.ok_or_else(|| {
            self.typed(
                Status::NotFound,
                "FILE_NOT_FOUND",
                "The file was not found.",
            )
        })
    }

    /// The file that is kept under the path already, when it is the same one.
    async fn known(&self, asked: &CreateFile) -> Result<Option<File>, Refusal> {
        let found = read(file::by_path(self.db(), &asked.filepath).await)?;
        let Some(found) = found else {
            return Ok(None);
        };
        if found.customer_id == asked.customer_id && found.reference_id == asked.reference_id {
            return Ok(Some(found));
        }
        let message = "The path belongs to another file.";
        Err(self.typed(Status::AlreadyExists, "FILE_EXISTS", message))
    }
}
