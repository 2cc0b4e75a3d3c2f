//! tts-manager: texts become sounds that Asterisk can play (chapter 04 §8.2).
//!
//! The engine is a program or a server of the operator's choice. What it speaks is
//! brought to 8 kHz, kept in the media folder under a name that its content gives,
//! and reached by Asterisk over a signed URL of the gateway's.

mod cache;
mod command;
mod config;
mod failure;
mod metrics;
mod remote;
mod rpc;
mod speaker;
mod voice;

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Router};
use trunkline_media::{Links, MediaFolder};
use trunkline_model::diagnostic::Part;
use trunkline_model::service::Service;
use trunkline_store::Database;

pub use config::Config;
pub use metrics::Metrics;

use self::speaker::Speaker;
use crate::error::Error;
use crate::role::{self, Running};

/// What the role runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
    pub folder: MediaFolder,
    /// Where Asterisk finds what is in the folder.
    pub links: Links,
}

/// The state that the routes share.
struct State {
    speaker: Arc<Speaker>,
    links: Links,
    /// What the engine was found to be, and when.
    last_look: Mutex<Option<(Instant, Part)>>,
}

/// Serves `bin-manager.tts-manager.request` until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away. That the
/// engine is missing is no reason: calls go on without it.
pub async fn start_tts(
    deps: Deps,
    common: crate::Config,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let role_deps = role::Deps {
        bus: deps.bus,
        db: deps.db,
        metrics: deps.metrics.role.clone(),
    };
    let workers = config.workers;
    let speaker = Speaker::new(config, deps.folder, deps.metrics);
    let state = Arc::new(State {
        speaker: Arc::clone(&speaker),
        links: deps.links,
        last_look: Mutex::default(),
    });
    let ledger = role::ledger(Service::TTS, &role_deps, &common);
    let router = rpc::routes(Router::new(state, role_deps.metrics.service.clone()));
    let running = role::serve(&ledger, &role_deps, workers, stop.clone(), router).await?;
    let ending = tokio::spawn(async move {
        stop.cancelled().await;
        speaker.ended().await;
    });
    Ok(running.with_task(ending))
}
