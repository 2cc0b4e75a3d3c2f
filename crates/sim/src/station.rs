//! A simulated Asterisk with its clockwork, and the way that a process has to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use trunkline_asterisk_sim::{Answer, AsteriskSim, Config, Incoming, Request, SocketId};
use trunkline_model::Timestamp;

use crate::clock::VirtualClock;

/// A simulated Asterisk in virtual time.
pub struct Station {
    at: usize,
    sim: Mutex<AsteriskSim>,
    clock: Arc<VirtualClock>,
    /// Whether its machine answers.
    reachable: AtomicBool,
    /// Its timers may have changed.
    wound: Notify,
    /// Counts what the sockets may have to look at.
    news: watch::Sender<u64>,
}

impl Station {
    /// Asterisk number `at` of a world.
    #[must_use]
    pub fn new(at: usize, seed: u64, clock: &Arc<VirtualClock>) -> Arc<Self> {
        let config = Config {
            entity_id: format!("02:00:00:00:00:{:02x}", at + 1),
            ..Config::default()
        };
        let mut sim = AsteriskSim::new(config, seed.wrapping_add(at as u64));
        sim.advance(clock.true_micros());
        Arc::new(Self {
            at,
            sim: Mutex::new(sim),
            clock: Arc::clone(clock),
            reachable: AtomicBool::new(true),
            wound: Notify::new(),
            news: watch::Sender::new(0),
        })
    }

    /// Its clockwork; runs as long as the world.
    pub async fn run(self: Arc<Self>) {
        loop {
            let due = self.sim().next_due();
            let wound = self.wound.notified();
            match due {
                None => wound.await,
                Some(due) => {
                    let wait = due.saturating_sub(self.clock.true_micros());
                    let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0));
                    tokio::select! {
                        biased;
                        () = sleep_until(Instant::now() + wait) => {}
                        () = wound => {}
                    }
                }
            }
            let now = self.clock.true_micros();
            self.sim().advance(now);
            self.news.send_modify(|count| *count += 1);
        }
    }

    /// Asks it something; none when it is not to be reached.
    pub fn ask(&self, request: &Request) -> Option<Answer> {
        self.is_reachable()
            .then(|| self.act(|sim, now| sim.request(now, request)))
    }

    /// Opens a websocket.
    pub fn open(&self, application: &str, subscribe_all: bool) -> Option<SocketId> {
        self.is_reachable()
            .then(|| self.act(|sim, now| sim.connect(now, application, subscribe_all)))
    }

    /// Closes a websocket.
    pub fn close(&self, socket: SocketId) {
        self.act(|sim, now| sim.disconnect(now, socket));
    }

    /// What waits for a socket; none when the socket is dead.
    pub fn events(&self, socket: SocketId) -> Option<Vec<String>> {
        let mut sim = self.sim();
        (self.is_reachable() && sim.is_connected(socket)).then(|| sim.events(socket))
    }

    /// To wait for something new on the sockets.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Somebody calls; the channel's id unless nobody serves the application.
    pub fn incoming(&self, call: &Incoming) -> Option<String> {
        self.act(|sim, now| sim.incoming(now, call))
    }

    /// The far end of a channel hangs up.
    pub fn far_end_hangs_up(&self, channel: &str, cause: i64) {
        self.act(|sim, now| sim.far_end_hangs_up(now, channel, cause));
    }

    /// Dies with everything that it had, and is away for a while.
    pub async fn die(&self, away: Duration) {
        self.act(AsteriskSim::restart);
        self.leave(away).await;
    }

    /// Is not to be reached for a while, and goes on with its calls.
    pub async fn leave(&self, away: Duration) {
        self.reachable.store(false, Ordering::SeqCst);
        self.act(|_, _| ());
        tokio::time::sleep(away).await;
        self.reachable.store(true, Ordering::SeqCst);
        self.act(|_, _| ());
    }

    /// Whether its machine answers.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::SeqCst)
    }

    /// Looks at it.
    pub fn look<T>(&self, look: impl FnOnce(&AsteriskSim) -> T) -> T {
        look(&self.sim())
    }

    /// What its machine takes for the time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.true_micros())
    }

    /// Its number in the world.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    fn act<T>(&self, act: impl FnOnce(&mut AsteriskSim, i64) -> T) -> T {
        let now = self.clock.true_micros();
        let done = act(&mut self.sim(), now);
        self.wound.notify_one();
        self.news.send_modify(|count| *count += 1);
        done
    }

    fn sim(&self) -> MutexGuard<'_, AsteriskSim> {
        self.sim.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
