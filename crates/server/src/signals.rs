//! Signals that mean "stop".

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status after a second signal: the stop was not clean.
const IMPATIENT: i32 = 1;

/// Watches SIGTERM, SIGINT and SIGHUP from here on: the first one cancels the
/// token, the second one ends the process.
///
/// # Errors
///
/// When the system does not let the signals be watched.
pub(crate) fn watch() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let told = CancellationToken::new();
    let first = told.clone();
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt, &mut hangup).await;
        first.cancel();
        next(&mut terminate, &mut interrupt, &mut hangup).await;
        eprintln!(
            "Trunkline ends at once. What was answered is kept; the next start goes on with the rest."
        );
        std::process::exit(IMPATIENT);
    });
    Ok(told)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal, hangup: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
}
