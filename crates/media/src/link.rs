//! URLs of files in the media folder, for Asterisk.

use std::sync::Arc;

use crate::name::Name;
use crate::sign::Signer;

/// Makes URLs.
#[derive(Debug, Clone)]
pub struct Links {
    signer: Arc<Signer>,
    /// Such as `http://127.0.0.1:8080`, without a `/` at its end.
    base: String,
    /// How long a URL may be used at least, seconds.
    lifetime: u64,
}

impl Links {
    /// URLs below `base` that may be used for `lifetime` seconds at least, and at
    /// most for twice as long.
    #[must_use]
    pub fn new(signer: Arc<Signer>, base: &str, lifetime: u64) -> Self {
        Self {
            signer,
            base: base.trim_end_matches('/').to_owned(),
            lifetime: lifetime.max(1),
        }
    }

    /// The URL of a file at `now`, in seconds since the Unix epoch. It stays the
    /// same for a while: Asterisk keeps what it fetched by its URL.
    #[must_use]
    pub fn url(&self, name: &Name, now: u64) -> String {
        let expiry = (now / self.lifetime + 2).saturating_mul(self.lifetime);
        format!("{}{}", self.base, self.signer.path(name, expiry))
    }

    /// Where the URLs lead.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_stays_the_same_and_is_long_enough_for_asterisk() {
        let signer = Arc::new(Signer::new([1; 32]));
        let links = Links::new(Arc::clone(&signer), "http://127.0.0.1:8080/", 100);
        let name = Name::parse("speech/a.wav").unwrap();
        let url = links.url(&name, 1_000);
        assert!(
            url.starts_with("http://127.0.0.1:8080/media/1200/"),
            "{url}"
        );
        assert!(url.ends_with("/speech/a.wav"), "{url}");
        assert_eq!(links.url(&name, 1_099), url);
        assert_ne!(links.url(&name, 1_100), url);
        // Chapter 04 §8.5: a short URL is fetched and cannot be played.
        assert!(url.len() > 100, "{url}");
    }
}
