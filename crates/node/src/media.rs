//! The media folder of a node, and the secret of its links.

use std::net::SocketAddr;
use std::sync::Arc;

use trunkline_media::{Error as MediaError, Links, MediaFolder, Signer};

use crate::config::{Config, Role};
use crate::error::Error;

/// What the roles get of it.
#[derive(Debug, Clone)]
pub(crate) struct MediaHouse {
    pub(crate) folder: MediaFolder,
    pub(crate) signer: Arc<Signer>,
    pub(crate) links: Links,
}

impl MediaHouse {
    /// Opens it, when a role that runs here uses it; off the runtime's threads.
    pub(crate) async fn open(
        config: &Config,
        gateway: Option<SocketAddr>,
    ) -> Result<Option<Self>, Error> {
        let users = [Role::TtsManager, Role::StorageManager, Role::Gateway];
        if !users.iter().any(|role| config.runs(*role)) {
            return Ok(None);
        }
        let (path, free) = (config.media_folder(), config.media.min_free_bytes);
        let key = config.media_key();
        let opened = tokio::task::spawn_blocking(move || {
            let folder = MediaFolder::open(&path, free)?;
            Ok::<_, MediaError>((folder, Arc::new(Signer::open(&key)?)))
        });
        let (folder, signer) = opened.await.map_err(std::io::Error::other)??;
        let url = config.media_url(gateway);
        let links = Links::new(Arc::clone(&signer), &url, config.media.url_lifetime_s);
        Ok(Some(Self {
            folder,
            signer,
            links,
        }))
    }
}
