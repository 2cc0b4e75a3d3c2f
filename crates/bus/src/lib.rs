//! Port: requests, replies and events between roles; the in-process carrier;
//! the router.
//!
//! Everything crosses as encoded bytes (chapter 01 §2–3), also inside one
//! process, so that changing a URL changes the carrier and nothing else.
//!
//! * [`Bus`] is the port, [`InProcess`] the carrier inside one process.
//! * [`Rpc`] sends requests of one service and understands the answers.
//! * [`Router`] turns a table of routes into a request handler.
//! * [`contract`] is the suite that every carrier passes.

pub mod around;
pub mod breaker;
pub mod client;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod envelope;
pub mod error;
pub mod failing;
pub mod guarded;
pub mod in_process;
pub mod keyed;
pub mod metrics;
pub mod parking;
pub mod port;
pub mod router;

pub use around::Around;
pub use client::{Rpc, RpcError};
pub use envelope::{Event, Method, Request, Response};
pub use error::Error;
pub use guarded::Guarded;
pub use in_process::InProcess;
pub use parking::Parking;
pub use port::{
    Bus, Confirmation, Consumer, Delivered, EventHandler, Message, QueueSpec, Remember,
    RequestHandler, Retry, Subscription, Work,
};
pub use router::{Refusal, Reply, Routed, Router};
