//! The section `media`: the folder of sounds, who reaches it how, and what it may
//! cost. The roles' own options are made of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkline_asterisk_proxy::Recordings;
use trunkline_companion::storage::Retention;

use super::{Config, Problem, Role};

/// Files that one look of the retention takes at once.
const RETENTION_BATCH: u32 = 100;

/// Speech and recordings as files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The folder; empty = `media` in the data folder.
    pub folder: PathBuf,
    /// File of the key that links are signed with; empty = `media.key` in the data
    /// folder. Processes that share the folder share the key.
    pub key_file: PathBuf,
    /// Where Asterisk reaches the gateway, such as `http://10.0.0.5:8080`; empty =
    /// the gateway's own address.
    pub public_url: String,
    /// How long a link to a sound may be used at least, seconds.
    pub url_lifetime_s: u64,
    /// Sounds, and recordings, that are sent at the same time.
    pub downloads_at_once: usize,
    /// Bytes of the disk that stay free.
    pub min_free_bytes: u64,
    /// Days that recordings are kept; 0 = for ever.
    pub recording_retention_days: u64,
    /// Time between two looks for recordings that are old enough to go,
    /// milliseconds.
    pub recording_sweep_interval_ms: u64,
    /// Largest file of a recording, bytes.
    pub recording_max_bytes: u64,
    /// Longest time for bringing one file over from Asterisk, milliseconds.
    pub recording_move_timeout_ms: u64,
    /// Files of one Asterisk that are brought over at the same time.
    pub recording_moves_at_once: usize,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            key_file: PathBuf::new(),
            public_url: String::new(),
            url_lifetime_s: 86_400,
            downloads_at_once: 64,
            min_free_bytes: 268_435_456,
            recording_retention_days: 0,
            recording_sweep_interval_ms: 600_000,
            recording_max_bytes: 1_073_741_824,
            recording_move_timeout_ms: 60_000,
            recording_moves_at_once: 4,
        }
    }
}

impl Media {
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            recording_days: self.recording_retention_days,
            interval: Duration::from_millis(self.recording_sweep_interval_ms),
            batch: RETENTION_BATCH,
        }
    }
}

impl Config {
    /// The file of the key that links are signed with.
    pub(crate) fn media_key(&self) -> PathBuf {
        if self.media.key_file.as_os_str().is_empty() {
            return self.data_dir.join("media.key");
        }
        self.media.key_file.clone()
    }

    /// The media folder.
    #[must_use]
    pub fn media_folder(&self) -> PathBuf {
        if self.media.folder.as_os_str().is_empty() {
            return self.data_dir.join("media");
        }
        self.media.folder.clone()
    }

    pub(crate) fn recordings(&self) -> Recordings {
        Recordings {
            folder: self.media_folder(),
            min_free_bytes: self.media.min_free_bytes,
            max_bytes: self.media.recording_max_bytes,
            timeout_ms: self.media.recording_move_timeout_ms,
            at_once: self.media.recording_moves_at_once,
        }
    }

    /// Where Asterisk finds the media endpoint; `gateway` is the gateway's address
    /// with the port that was taken.
    pub(crate) fn media_url(&self, gateway: Option<SocketAddr>) -> String {
        match gateway {
            Some(address) if self.media.public_url.is_empty() => format!("http://{address}"),
            Some(_) | None => self.media.public_url.clone(),
        }
    }

    pub(super) fn check_media(&self, problems: &mut Vec<Problem>) {
        let mut wrong = |problem: String| {
            problems.push(Problem::new("media.public_url", problem));
        };
        let url = &self.media.public_url;
        if !url.is_empty() {
            let rest = url
                .strip_prefix("http://")
                .or_else(|| url.strip_prefix("https://"));
            let is_good = rest.is_some_and(|rest| {
                !rest.is_empty()
                    && !rest.starts_with('/')
                    && !rest.contains(['?', '#', '@', ' ', ','])
            });
            if !is_good {
                wrong(format!(
                    "is `{url}`; it must be a URL such as http://10.0.0.5:8080"
                ));
            }
            return;
        }
        if !self.runs(Role::TtsManager) {
            return;
        }
        if !self.runs(Role::Gateway) {
            wrong("is empty, and no gateway runs here; say where Asterisk reaches the one that serves sounds".to_owned());
        } else if self.gateway.listen.ip().is_unspecified() {
            let listen = self.gateway.listen;
            wrong(format!(
                "is empty, and `gateway.listen` is {listen}, which is no address that Asterisk could ask: \
                 set it to this machine's address as Asterisk sees it, such as http://10.0.0.5:{}",
                listen.port()
            ));
        }
    }
}
