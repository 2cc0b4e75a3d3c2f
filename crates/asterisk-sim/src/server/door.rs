//! The one way to the Asterisk: a lock, the clock, and who is to be woken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Notify;

use super::gate::Gate;
use crate::application::SocketId;
use crate::sim::AsteriskSim;

#[derive(Debug)]
pub(super) struct Door {
    inner: Mutex<Inner>,
    clock: Clock,
    pub(super) gate: Gate,
    /// Told when something is due earlier than was thought.
    pub(super) earlier: Notify,
    /// Told when a sound is to be fetched.
    pub(super) wanted: Notify,
    /// The header that lets in.
    authorization: String,
    account: String,
}

#[derive(Debug)]
struct Inner {
    sim: AsteriskSim,
    /// For when the clock is set.
    armed: Option<i64>,
    sockets: Vec<(SocketId, Arc<Notify>)>,
}

/// Time that never goes back.
#[derive(Debug)]
struct Clock {
    started: Instant,
    /// Microseconds since 1970.
    at: i64,
}

impl Clock {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0));
        Self {
            started: Instant::now(),
            at,
        }
    }

    fn now(&self) -> i64 {
        self.at + i64::try_from(self.started.elapsed().as_micros()).unwrap_or(0)
    }
}

impl Door {
    pub(super) fn new(sim: AsteriskSim, account: &str) -> Self {
        Self {
            inner: Mutex::new(Inner {
                sim,
                armed: None,
                sockets: Vec::new(),
            }),
            clock: Clock::new(),
            gate: Gate::new(),
            earlier: Notify::new(),
            wanted: Notify::new(),
            authorization: format!("Basic {}", STANDARD.encode(account)),
            account: account.to_owned(),
        }
    }

    /// Whether a request may come in: ARI takes a header, or `api_key`.
    pub(super) fn lets_in(&self, authorization: Option<&str>, query: &str) -> bool {
        let key = || {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut keys = pairs.filter(|(name, _)| *name == "api_key");
            keys.any(|(_, value)| value.replace("%3A", ":") == self.account)
        };
        authorization == Some(self.authorization.as_str()) || key()
    }

    /// Does something now, and wakes whoever has something to do afterwards.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut AsteriskSim, i64) -> T) -> T {
        let mut inner = self.lock();
        let outcome = act(&mut inner.sim, self.clock.now());
        let due = inner.sim.next_due();
        if due.is_some_and(|due| inner.armed.is_none_or(|armed| due < armed)) {
            inner.armed = due;
            self.earlier.notify_one();
        }
        self.wake(&inner);
        outcome
    }

    /// Does what is due; gives how long nothing will be.
    pub(super) fn advance(&self) -> Option<Duration> {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.sim.advance(now);
        inner.armed = inner.sim.next_due();
        self.wake(&inner);
        let armed = inner.armed?;
        Some(Duration::from_micros((armed - now).max(0).unsigned_abs()))
    }

    pub(super) fn connect(&self, application: &str, all: bool) -> (SocketId, Arc<Notify>) {
        let woken = Arc::new(Notify::new());
        let mut inner = self.lock();
        let now = self.clock.now();
        let socket = inner.sim.connect(now, application, all);
        inner.sockets.push((socket, Arc::clone(&woken)));
        self.wake(&inner);
        (socket, woken)
    }

    pub(super) fn disconnect(&self, socket: SocketId) {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.sockets.retain(|(id, _)| *id != socket);
        inner.sim.disconnect(now, socket);
    }

    /// What a websocket is to send; none when it is to be closed.
    pub(super) fn events(&self, socket: SocketId) -> Option<Vec<String>> {
        let mut inner = self.lock();
        let events = inner.sim.events(socket);
        inner.sim.is_connected(socket).then_some(events)
    }

    fn wake(&self, inner: &Inner) {
        inner.wake_sockets();
        if inner.sim.has_fetches() {
            self.wanted.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wake_sockets(&self) {
        for (socket, woken) in &self.sockets {
            if self.sim.has_events(*socket) || !self.sim.is_connected(*socket) {
                woken.notify_one();
            }
        }
    }
}
