//! The folder itself: whole files or none, never to the last byte of the disk.

use std::fs::{self, DirBuilder, File, FileTimes};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{NamedTempFile, TempDir};

use crate::error::Error;
use crate::name::{Folder, Name};

/// Where files are that have no name yet.
const UNFINISHED: &str = "unfinished";
/// Age after which such a file is what somebody left who died.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes between two looks at the room that is left.
const LOOK_EVERY: u64 = 4 << 20;

/// The media folder of this machine.
#[derive(Debug, Clone)]
pub struct MediaFolder {
    root: PathBuf,
    min_free_bytes: u64,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: Name,
    pub bytes: u64,
    /// When it was written, or last used where somebody notes that.
    pub used: SystemTime,
}

impl MediaFolder {
    /// Makes the folder when it is missing, and removes what somebody left
    /// unfinished a day ago. `min_free_bytes` of the disk stay free.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the system refuses.
    pub fn open(root: &Path, min_free_bytes: u64) -> Result<Self, Error> {
        let root = std::path::absolute(root).map_err(Error::io("find", root))?;
        let own = Folder::ALL.map(Folder::as_str);
        for folder in own.into_iter().chain([UNFINISHED]) {
            let path = root.join(folder);
            make(&path).map_err(Error::io("make the folder", &path))?;
        }
        let folder = Self {
            root,
            min_free_bytes,
        };
        folder.clear_left_behind()?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file of this name is, or would be.
    #[must_use]
    pub fn path(&self, name: &Name) -> PathBuf {
        self.root.join(name.folder().as_str()).join(name.file())
    }

    /// Begins a file of about `expected_bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] when there is no room for it.
    pub fn begin(&self, expected_bytes: u64) -> Result<Incoming, Error> {
        self.need_room(expected_bytes)?;
        let unfinished = self.root.join(UNFINISHED);
        let file = NamedTempFile::new_in(&unfinished);
        Ok(Incoming {
            folder: self.clone(),
            file: file.map_err(Error::io("write into", &unfinished))?,
            bytes: 0,
            looked_at: 0,
        })
    }

    /// Writes a whole file; one of this name is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::is_full`] tells whether there is no room.
    pub fn write(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        let mut incoming = self.begin(bytes.len() as u64)?;
        incoming.write(bytes)?;
        incoming.finish(name)
    }

    /// A folder for somebody's work, gone when it is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] when there is no room for `expected_bytes`.
    pub fn work_folder(&self, expected_bytes: u64) -> Result<TempDir, Error> {
        self.need_room(expected_bytes)?;
        let unfinished = self.root.join(UNFINISHED);
        TempDir::new_in(&unfinished).map_err(Error::io("make a folder in", &unfinished))
    }

    /// Whether there is such a file, and how large it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the system does not tell.
    pub fn find(&self, name: &Name) -> Result<Option<Entry>, Error> {
        let path = self.path(name);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Some(entry(name.clone(), &found))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &path)(error)),
        }
    }

    /// Notes that a file was used; only the order of [`MediaFolder::list`] depends
    /// on it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it is gone, or the system refuses.
    pub fn touch(&self, name: &Name, used: SystemTime) -> Result<(), Error> {
        let path = self.path(name);
        File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_times(FileTimes::new().set_modified(used)))
            .map_err(Error::io("touch", &path))
    }

    /// Removes a file. Whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it stays.
    pub fn remove(&self, name: &Name) -> Result<bool, Error> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => {
                let within = self.root.join(name.folder().as_str());
                sync_folder(&within).map_err(Error::io("sync", &within))?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", &path)(error)),
        }
    }

    /// The files of a folder, the one that was not used for the longest time first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the folder cannot be read.
    pub fn list(&self, folder: Folder) -> Result<Vec<Entry>, Error> {
        let path = self.root.join(folder.as_str());
        let mut entries = Vec::new();
        for found in fs::read_dir(&path).map_err(Error::io("read", &path))? {
            let found = found.map_err(Error::io("read", &path))?;
            let file = found.file_name();
            let name = file.to_str().and_then(|file| Name::new(folder, file).ok());
            // What goes away meanwhile, and what is not ours, is not listed.
            if let (Some(name), Ok(about)) = (name, found.metadata())
                && about.is_file()
            {
                entries.push(entry(name, &about));
            }
        }
        entries.sort_by(|one, other| {
            (one.used, one.name.file()).cmp(&(other.used, other.name.file()))
        });
        Ok(entries)
    }

    /// Bytes that this user may still write to the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the system does not tell.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        let disk = rustix::fs::statvfs(&self.root)
            .map_err(|error| Error::io("look at the disk of", &self.root)(error.into()))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Bytes of the disk that stay free.
    #[must_use]
    pub fn min_free_bytes(&self) -> u64 {
        self.min_free_bytes
    }

    fn need_room(&self, bytes: u64) -> Result<(), Error> {
        let free_bytes = self.free_bytes()?;
        let wanted_bytes = self.min_free_bytes.saturating_add(bytes);
        if free_bytes >= wanted_bytes {
            return Ok(());
        }
        Err(Error::Full {
            folder: self.root.clone(),
            free_bytes,
            wanted_bytes,
        })
    }

    fn clear_left_behind(&self) -> Result<(), Error> {
        let unfinished = self.root.join(UNFINISHED);
        let read = fs::read_dir(&unfinished).map_err(Error::io("read", &unfinished))?;
        for found in read.flatten() {
            let Ok(about) = found.metadata() else {
                continue;
            };
            let age = about.modified().ok().and_then(|at| at.elapsed().ok());
            if age.is_none_or(|age| age < LEFT_BEHIND) {
                continue;
            }
            let path = found.path();
            let removed = if about.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }
}

/// A file that has no name yet; gone when it is dropped.
#[derive(Debug)]
pub struct Incoming {
    folder: MediaFolder,
    file: NamedTempFile,
    bytes: u64,
    looked_at: u64,
}

impl Incoming {
    /// Writes more of it.
    ///
    /// # Errors
    ///
    /// [`Error::is_full`] tells whether there is no room.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.bytes.saturating_sub(self.looked_at) >= LOOK_EVERY {
            self.folder.need_room(bytes.len() as u64)?;
            self.looked_at = self.bytes;
        }
        let written = self.file.write_all(bytes);
        written.map_err(Error::io("write", self.file.path()))?;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Bytes that were written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts it onto the disk and gives it its name; one that has it is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::is_full`] tells whether there is no room.
    pub fn finish(self, name: &Name) -> Result<(), Error> {
        let path = self.folder.path(name);
        let synced = self.file.as_file().sync_all();
        synced.map_err(Error::io("write", self.file.path()))?;
        let named = self.file.persist(&path);
        named.map_err(|error| Error::io("name", &path)(error.error))?;
        let within = self.folder.root.join(name.folder().as_str());
        sync_folder(&within).map_err(Error::io("sync", &within))
    }
}

fn entry(name: Name, about: &fs::Metadata) -> Entry {
    Entry {
        name,
        bytes: about.len(),
        used: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    }
}

/// Nobody but the owner may read what is inside.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A name is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> Name {
        Name::parse(path).unwrap()
    }

    #[test]
    fn a_file_is_there_as_a_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let folder = MediaFolder::open(&root.path().join("a/media"), 0).unwrap();
        let file = name("recording/r_in.wav");
        let mut begun = folder.begin(3).unwrap();
        begun.write(b"one").unwrap();
        assert_eq!(folder.find(&file).unwrap(), None);
        drop(begun);
        assert_eq!(left_in(&folder.root().join(UNFINISHED)), 0);

        folder.write(&file, b"two").unwrap();
        folder.write(&file, b"three").unwrap();
        assert_eq!(fs::read(folder.path(&file)).unwrap(), b"three");
        assert_eq!(folder.find(&file).unwrap().unwrap().bytes, 5);
        assert!(folder.remove(&file).unwrap());
        assert!(!folder.remove(&file).unwrap());
        assert_eq!(left_in(folder.root()), 3);
    }

    #[test]
    fn what_would_leave_too_little_room_is_not_written() {
        let root = tempfile::tempdir().unwrap();
        let folder = MediaFolder::open(root.path(), 0).unwrap();
        let room = folder.free_bytes().unwrap();
        let full = MediaFolder::open(root.path(), room + (1 << 30)).unwrap();
        let file = name("speech/a.wav");
        let refused = full.write(&file, b"one").unwrap_err();
        assert!(refused.is_full(), "{refused}");
        let text = refused.to_string();
        assert!(text.contains("bytes are free"), "{text}");
        assert_eq!(folder.find(&file).unwrap(), None);
        assert!(full.work_folder(1).unwrap_err().is_full());
        let no_space = Error::io("write", root.path())(io::ErrorKind::StorageFull.into());
        assert!(no_space.is_full());
    }

    #[test]
    fn files_are_listed_by_their_last_use() {
        let root = tempfile::tempdir().unwrap();
        let folder = MediaFolder::open(root.path(), 0).unwrap();
        let files = ["speech/a.wav", "speech/b.wav", "speech/c.wav"].map(name);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        for (file, second) in files.iter().zip([2, 1, 3]) {
            folder.write(file, b"x").unwrap();
            folder
                .touch(file, start + Duration::from_secs(second))
                .unwrap();
        }
        fs::write(root.path().join("speech/.not ours"), b"x").unwrap();
        let listed = folder.list(Folder::Speech).unwrap();
        let listed: Vec<&str> = listed.iter().map(|entry| entry.name.file()).collect();
        assert_eq!(listed, ["b.wav", "a.wav", "c.wav"]);
        assert!(folder.list(Folder::Recording).unwrap().is_empty());
    }

    #[test]
    fn what_somebody_left_unfinished_goes_after_a_day() {
        let root = tempfile::tempdir().unwrap();
        MediaFolder::open(root.path(), 0).unwrap();
        let unfinished = root.path().join(UNFINISHED);
        for (file, age) in [("old", LEFT_BEHIND * 2), ("young", Duration::ZERO)] {
            let file = File::create(unfinished.join(file)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        MediaFolder::open(root.path(), 0).unwrap();
        assert!(!unfinished.join("old").exists());
        assert!(unfinished.join("young").exists());
    }

    fn left_in(path: &Path) -> usize {
        fs::read_dir(path).unwrap().count()
    }
}
