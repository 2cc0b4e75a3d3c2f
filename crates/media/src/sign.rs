//! Signatures of URLs: whoever has one may read one file, until it expires.
//!
//! Asterisk fetches sounds without a token, so the permission is in the URL:
//! HMAC-SHA256 over the time at which it ends and the file's name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use rand::Rng as _;
use sha2::Sha256;

use crate::error::Error;
use crate::name::Name;

const KEY_BYTES: usize = 32;

/// Why a URL may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It was ours, and its time has passed.
    Expired,
    /// It is not ours, or was changed.
    Invalid,
}

/// Signs and checks. Its secret never leaves it.
pub struct Signer {
    key: [u8; KEY_BYTES],
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// With this secret.
    #[must_use]
    pub fn new(key: [u8; KEY_BYTES]) -> Self {
        Self { key }
    }

    /// With the secret in `file`; it is made when the file is missing, and nobody
    /// but the owner may read it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or holds something else.
    pub fn open(file: &Path) -> Result<Self, Error> {
        match fs::read_to_string(file) {
            Ok(text) => {
                let key = from_hex(text.trim()).ok_or_else(|| Error::Secret(file.to_owned()))?;
                Ok(Self { key })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; KEY_BYTES];
                rand::rng().fill_bytes(&mut key);
                match keep(file, &key) {
                    Ok(()) => Ok(Self { key }),
                    // Another process that shares it was first; theirs is whole.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::open(file),
                    Err(error) => Err(Error::io("write", file)(error)),
                }
            }
            Err(error) => Err(Error::io("read", file)(error)),
        }
    }

    /// The path of a URL that may be used until `expiry`, in seconds since the Unix
    /// epoch: `/media/<expiry>/<signature>/<name>`.
    #[must_use]
    pub fn path(&self, name: &Name, expiry: u64) -> String {
        let signature = hex(&self.mac(&name.to_string(), expiry).finalize().into_bytes());
        format!("/media/{expiry}/{signature}/{name}")
    }

    /// The file that a URL names, when it may be used at `now`. The signature is
    /// compared in constant time, and before anything is said of the rest.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub fn check(
        &self,
        expiry: &str,
        signature: &str,
        path: &str,
        now: u64,
    ) -> Result<Name, Refused> {
        let until: u64 = expiry.parse().map_err(|_| Refused::Invalid)?;
        // One spelling only: `+1` and `01` are numbers too.
        let signature = from_hex(signature).filter(|_| until.to_string() == expiry);
        let signature = signature.ok_or(Refused::Invalid)?;
        self.mac(path, until)
            .verify_slice(&signature)
            .map_err(|_| Refused::Invalid)?;
        let name = Name::parse(path).map_err(|_| Refused::Invalid)?;
        if now >= until {
            return Err(Refused::Expired);
        }
        Ok(name)
    }

    fn mac(&self, path: &str, expiry: u64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key may have any length");
        mac.update(format!("{expiry}\n{path}").as_bytes());
        mac
    }
}

/// Writes the secret, unless another process was first. The file has its name only
/// when it is whole: several processes may start at once.
fn keep(file: &Path, key: &[u8]) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Nobody but the owner may read it.
    let mut made = tempfile::NamedTempFile::new_in(folder)?;
    made.write_all(hex(key).as_bytes())?;
    made.as_file().sync_all()?;
    made.persist_noclobber(file)
        .map_err(|failed| failed.error)?;
    File::open(folder)?.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case hexadecimal digits only.
fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; KEY_BYTES];
    if text.len() != 2 * KEY_BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = 16 * digit(pair[0])? + digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "speech/0123456789abcdef0123456789abcdef01234567.wav";

    fn pieces(path: &str) -> [String; 3] {
        let rest = path.strip_prefix("/media/").unwrap();
        let mut pieces = rest.splitn(3, '/').map(str::to_owned);
        std::array::from_fn(|_| pieces.next().unwrap())
    }

    #[test]
    fn a_url_is_good_until_it_expires() {
        let signer = Signer::new([7; 32]);
        let name = Name::parse(NAME).unwrap();
        let [expiry, signature, path] = pieces(&signer.path(&name, 1_000));
        assert_eq!(signer.check(&expiry, &signature, &path, 999), Ok(name));
        let late = signer.check(&expiry, &signature, &path, 1_000);
        assert_eq!(late, Err(Refused::Expired));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let signer = Signer::new([7; 32]);
        let name = Name::parse(NAME).unwrap();
        let [expiry, signature, path] = pieces(&signer.path(&name, 1_000));
        let other_file = path.replace("0123", "0124");
        let last = if signature.ends_with('0') { '1' } else { '0' };
        let other_signature = format!("{}{last}", &signature[..63]);
        let upper = signature.to_uppercase();
        let traversal = "speech/../media.key";
        for (expiry, signature, path) in [
            ("1001", signature.as_str(), path.as_str()),
            ("01000", &signature, &path),
            ("+1000", &signature, &path),
            ("", &signature, &path),
            (&expiry, &other_signature, &path),
            (&expiry, &upper, &path),
            (&expiry, "", &path),
            (&expiry, &signature[..62], &path),
            (&expiry, &signature, &other_file),
            (&expiry, &signature, traversal),
        ] {
            let refused = signer.check(expiry, signature, path, 0);
            assert_eq!(
                refused,
                Err(Refused::Invalid),
                "{expiry} {signature} {path}"
            );
        }
        let other = Signer::new([8; 32]);
        let refused = other.check(&expiry, &signature, &path, 0);
        assert_eq!(refused, Err(Refused::Invalid));
    }

    #[test]
    fn processes_that_start_at_once_share_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("media.key");
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let file = file.clone();
                std::thread::spawn(move || Signer::open(&file).unwrap().key)
            })
            .collect();
        let keys: Vec<_> = openers.into_iter().map(|it| it.join().unwrap()).collect();
        assert!(keys.iter().all(|key| *key == keys[0]));
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing but the key is left");
    }

    /// A signature says nothing about which names are allowed.
    #[test]
    fn a_signed_path_that_leads_out_of_the_folder_is_refused() {
        let signer = Signer::new([7; 32]);
        for path in ["speech/../x", "../x", "/etc/passwd", "data/x"] {
            let signature = hex(&signer.mac(path, 5).finalize().into_bytes());
            assert_eq!(
                signer.check("5", &signature, path, 0),
                Err(Refused::Invalid)
            );
        }
    }

    #[test]
    fn the_secret_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("media.key");
        let name = Name::parse(NAME).unwrap();
        let first = Signer::open(&file).unwrap().path(&name, 9);
        assert_eq!(Signer::open(&file).unwrap().path(&name, 9), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(&file, "nothing").unwrap();
        assert!(matches!(Signer::open(&file), Err(Error::Secret(_))));
        fs::remove_file(&file).unwrap();
        assert_ne!(Signer::open(&file).unwrap().path(&name, 9), first);
    }
}
