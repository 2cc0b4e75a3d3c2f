//! Moving the files of finished recordings from an Asterisk to the media folder
//! (chapter 01 §8.4).
//!
//! ```text
//! has it ended? ─ GET …/stored/<name>/file ─> unfinished file ─ name ─ DELETE …/stored/<name>
//! ```
//!
//! Each step may be repeated: a file that Asterisk has no more and the folder has
//! was moved. Asterisk's copy goes only after ours is on the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use trunkline_bus::{Request, Response};
use trunkline_media::{Error as MediaError, Folder, Incoming, MediaFolder, Name};
use trunkline_model::error::Status;
use trunkline_model::wire;

use crate::asterisk::Asterisk;
use crate::transport::{Answer, Ask, Download, HttpError, Method};

/// Bytes that are gathered before they are written.
const PIECE: usize = 256 << 10;
/// Longest wait for a recording that is just ending: the two of a call end one after the
/// other, and VoIPbin's call-manager asks for both, once, when the first has ended.
const ENDING: Duration = Duration::from_secs(5);
/// Time between two looks whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Where recordings go, and what they may cost. From node, not from the section of
/// an Asterisk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recordings {
    /// The media folder.
    pub folder: PathBuf,
    /// Bytes of the disk that stay free.
    pub min_free_bytes: u64,
    /// Largest file that is moved.
    pub max_bytes: u64,
    /// Longest time for one file, milliseconds.
    pub timeout_ms: u64,
    /// Files of one Asterisk that are moved at the same time.
    pub at_once: usize,
}

/// The way from one Asterisk to the folder.
pub(crate) struct Mover {
    config: Recordings,
    /// Made when the first file comes.
    folder: OnceCell<MediaFolder>,
    permits: Arc<Semaphore>,
}

/// Why a file was not moved.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("`{0}` is not the name of a recording's file")]
    Name(String),
    #[error("the recording `{0}` is not finished")]
    Unfinished(String),
    #[error("there is no file `{0}`, neither at Asterisk nor in the media folder")]
    Gone(String),
    #[error("the file `{name}` has more than {most} bytes (option `media.recording_max_bytes`)")]
    TooLarge { name: String, most: u64 },
    #[error(transparent)]
    Folder(#[from] MediaError),
    #[error("Asterisk answered with status {0}")]
    Refused(u16),
    #[error(transparent)]
    Asterisk(#[from] HttpError),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    filenames: Vec<String>,
}

impl Mover {
    pub(crate) fn new(config: Recordings) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(config.at_once.max(1))),
            folder: OnceCell::new(),
            config,
        }
    }

    /// `POST /proxy/recording_file_move`. The first failure ends it; what was moved
    /// before stays moved.
    pub(crate) async fn serve(&self, asterisk: &Asterisk, request: &Request) -> Response {
        let Some(Ok(body)) = request.payload().map(wire::decode::<Body>) else {
            return Response::bare(400);
        };
        for name in &body.filenames {
            if let Err(failure) = self.move_one(asterisk, name).await {
                return refusal(asterisk, name, &failure);
            }
        }
        Response::bare(200)
    }

    async fn move_one(&self, asterisk: &Asterisk, file: &str) -> Result<(), Failure> {
        let no_name = || Failure::Name(file.chars().take(200).collect());
        let name = Name::new(Folder::Recording, file).map_err(|_| no_name())?;
        let (recording, _) = file.rsplit_once('.').ok_or_else(no_name)?;
        // Asterisk reads a `+` as a space.
        let recording = recording.replace('+', "%2B");
        let patience = Duration::from_millis(self.config.timeout_ms);
        let moving = async {
            ended(asterisk, &recording).await?;
            let _turn = self.permits.acquire().await;
            self.move_stored(asterisk, &recording, &name).await
        };
        match timeout(patience, moving).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Asterisk(HttpError::Timeout)),
        }
    }

    async fn move_stored(
        &self,
        asterisk: &Asterisk,
        recording: &str,
        name: &Name,
    ) -> Result<(), Failure> {
        let stored = format!("/ari/recordings/stored/{recording}");
        let download = asterisk.http.download(&format!("{stored}/file")).await?;
        match download.status {
            200 => self.keep(name, download).await?,
            404 if self.is_kept(name).await? => return Ok(()),
            404 => return Err(Failure::Gone(name.file().to_owned())),
            status => return Err(Failure::Refused(status)),
        }
        let deleted = ask(asterisk, Method::DELETE, &stored).await?;
        match deleted.status {
            200..300 | 404 => {}
            status => return Err(Failure::Refused(status)),
        }
        tracing::debug!(
            url = asterisk.url(),
            file = name.file(),
            "a recording's file was moved"
        );
        Ok(())
    }

    async fn keep(&self, name: &Name, mut download: Download) -> Result<(), Failure> {
        let most = self.config.max_bytes;
        let too_large = || Failure::TooLarge {
            name: name.file().to_owned(),
            most,
        };
        let announced = download.length.unwrap_or(0);
        if announced > most {
            return Err(too_large());
        }
        let folder = self.folder().await?;
        let mut incoming = aside(move || folder.begin(announced)).await?;
        let mut piece = Vec::new();
        let mut bytes = 0_u64;
        while let Some(more) = download.body.next().await {
            let more = more?;
            bytes = bytes.saturating_add(more.len() as u64);
            if bytes > most {
                return Err(too_large());
            }
            piece.extend_from_slice(&more);
            if piece.len() >= PIECE {
                incoming = write(incoming, std::mem::take(&mut piece)).await?;
            }
        }
        incoming = write(incoming, piece).await?;
        let name = name.clone();
        aside(move || incoming.finish(&name)).await
    }

    async fn is_kept(&self, name: &Name) -> Result<bool, Failure> {
        let (folder, name) = (self.folder().await?, name.clone());
        aside(move || Ok(folder.find(&name)?.is_some())).await
    }

    async fn folder(&self) -> Result<MediaFolder, Failure> {
        let open = async || {
            let (path, free) = (self.config.folder.clone(), self.config.min_free_bytes);
            aside(move || MediaFolder::open(&path, free)).await
        };
        self.folder.get_or_try_init(open).await.cloned()
    }
}

/// Waits for the end of a recording. What is still being written can be fetched too, and
/// would end too early.
async fn ended(asterisk: &Asterisk, recording: &str) -> Result<(), Failure> {
    let live = format!("/ari/recordings/live/{recording}");
    let until = Instant::now() + ENDING;
    loop {
        match ask(asterisk, Method::GET, &live).await?.status {
            404 => return Ok(()),
            200..300 if Instant::now() < until => sleep(LOOK_AGAIN).await,
            200..300 => return Err(Failure::Unfinished(recording.to_owned())),
            status => return Err(Failure::Refused(status)),
        }
    }
}

async fn write(mut incoming: Incoming, piece: Vec<u8>) -> Result<Incoming, Failure> {
    aside(move || {
        incoming.write(&piece)?;
        Ok(incoming)
    })
    .await
}

/// Work that blocks, off the runtime's threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(error) => Err(Failure::Asterisk(HttpError::Lost(error.to_string()))),
    }
}

async fn ask(asterisk: &Asterisk, method: Method, uri: &str) -> Result<Answer, HttpError> {
    let ask = Ask {
        method,
        uri,
        content_type: "",
        body: None,
    };
    asterisk.http.ask(ask).await
}

/// What the asker is told. Of what is ordinary nothing is said in the log.
fn refusal(asterisk: &Asterisk, file: &str, failure: &Failure) -> Response {
    let message = failure.to_string();
    let typed = |status, reason| crate::requests::typed(status, reason, &message);
    let (is_ordinary, response) = match failure {
        Failure::Name(_) => (false, typed(Status::InvalidArgument, "INVALID_FILENAME")),
        Failure::Unfinished(_) => (
            true,
            typed(Status::FailedPrecondition, "RECORDING_NOT_FINISHED"),
        ),
        Failure::Gone(_) => (false, typed(Status::NotFound, "RECORDING_FILE_NOT_FOUND")),
        Failure::TooLarge { .. } => (
            false,
            typed(Status::FailedPrecondition, "RECORDING_TOO_LARGE"),
        ),
        Failure::Folder(error) if error.is_full() => {
            (false, typed(Status::ResourceExhausted, "DISK_FULL"))
        }
        Failure::Folder(_) => (false, typed(Status::Internal, "MEDIA_FOLDER_FAILED")),
        // The link says so in the log, and what to do.
        Failure::Asterisk(HttpError::Connect(_)) => {
            (true, typed(Status::Unavailable, "ASTERISK_UNAVAILABLE"))
        }
        Failure::Asterisk(HttpError::Busy) => (true, typed(Status::Unavailable, "ASTERISK_BUSY")),
        // Nobody knows how far it came; asking again is harmless.
        Failure::Asterisk(HttpError::Path | HttpError::Lost(_) | HttpError::Timeout)
        | Failure::Refused(_) => (false, Response::bare(500)),
    };
    let (url, error) = (asterisk.url(), failure as &dyn std::error::Error);
    if is_ordinary {
        tracing::debug!(url, file, error, "a recording's file was not moved");
    } else {
        tracing::warn!(url, file, error, "a recording's file was not moved");
    }
    response
}
