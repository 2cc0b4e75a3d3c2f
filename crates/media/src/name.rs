//! Names of files in the media folder: a known folder and one plain piece, so that
//! no name leads out of it.

use std::fmt;

use crate::error::Error;

/// Longest name without its folder. File systems allow 255 bytes.
const LONGEST: usize = 200;

/// A folder in the media folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Folder {
    /// What the speech engine spoke; can be made again at any time.
    Speech,
    /// What was recorded; there is no other copy.
    Recording,
}

impl Folder {
    /// Every folder.
    pub const ALL: [Self; 2] = [Self::Speech, Self::Recording];

    /// Its name, in paths and in URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::Recording => "recording",
        }
    }
}

/// The name of a file, such as `recording/call_x_in.wav`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    folder: Folder,
    file: String,
}

impl Name {
    /// The file `file` of `folder`.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] when it is not letters, digits and `. _ : + -`, does not
    /// begin with a letter or digit, or is too long.
    pub fn new(folder: Folder, file: &str) -> Result<Self, Error> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:+-".contains(&byte);
        let begins_well = file.starts_with(|first: char| first.is_ascii_alphanumeric());
        if begins_well && file.len() <= LONGEST && file.bytes().all(is_plain) {
            let file = file.to_owned();
            Ok(Self { folder, file })
        } else {
            Err(Error::Name(file.chars().take(LONGEST).collect()))
        }
    }

    /// Reads `<folder>/<file>`.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] when there is no such folder, and as [`Name::new`].
    pub fn parse(path: &str) -> Result<Self, Error> {
        let (folder, file) = path.split_once('/').unwrap_or((path, ""));
        let known = Folder::ALL.into_iter().find(|it| it.as_str() == folder);
        let folder = known.ok_or_else(|| Error::Name(path.chars().take(LONGEST).collect()))?;
        Self::new(folder, file)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> Folder {
        self.folder
    }

    /// Without its folder.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.folder.as_str(), self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for path in [
            "speech/0123456789abcdef0123456789abcdef01234567.wav",
            "recording/call_d883b1d8-8ccc-11ed-9f1e-2b1f5f6d4e31_2023-01-05T14:58:05Z_in.wav",
        ] {
            assert_eq!(Name::parse(path).unwrap().to_string(), path);
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let long = format!("speech/{}", "a".repeat(201));
        for path in [
            "",
            "speech",
            "speech/",
            "speech/.",
            "speech/..",
            "speech/../../etc/passwd",
            "speech/a/b",
            "/speech/a",
            "../speech/a",
            "other/a.wav",
            "speech/.hidden",
            "speech/-o",
            "speech/a b",
            "speech/a%2Fb",
            "speech/a\\b",
            "speech/a\0b",
            "speech/ä.wav",
            &long,
        ] {
            assert!(matches!(Name::parse(path), Err(Error::Name(_))), "{path}");
        }
    }
}
