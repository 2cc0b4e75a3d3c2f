//! Why the media folder did not do what it was asked.

use std::io;
use std::path::{Path, PathBuf};

/// What a caller can act on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the name of a file in the media folder.
    #[error("`{0}` is not the name of a file in the media folder")]
    Name(String),
    /// There is no room: the disk is full, or nearly.
    #[error(
        "no room in the media folder `{}`: {free_bytes} bytes are free and {wanted_bytes} must be; \
         delete something, or put the folder on a larger disk",
        .folder.display()
    )]
    Full {
        folder: PathBuf,
        free_bytes: u64,
        /// What must be free, what is to be written included.
        wanted_bytes: u64,
    },
    /// The system refuses.
    #[error("failed to {what} `{}`", .path.display())]
    Io {
        /// Such as `write`.
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file that holds the secret holds something else.
    #[error("`{}` holds no secret for URLs; remove it, and a new one is made", .0.display())]
    Secret(PathBuf),
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether there is no room: it may be there later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            Self::Name(_) | Self::Secret(_) => false,
        }
    }
}
