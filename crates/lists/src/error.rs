//! Why a list was not imported.

use std::path::PathBuf;

/// Why a list was not imported, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or that of the refused lines not be written.
    #[error("cannot {act} `{}`", path.display())]
    File {
        act: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// There is no line in it.
    #[error("`{}` is empty", .0.display())]
    Empty(PathBuf),
    /// The options do not fit the file.
    #[error("{message}")]
    Usage { message: String, next: String },
    /// The API says no, and will not say yes later.
    #[error("{0}")]
    Refused(String),
    /// The API was busy or away for too long.
    #[error("gave up after {waited_s} s: {why}")]
    GaveUp { waited_s: u64, why: String },
}

impl Error {
    pub(crate) fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            next: next.into(),
        }
    }
}
