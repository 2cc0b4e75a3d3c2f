//! The log. The program sets it up once; a node never does.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{Log, LogFormat};

/// Libraries whose log is ours to write: `lapin` shows whole messages in it. Whoever
/// wants it names it in the level.
const QUIET: &str = "lapin=off";

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The option `log.level`.
    #[error("the option `log.level` is `{level}`: {why}")]
    Level { level: String, why: String },
    /// This process has a log already.
    #[error("the log was set up already")]
    Init(#[from] TryInitError),
}

/// Sends the log of this process to standard error.
///
/// # Errors
///
/// When the level is wrong, or when it is called twice.
pub fn init(config: &Log) -> Result<(), Error> {
    let filter = filter(&config.level).map_err(|why| Error::Level {
        level: config.level.clone(),
        why,
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(lines.with_ansi(colours)).try_init()?;
        }
        LogFormat::Json => registry.with(lines.json()).try_init()?,
    }
    Ok(())
}

/// Whether the option `log.level` can be used.
pub(crate) fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    if level.trim().is_empty() {
        return Err("it must be error, warn, info, debug, trace, or directives such as info,trunkline_call=debug".into());
    }
    EnvFilter::builder()
        .parse(format!("{QUIET},{level}"))
        .map_err(|error| error.to_string())
}
