//! The border of a process: everything that it asks of the bus, the store and an
//! Asterisk crosses it, and may go wrong there.
//!
//! After a kill nothing crosses any more: what was begun is neither finished nor
//! heard of. The tasks of a dead process stand still at their next crossing.

pub mod asterisk;
mod bus;
mod store;

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::fault::{Faults, Op, What};

/// One life of a process.
pub struct Border {
    name: String,
    faults: Arc<Faults>,
    dead: CancellationToken,
    /// Whether events may leave: when all roles have started.
    open: watch::Sender<bool>,
    dice: Mutex<Dice>,
}

impl Border {
    /// The border of the process `name` in its life number `life`.
    #[must_use]
    pub fn new(name: &str, life: u64, seed: u64, faults: &Arc<Faults>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            faults: Arc::clone(faults),
            dead: CancellationToken::new(),
            open: watch::Sender::new(false),
            dice: Mutex::new(Dice::new(seed.wrapping_add(life << 32), name)),
        })
    }

    /// Ends the process at once.
    pub fn kill(&self) {
        self.dead.cancel();
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// Resolves when it is killed.
    pub async fn died(&self) {
        self.dead.cancelled().await;
    }

    /// Lets events out: all roles have started.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Work that nobody hears of once the process is dead.
    pub async fn alive<R>(&self, work: impl Future<Output = R>) -> R {
        tokio::select! {
            biased;
            () = self.dead.cancelled() => pending().await,
            done = work => done,
        }
    }

    /// What goes wrong with the next operation of this kind.
    pub fn fault(&self, op: Op) -> Option<What> {
        self.faults.next(&self.name, op)
    }

    /// Dies here.
    pub async fn die<R>(&self) -> R {
        self.kill();
        pending().await
    }

    /// What an operation of this length takes: a moment that is not the same
    /// every time, so that others come in between.
    pub async fn lag(&self, most_ms: u64) {
        let ms = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            dice.below(most_ms + 1)
        };
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    async fn opened(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

/// Something outside of a process, as the process reaches it.
pub struct Mortal<T: ?Sized> {
    inner: Arc<T>,
    border: Arc<Border>,
}

impl<T: ?Sized> Mortal<T> {
    /// `inner`, reached across `border`.
    #[must_use]
    pub fn new(inner: Arc<T>, border: &Arc<Border>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            border: Arc::clone(border),
        })
    }
}

/// A pause in virtual time.
pub(crate) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
