//! Adapter of [`trunkline_bus::Bus`] over RabbitMQ, on VoIPbin's wire (chapter 01
//! §1–2), without any plugin of the broker.
//!
//! ```text
//!            supervisor ── connects, for ever ──> session: one connection
//!                                                   ├─ requests: one reply queue, correlation ids
//!                                                   ├─ answers: replies of ours
//!                                                   ├─ events: publisher confirms, in order
//!                                                   └─ tools: declarations
//!  serve, subscribe ── a task each: waits for a session, declares, consumes,
//!                      begins again when its channel or the session has ended
//! ```
//!
//! A session is used until anything of it fails; then all of it is thrown away and
//! a new one is made. So there is one way to begin and no half-alive state.
//!
//! What a session's end means to those who used it:
//!
//! * a request that was not sent waits for the next session within its time;
//! * a request that was sent ends as [`trunkline_bus::Error::Disconnected`]: nobody
//!   knows whether it was done ([`trunkline_bus::Rpc`] sends those again that only read);
//! * an event that was not confirmed was perhaps not published: its sender, who
//!   keeps it, publishes it again;
//! * what was delivered and not acknowledged comes again. Requests that are at work
//!   or were done in this process are recognised ([`redelivered`]).

mod address;
mod answers;
mod config;
mod connect;
mod consume;
mod events;
mod metrics;
mod publish;
mod rabbitmq;
mod redelivered;
mod requests;
mod retry;
mod serve;
mod session;
mod supervisor;
mod topology;

pub use address::{Address, AddressError};
pub use config::Config;
pub use connect::{ConnectError, probe};
pub use metrics::Metrics;
pub use rabbitmq::{RabbitMq, State};
