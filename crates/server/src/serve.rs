//! `trunkline serve`: runs a node until a signal comes.

use std::process::ExitCode;

use anyhow::Result;
use trunkline_node::{Config, Environment, Error, Node, telemetry};

use crate::cli::ConfigArgs;
use crate::signals;

/// Runs until it is told to stop.
///
/// # Errors
///
/// When it cannot start.
pub(crate) async fn run(args: ConfigArgs) -> Result<ExitCode> {
    let config = Config::load(&args.flags(), &Environment::of_process())?;
    run_with(config, &[]).await
}

/// The same with a configuration that is there; the log begins with `notices`.
///
/// # Errors
///
/// When it cannot start.
pub(crate) async fn run_with(config: Config, notices: &[String]) -> Result<ExitCode> {
    telemetry::init(&config.log)?;
    for notice in notices {
        tracing::warn!("{notice}");
    }
    let told = signals::watch()?;
    let node = match Node::start_unless(config, &told, show_token).await {
        Err(Error::Told) => return Ok(ExitCode::SUCCESS),
        started => started?,
    };
    announce(&node);
    told.cancelled().await;
    eprintln!("Trunkline stops and finishes what it is doing; a second signal ends it at once.");
    node.stop().await;
    eprintln!("Trunkline has stopped.");
    Ok(ExitCode::SUCCESS)
}

/// To standard error and nowhere else: it must not end up in a log.
fn show_token(token: &str) {
    eprintln!(
        "\n  This is the token of the API, shown only now; only its hash is kept:\n\n      {token}\n\n  \
         Every request wants it: Authorization: Bearer <token>\n"
    );
}

fn announce(node: &Node) {
    if let Some(address) = node.gateway_address() {
        eprintln!("The API listens on http://{address}/v1/ (ready: http://{address}/readyz).");
    }
    if let Some(address) = node.metrics_address() {
        eprintln!("Health is at http://{address}/health.");
    }
}
