//! A gate that everything passes before it does anything; shut, it makes the
//! Asterisk a frozen one.

use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(true))
    }

    pub(super) fn shut(&self) {
        self.0.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open.
    pub(super) async fn passed(&self) {
        if self.is_open() {
            return;
        }
        // The sender is in `self`, so it outlives this.
        self.0.subscribe().wait_for(|open| *open).await.ok();
    }
}
