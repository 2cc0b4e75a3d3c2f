//! A gate that everything passes before it does anything; shut, it makes the
//! Asterisk a frozen one.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct Gate {
    open: watch::Sender<bool>,
    waiting: AtomicUsize,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            open: watch::Sender::new(true),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(super) fn shut(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }

    pub(super) fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// How many wait before it.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until it is open.
    pub(super) async fn passed(&self) {
        if self.is_open() {
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The sender is in `self`, so it outlives this.
        self.open.subscribe().wait_for(|open| *open).await.ok();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
