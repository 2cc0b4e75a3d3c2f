//! Connections: HTTP/1 with bounded headers, bounded patience, and a clean end.

use std::pin::pin;

use axum::Router;
use axum::serve::Listener as _;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::listener::{Bounded, Connection};

/// Room for headers on top of their limit, so that whoever is a little beyond it
/// is told so in JSON; whoever is far beyond it gets a bare 431.
const HEADER_ROOM: usize = 65_536;

/// Serves what comes to `listener` until `stop` is cancelled, then finishes the
/// requests in progress.
pub(crate) async fn serve(
    mut listener: Bounded,
    router: Router,
    config: Config,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let connection = accepted.0.with_write_timeout(config.write_timeout());
        connections.spawn(one(
            connection,
            router.clone(),
            config.clone(),
            stop.clone(),
        ));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn one(connection: Connection, router: Router, config: Config, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout())
        .max_buf_size(config.header_limit_bytes + HEADER_ROOM);
    let service = TowerToHyperService::new(router);
    let served = http.serve_connection(TokioIo::new(connection), service);
    let mut served = pin!(served);
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
