//! The data folder: made when it is missing, and one process's at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Name of the file whose lock says that the folder is in use.
const LOCK: &str = "trunkline.lock";

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made or written to.
    #[error(
        "cannot write to the data folder `{}` (option `data_dir`); make it writable for this user, or name another one",
        .path.display()
    )]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "another Trunkline ({holder}) uses the data folder `{}`; stop it, or give this one another `data_dir`",
        .path.display()
    )]
    InUse { path: PathBuf, holder: String },
}

/// The folder, ours until this is dropped. The system drops the lock when the
/// process dies, however it dies.
#[derive(Debug)]
pub(crate) struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the folder when it is missing and takes its lock. Blocks.
    pub(crate) fn take(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Write {
            path: path.to_owned(),
            source,
        };
        make(path).map_err(failed)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse {
                    path: path.to_owned(),
                    holder: holder(&mut lock),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        write_holder(&mut lock).map_err(failed)?;
        Ok(Self { _lock: lock })
    }
}

/// Nobody but the owner may read what is inside.
fn make(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn write_holder(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

/// The process that has the lock, for the message only.
fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.take(16).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(process)) => format!("process {process}"),
        (Ok(_) | Err(_), _) => "an unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_has_one_owner_and_is_free_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = DataDir::take(&path).unwrap();
        let refused = DataDir::take(&path).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(first);
        DataDir::take(&path).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_with_its_option() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = DataDir::take(&file.path().join("data"))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("data_dir") && refused.contains("cannot write"),
            "{refused}"
        );
    }
}
