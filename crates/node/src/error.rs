//! Why a node does not start.

use std::path::PathBuf;

use trunkline_gateway::BindError;

use crate::config::{ConfigError, Role};
use crate::data_dir::DataDirError;

/// What stops the start. That an Asterisk is away does not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The check of the configuration says it first.
    #[error("an entry of `egress.allow` cannot be read")]
    Egress(#[from] trunkline_egress::Wrong),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] trunkline_store_sqlite::OpenError),
    /// There is none where one is wanted.
    #[error("there is no database `{}`; a first start of the gateway makes it", .0.display())]
    NoDatabase(PathBuf),
    /// The database does not answer.
    #[error("failed to use the database")]
    Store(#[from] trunkline_store::Error),
    #[error(transparent)]
    Gateway(#[from] trunkline_gateway::Error),
    #[error(transparent)]
    Metrics(#[from] BindError),
    /// The media folder cannot be used.
    #[error("cannot use the media folder (option `media.folder`)")]
    Media(#[from] trunkline_media::Error),
    /// A token cannot be made.
    #[error("failed to make a token of the API")]
    Token(#[from] trunkline_gateway::TokensError),
    /// A role does not start.
    #[error("failed to start the role `{role}`")]
    Role {
        role: Role,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody wants it to stop. What had started has stopped.
    #[error("it was told to stop before it had started")]
    Told,
    /// The system refuses a thread or an address.
    #[error("the system refuses what the start needs")]
    System(#[from] std::io::Error),
}
