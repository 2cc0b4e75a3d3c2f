//! What is in the media folder, over HTTP.
//!
//! * `GET /media/<expiry>/<signature>/<path>` is for Asterisk, which has no token:
//!   the URL itself is the permission, for one file and for a while.
//! * `GET /v1/recordings/{id}/file` is for whoever the recording belongs to.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use trunkline_bus::Method as BusMethod;
use trunkline_bus::metrics::millis;
use trunkline_media::{Entry, MediaFolder, Name, Refused, Signer};
use trunkline_model::file::File;
use trunkline_model::page;
use trunkline_model::service::Service;

use crate::api_error::ApiError;
use crate::dispatch::Matched;
use crate::file::{self, Served};
use crate::server::Gateway;

/// The route of signed URLs.
pub(crate) const PATH: &str = "/media/{expiry}/{signature}/{*path}";
/// Longest time, in seconds, that a cache may keep what a URL gave.
const LONGEST_CACHE: u64 = 24 * 60 * 60;
/// Seconds after which one that found too many downloads may come again.
const COME_AGAIN: u64 = 1;
const STORAGE_TAG: &str = "storage/files";

/// What is served, and how much of it at the same time.
#[derive(Debug, Clone)]
pub struct Media {
    pub folder: MediaFolder,
    /// Checks the URLs that tts-manager made.
    pub signer: Arc<Signer>,
    /// Downloads of each of the two kinds.
    pub downloads_at_once: usize,
}

/// The same with its places.
pub(crate) struct Door {
    folder: MediaFolder,
    signer: Arc<Signer>,
    /// Asterisk waits for nobody who listens to recordings.
    sounds: Arc<Semaphore>,
    recordings: Arc<Semaphore>,
}

impl Door {
    pub(crate) fn new(media: Media) -> Self {
        let places = media.downloads_at_once.max(1);
        Self {
            folder: media.folder,
            signer: media.signer,
            sounds: Arc::new(Semaphore::new(places)),
            recordings: Arc::new(Semaphore::new(places)),
        }
    }

    async fn find(&self, name: &Name) -> Result<Option<Entry>, ApiError> {
        let (folder, name) = (self.folder.clone(), name.clone());
        let found = tokio::task::spawn_blocking(move || folder.find(&name)).await;
        match found {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(unreadable(&error)),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> ApiError {
    tracing::warn!(error, "the media folder cannot be read");
    let message = "the media folder cannot be read; the log says why";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
}

fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        let message = "too many downloads at once (option `media.downloads_at_once`)";
        let error = ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "TOO_MANY_DOWNLOADS",
            message,
        );
        ApiError {
            retry_after: Some(COME_AGAIN),
            ..error
        }
    })
}

/// `GET` and `HEAD` of a signed URL.
pub(crate) async fn signed(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, _) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let outcome = serve_signed(&gateway, &path, &parts.method, &parts.headers).await;
    let response = outcome.unwrap_or_else(ApiError::into_response);
    let (status, elapsed) = (response.status().as_u16(), millis(started.elapsed()));
    // The path is a permission, and is not logged.
    tracing::debug!(status, elapsed_ms = elapsed, "a signed URL was answered");
    let method = if parts.method == Method::HEAD {
        "HEAD"
    } else {
        "GET"
    };
    gateway.metrics.count(PATH, method, status, elapsed);
    response
}

async fn serve_signed(
    gateway: &Gateway,
    path: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let no_such = || ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such file");
    let door = gateway.media.as_ref().ok_or_else(no_such)?;
    // The raw path: what is escaped is not what was signed.
    let mut pieces = path
        .strip_prefix("/media/")
        .unwrap_or_default()
        .splitn(3, '/');
    let mut next = || pieces.next().unwrap_or_default();
    let (expiry, signature, path) = (next(), next(), next());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let name =
        door.signer
            .check(expiry, signature, path, now)
            .map_err(|refused| match refused {
                Refused::Invalid => ApiError::new(
                    StatusCode::FORBIDDEN,
                    "MEDIA_LINK_INVALID",
                    "the link was not made here, or was changed",
                ),
                Refused::Expired => ApiError::new(
                    StatusCode::GONE,
                    "MEDIA_LINK_EXPIRED",
                    "the link has expired (option `media.url_lifetime_s`)",
                ),
            })?;
    let permit = place(&door.sounds)?;
    let entry = door.find(&name).await?.ok_or_else(no_such)?;
    let left = expiry.parse::<u64>().unwrap_or(0).saturating_sub(now);
    let served = Served {
        entry,
        cache: format!("private, max-age={}", left.min(LONGEST_CACHE)),
        method,
        headers,
        permit,
    };
    file::serve(&door.folder, served).await
}

/// `GET /v1/recordings/{id}/file?channel=in|out`.
pub(crate) fn recording(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        let channel = channel(matched.uri.query().unwrap_or_default())?;
        let row = matched.row().await?;
        let Some(door) = &matched.gateway.media else {
            let message = "this gateway has no media folder";
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                message,
            ));
        };
        let file = file_of(&matched, &row, channel).await?;
        let name = Name::parse(&file.filepath).map_err(|error| unreadable(&error))?;
        let permit = place(&door.recordings)?;
        let entry = door.find(&name).await?.ok_or_else(|| deleted(channel))?;
        let served = Served {
            entry,
            cache: "private, no-cache".to_owned(),
            method: &Method::GET,
            headers: &matched.headers,
            permit,
        };
        file::serve(&door.folder, served).await
    })
}

fn channel(query: &str) -> Result<&'static str, ApiError> {
    let named = query.split('&').filter(|pair| !pair.is_empty());
    for pair in named {
        let name = pair.split('=').next().unwrap_or_default();
        if name != "channel" {
            let message = format!("there is no parameter `{name}` here");
            return Err(ApiError::field(name, message));
        }
    }
    match page::parameter(query, "channel").as_deref() {
        None | Some("in") => Ok("in"),
        Some("out") => Ok("out"),
        Some(_) => Err(ApiError::field(
            "channel",
            "`channel` is `in`, what the party said, or `out`, what it heard",
        )),
    }
}

/// Where the file of a recording's channel is.
async fn file_of(
    matched: &Matched<'_>,
    row: &serde_json::Map<String, Value>,
    channel: &'static str,
) -> Result<File, ApiError> {
    let request = matched
        .gateway
        .rpc
        .request(BusMethod::Get, "/v1/files?page_token=&page_size=1000")
        .json(&json!({
            "customer_id": matched.caller.0,
            "reference_type": "recording",
            "reference_id": matched.id()?,
        }));
    let answer = matched
        .gateway
        .ask(Service::STORAGE, &request, STORAGE_TAG)
        .await
        .map_err(|error| ApiError::of_rpc(error, Service::STORAGE, "file", ""))?;
    let files: Vec<File> = serde_json::from_value(answer).unwrap_or_default();
    let ending = format!("_{channel}");
    let of_channel = |file: &&File| {
        let stem = file.filename.rsplit_once('.').map_or("", |(stem, _)| stem);
        stem.ends_with(&ending)
    };
    match files.iter().find(of_channel) {
        Some(file) if file.tm_delete.is_none() => Ok(file.clone()),
        Some(_) => Err(deleted(channel)),
        None => Err(absent(row, &ending)),
    }
}

fn deleted(channel: &str) -> ApiError {
    let message = format!(
        "the file of channel `{channel}` was deleted, by somebody or because it was old enough \
         (option `media.recording_retention_days`)"
    );
    ApiError::new(StatusCode::GONE, "RECORDING_FILE_DELETED", message)
}

/// Not yet, or never.
fn absent(row: &serde_json::Map<String, Value>, ending: &str) -> ApiError {
    let status = row
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let names = row.get("filenames").and_then(Value::as_array);
    let is_promised = names.into_iter().flatten().any(|name| {
        let name = name.as_str().unwrap_or_default();
        name.rsplit_once('.')
            .map_or("", |(stem, _)| stem)
            .ends_with(ending)
    });
    if !is_promised {
        let message = "this recording has no such channel";
        return ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message);
    }
    let message = if status == "ended" {
        "the recording has ended, and its file is on its way from Asterisk; try again".to_owned()
    } else {
        format!("the recording is `{status}`; its file is there after its end")
    };
    let error = ApiError::new(StatusCode::CONFLICT, "RECORDING_NOT_FINISHED", message);
    ApiError {
        retry_after: Some(COME_AGAIN),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_in_unless_it_is_said_to_be_out() {
        assert_eq!(channel("").unwrap(), "in");
        assert_eq!(channel("channel=in").unwrap(), "in");
        assert_eq!(channel("channel=out").unwrap(), "out");
        for (query, field) in [
            ("channel=both", "channel"),
            ("channel=", "channel"),
            ("a=b", "a"),
        ] {
            assert_eq!(
                channel(query).unwrap_err().field.as_deref(),
                Some(field),
                "{query}"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_explained() {
        for (row, status, code) in [
            (
                json!({"status": "recording", "filenames": ["r_in.wav"]}),
                409,
                "RECORDING_NOT_FINISHED",
            ),
            (
                json!({"status": "ended", "filenames": ["r_in.wav"]}),
                409,
                "RECORDING_NOT_FINISHED",
            ),
            (
                json!({"status": "ended", "filenames": ["r_out.wav"]}),
                404,
                "NOT_FOUND",
            ),
            (json!({}), 404, "NOT_FOUND"),
        ] {
            let error = absent(row.as_object().unwrap(), "_in");
            assert_eq!((error.status.as_u16(), error.code.as_str()), (status, code));
        }
    }
}
