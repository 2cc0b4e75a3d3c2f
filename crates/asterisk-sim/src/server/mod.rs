//! The simulated Asterisk in real time, behind ARI's HTTP and websocket, on one
//! port. It shares the machine with what it tests, so it is meant to be cheap:
//! one lock, one timer for whatever is due next, no work for idle calls.
//!
//! Paths below `/sim/` are for tests; see [`control`].

mod control;
mod door;
mod fetch;
mod gate;
mod http;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::sim::AsteriskSim;
use door::Door;

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// ARI's `user:password`.
    pub account: String,
    /// Decides SIP Call-IDs and jitter.
    pub seed: u64,
    /// The Asterisk behind it.
    pub asterisk: Config,
}

/// A running server. Dropping it ends it with all its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    door: Arc<Door>,
    tasks: [JoinHandle<()>; 3],
}

/// Starts a server.
///
/// # Errors
///
/// When it cannot listen there.
pub async fn start(config: ServerConfig) -> std::io::Result<Server> {
    let listener = TcpListener::bind(config.listen).await?;
    let address = listener.local_addr()?;
    let sim = AsteriskSim::new(config.asterisk, config.seed);
    let door = Arc::new(Door::new(sim, &config.account));
    let tasks = [
        tokio::spawn(accept(listener, Arc::clone(&door))),
        tokio::spawn(pass_time(Arc::clone(&door))),
        tokio::spawn(fetch::serve(Arc::clone(&door))),
    ];
    Ok(Server {
        address,
        door,
        tasks,
    })
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where ARI answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does something with the Asterisk; the second argument is the time.
    pub fn with<T>(&self, act: impl FnOnce(&mut AsteriskSim, i64) -> T) -> T {
        self.door.with(act)
    }

    /// Stops answering until [`Server::resume`]: a frozen Asterisk. What it is
    /// asked meanwhile is done afterwards.
    pub fn pause(&self) {
        self.door.gate.shut();
    }

    /// How many requests, websockets and timers wait for [`Server::resume`].
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.door.gate.waiting()
    }

    /// Answers again.
    pub fn resume(&self) {
        self.door.gate.open();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        // Closes the websockets, whose tasks are not among those.
        self.door.with(AsteriskSim::restart);
        self.door.gate.open();
    }
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // A client that is gone already is no concern of ours.
                let Ok((stream, _)) = accepted else { continue };
                stream.set_nodelay(true).ok();
                connections.spawn(http::serve(stream, Arc::clone(&door)));
            }
        }
    }
}

/// Does what is due, and sleeps until something is.
async fn pass_time(door: Arc<Door>) {
    loop {
        door.gate.passed().await;
        let due = door.advance();
        let earlier = door.earlier.notified();
        match due {
            Some(due) => {
                tokio::select! {
                    biased;
                    () = earlier => {}
                    () = tokio::time::sleep(due) => {}
                }
            }
            None => earlier.await,
        }
    }
}
