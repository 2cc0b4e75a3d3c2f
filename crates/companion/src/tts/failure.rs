//! Why a text was not spoken, in words for whoever reads the log of a call.

use std::sync::Arc;

use trunkline_bus::Refusal;
use trunkline_media::wav;
use trunkline_model::error::Status;
use trunkline_model::service::Service;

use crate::error;

/// Why there is no sound. Says nothing of the text.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Asked(String),
    #[error(
        "the speech engine `{0}` is not there: install it (package espeak-ng), or name another one \
         with the option `tts.command` or `tts.url`"
    )]
    Missing(String),
    #[error("the speech engine `{program}` cannot be started: {why}")]
    Start { program: String, why: String },
    #[error("the speech engine `{program}` failed ({status}): {said}")]
    Exit {
        program: String,
        status: String,
        /// The beginning of what it said.
        said: String,
    },
    #[error("the speech engine was not done within {0} ms (option `tts.timeout_ms`)")]
    TimedOut(u64),
    #[error("too many texts wait to be spoken (options `tts.concurrent` and `tts.max_waiting`)")]
    Busy,
    #[error("the speech engine gave more than {0} bytes (option `tts.max_output_bytes`)")]
    TooLarge(u64),
    #[error("what the speech engine gave is no sound: {0}")]
    Rubbish(#[from] wav::Error),
    #[error("the speech engine at `tts.url` answered with status {0}")]
    Status(u16),
    #[error("the speech engine at `tts.url` did not answer: {0}")]
    Away(String),
    #[error("the sounds that are kept were all used a moment ago (option `tts.cache_max_bytes`)")]
    CacheFull,
    #[error("{0}")]
    Folder(Arc<trunkline_media::Error>),
    #[error("tts-manager is stopping")]
    Stopping,
}

impl From<trunkline_media::Error> for Failure {
    fn from(error: trunkline_media::Error) -> Self {
        Self::Folder(Arc::new(error))
    }
}

impl Failure {
    fn class(&self) -> (Status, &'static str) {
        match self {
            Self::Asked(_) => (Status::InvalidArgument, "INVALID_SPEECH"),
            Self::Missing(_) | Self::Start { .. } => {
                (Status::FailedPrecondition, "SPEECH_ENGINE_MISSING")
            }
            Self::Exit { .. } | Self::TooLarge(_) | Self::Rubbish(_) | Self::Status(_) => {
                (Status::Unavailable, "SPEECH_ENGINE_FAILED")
            }
            Self::TimedOut(_) => (Status::Unavailable, "SPEECH_ENGINE_TIMEOUT"),
            Self::Away(_) | Self::Stopping => (Status::Unavailable, "SPEECH_ENGINE_UNAVAILABLE"),
            Self::Busy | Self::CacheFull => (Status::ResourceExhausted, "SPEECH_BUSY"),
            Self::Folder(error) if error.is_full() => (Status::ResourceExhausted, "DISK_FULL"),
            Self::Folder(_) => (Status::Internal, "MEDIA_FOLDER_FAILED"),
        }
    }

    /// What the asker is told.
    pub(crate) fn refusal(&self) -> Refusal {
        let (status, reason) = self.class();
        error::typed(Service::TTS, status, reason, &self.to_string())
    }

    /// The value of the metric's label.
    pub(crate) fn label(&self) -> &'static str {
        self.class().1
    }

    /// Whether another voice may help.
    pub(crate) fn may_be_the_voice(&self) -> bool {
        matches!(self, Self::Exit { .. })
    }
}
