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
        "another Trunkline ({holder}) uses the data folder `{}`; stop it, or give this one another folder (--data-dir, option `data_dir`)",
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

/// How a data folder is found.
#[derive(Debug)]
pub enum DataDirState {
    /// It will be made by the first start.
    Missing,
    /// It is there and nobody uses it.
    Free,
    /// Another process has it.
    InUse { holder: String },
    /// It cannot be used.
    Unusable(std::io::Error),
}

/// Looks at a data folder. Blocks.
#[must_use]
pub fn look(path: &Path) -> DataDirState {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return DataDirState::Missing;
        }
        Err(error) => return DataDirState::Unusable(error),
        Ok(data) if !data.is_dir() => {
            return DataDirState::Unusable(std::io::ErrorKind::NotADirectory.into());
        }
        Ok(_) => {}
    }
    match try_lock(path) {
        Ok(None) => DataDirState::Free,
        Ok(Some(holder)) => DataDirState::InUse { holder },
        Err(error) => DataDirState::Unusable(error),
    }
}

/// The holder of the lock, if it has one; tries whether files can be written.
fn try_lock(path: &Path) -> std::io::Result<Option<String>> {
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path.join(LOCK));
    match lock {
        Ok(mut lock) => match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Some(holder(&mut lock))),
            Err(TryLockError::Error(error)) => return Err(error),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let probe = path.join(format!("trunkline.probe-{}", std::process::id()));
    File::create_new(&probe)?;
    std::fs::remove_file(&probe)?;
    Ok(None)
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
    fn a_look_says_how_it_is_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        assert!(matches!(look(&path), DataDirState::Missing));
        assert!(!path.exists());
        let owner = DataDir::take(&path).unwrap();
        let DataDirState::InUse { holder } = look(&path) else {
            panic!("it is in use");
        };
        assert_eq!(holder, format!("process {}", std::process::id()));
        drop(owner);
        assert!(matches!(look(&path), DataDirState::Free));
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1, "the lock");
        let file = path.join(LOCK);
        assert!(matches!(look(&file), DataDirState::Unusable(_)));
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
