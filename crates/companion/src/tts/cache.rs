//! What was spoken is kept, as much as there is room for; what was not used for the
//! longest time goes first.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use trunkline_media::{Folder, MediaFolder, Name};

use super::failure::Failure;

/// A sound that was used so recently stays: its URL was given out, and Asterisk has
/// not fetched it yet.
const JUST_USED: Duration = Duration::from_secs(60);
/// Time between two notes that a sound is used.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// The sounds in the media folder. Every function blocks.
pub(super) struct Cache {
    folder: MediaFolder,
    max_bytes: u64,
    /// Size of all of them; none before the first look.
    bytes: Mutex<Option<u64>>,
}

impl Cache {
    pub(super) fn new(folder: MediaFolder, max_bytes: u64) -> Self {
        Self {
            folder,
            max_bytes,
            bytes: Mutex::default(),
        }
    }

    pub(super) fn folder(&self) -> &MediaFolder {
        &self.folder
    }

    /// Whether it is there; it counts as used then.
    pub(super) fn has(&self, name: &Name) -> Result<bool, Failure> {
        let Some(found) = self.folder.find(name)? else {
            return Ok(false);
        };
        let now = SystemTime::now();
        let is_noted = now
            .duration_since(found.used)
            .is_ok_and(|ago| ago < NOTE_EVERY);
        if !is_noted {
            // It may just have gone; then it is made again.
            return Ok(self.folder.touch(name, now).is_ok());
        }
        Ok(true)
    }

    /// Keeps a sound, and removes others when there are too many.
    pub(super) fn keep(&self, name: &Name, sound: &[u8]) -> Result<(), Failure> {
        let size = sound.len() as u64;
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match *bytes {
            Some(known) => known,
            None => self.measure()?,
        };
        let left = if known.saturating_add(size) > self.max_bytes {
            self.make_room(size)?
        } else {
            known
        };
        self.folder.write(name, sound)?;
        *bytes = Some(left.saturating_add(size));
        Ok(())
    }

    fn measure(&self) -> Result<u64, Failure> {
        let sounds = self.folder.list(Folder::Speech)?;
        Ok(sounds.iter().map(|sound| sound.bytes).sum())
    }

    /// Removes the oldest until a tenth is free besides; what is left.
    fn make_room(&self, size: u64) -> Result<u64, Failure> {
        let wanted = (self.max_bytes / 10 * 9).saturating_sub(size);
        let mut left = self.measure()?;
        let now = SystemTime::now();
        for sound in self.folder.list(Folder::Speech)? {
            let ago = now.duration_since(sound.used).unwrap_or_default();
            if left <= wanted || ago < JUST_USED {
                break;
            }
            self.folder.remove(&sound.name)?;
            left = left.saturating_sub(sound.bytes);
        }
        if left.saturating_add(size) > self.max_bytes {
            return Err(Failure::CacheFull);
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u64) -> Name {
        Name::new(Folder::Speech, &format!("{n:040x}.wav")).unwrap()
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let root = tempfile::tempdir().unwrap();
        let folder = MediaFolder::open(root.path(), 0).unwrap();
        let cache = Cache::new(folder.clone(), 1_000);
        for n in 0..9 {
            cache.keep(&name(n), &[0; 100]).unwrap();
            let ago = Duration::from_secs(1_000 - n * 10);
            folder.touch(&name(n), SystemTime::now() - ago).unwrap();
        }
        // The oldest one is used again, so it is the youngest.
        assert!(cache.has(&name(0)).unwrap());
        cache.keep(&name(9), &[0; 200]).unwrap();
        let left: Vec<bool> = (0..10).map(|n| cache.has(&name(n)).unwrap()).collect();
        let expected = [true, false, false, true, true, true, true, true, true, true];
        assert_eq!(left, expected);
        // Another process has the same folder, and knows what is there.
        let other = Cache::new(folder, 1_000);
        assert!(matches!(
            other.keep(&name(10), &[0; 900]),
            Err(Failure::CacheFull)
        ));
    }

    #[test]
    fn what_was_just_used_stays_and_nothing_is_kept_beyond_the_bound() {
        let root = tempfile::tempdir().unwrap();
        let folder = MediaFolder::open(root.path(), 0).unwrap();
        let cache = Cache::new(folder, 150);
        cache.keep(&name(1), &[0; 100]).unwrap();
        assert!(matches!(
            cache.keep(&name(2), &[0; 100]),
            Err(Failure::CacheFull)
        ));
        assert!(cache.has(&name(1)).unwrap() && !cache.has(&name(2)).unwrap());
    }
}
