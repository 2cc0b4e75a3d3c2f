//! HTTP to addresses that customers name: webhooks, and what a flow fetches.
//!
//! Whoever may write a flow may name any address, also one inside the operator's
//! network. So a connection is made here and nowhere else:
//!
//! ```text
//! address ─ http(s)? ─ name looked up ─ every address judged ─ connected to
//!                                       ([`address`], [`allow`])  just these
//! ```
//!
//! The address that was judged is the one that is connected to: a name cannot
//! change its meaning in between. A redirect is a new request and goes the same
//! way. Everything has a limit: the connection, the whole exchange, the number of
//! redirects, the size of the answer. What is told of a failure names the host
//! and never the rest of the address, which may hold a secret.

mod address;
mod allow;
mod client;
mod config;
mod connect;
mod error;

pub use allow::Allowed;
pub use client::{Answer, Client, Method, Redirects, Request};
pub use config::{Config, Wrong};
pub use connect::{Names, SystemNames};
pub use error::Error;
