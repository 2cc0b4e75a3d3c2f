//! Where an event goes that its consumer cannot handle (architecture decision
//! 12): out of the way of the others, kept, until somebody looks at it.
//!
//! ```text
//!  handler fails ── again after 5 s, 30 s, 120 s ── fails ──> park ──> row
//!  cannot be read ──────────────────────────────────────────> park ──> row
//!                                        the store is away ──┘ later, from the handler on
//!  row ── released ──> the queue ── handled ──> handled ──> the row goes
//! ```
//!
//! When parking is not possible the event is delivered again: what kept the
//! store from taking it is most likely what kept the handler from its work.

use async_trait::async_trait;

use crate::port::Message;

/// Keeps events that cannot be handled.
#[async_trait]
pub trait Parking: Send + Sync + 'static {
    /// Takes over an event of `queue`. When this returns `Ok` the carrier
    /// forgets it.
    ///
    /// # Errors
    ///
    /// Why it cannot be taken now; the carrier keeps the event.
    async fn park(&self, queue: &str, message: &Message, reason: &str) -> Result<(), String>;

    /// An event of `queue` that was put back ([`Message::released`]) was handled.
    ///
    /// # Errors
    ///
    /// Why that cannot be noted now; the carrier delivers the event again.
    async fn handled(&self, queue: &str, message: &Message) -> Result<(), String>;
}
