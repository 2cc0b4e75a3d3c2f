//! Duties that outlive a process: due rows and the outbox.
//!
//! A role writes through its [`Ledger`]: one batch holds the change itself, the
//! events that it causes ([`Ledger::event`], [`Ledger::webhook_event`]) and the
//! duties that follow from it ([`Ledger::schedule`]). Three tasks per role then
//! work off what was written:
//!
//! * the [`relay`] publishes events in the order they were written, at least
//!   once, and deletes a row when the carrier has confirmed it (architecture
//!   decision 12);
//! * the [`scheduler`] claims due rows with a lease, sends each as the ordinary
//!   request, at least once, and deletes it when the request was answered
//!   (decision 11);
//! * the [`inbox`] remembers which events were handled, so that a repetition
//!   does nothing ([`Ledger::once`]).
//!
//! What this process writes goes to the first two through memory; the tables are
//! what whoever starts after a `kill -9` goes on from. What cannot be handled at
//! all goes to the service's [`ParkingLot`].

pub mod config;
pub mod duty;
mod held;
mod inbox;
mod interest;
pub mod ledger;
pub mod metrics;
mod outgoing;
pub mod parking;
mod relay;
mod scheduler;

pub use config::Config;
pub use duty::Duty;
pub use ledger::{Ledger, Running};
pub use metrics::DeliveryMetrics;
pub use parking::ParkingLot;
