//! Duties that outlive a process: due rows and the outbox.
//!
//! A role writes through its [`Ledger`]: one batch holds the change itself, the
//! events that it causes ([`Ledger::event`], [`Ledger::webhook_event`]) and the
//! duties that follow from it ([`Ledger::schedule`]). Two tasks per role then
//! work the rows off, at least once each:
//!
//! * the [`relay`] publishes events in the order they were written and deletes a
//!   row when the carrier has confirmed it (architecture decision 12);
//! * the [`scheduler`] claims due rows with a lease, sends each as the ordinary
//!   request, and deletes it when the request was answered (decision 11).
//!
//! Both survive `kill -9`: what was committed is done by whoever starts next.
//! What cannot be handled at all goes to the service's [`ParkingLot`].

pub mod config;
pub mod duty;
pub mod ledger;
pub mod metrics;
pub mod parking;
mod relay;
mod scheduler;

pub use config::Config;
pub use duty::Duty;
pub use ledger::{Ledger, Running};
pub use metrics::DeliveryMetrics;
pub use parking::ParkingLot;
