//! The role beside an Asterisk: websocket and HTTP on one side, the bus on the
//! other (chapter 01 §8).
//!
//! ```text
//!              ┌ link ──── websocket ─── events, in order ──> asterisk.all.event
//!  Asterisk ───┤
//!              └ http <─── requests ──── asterisk.<id>.request, asterisk.call.request, …
//! ```
//!
//! [`start`] runs the proxies of a process as one group: each Asterisk has a link
//! and a queue of its own, and the queues that several may answer (the permanent
//! ones) are served once, by whichever Asterisk is connected, in turn. While none is
//! they are left to other processes, and refused when there is none either.
//!
//! The proxy decides nothing and keeps nothing. What it adds to the reference's:
//! it says when it is connected and when not ([`trunkline_ari::event::Connection`]),
//! it notices a silent peer, and it always answers.

mod account;
mod ami;
mod asterisk;
mod attendance;
mod backoff;
pub mod config;
mod diagnostics;
mod envelope;
mod error;
mod group;
mod http;
mod http_date;
mod link;
mod link_error;
pub mod metrics;
mod pool;
pub mod probe;
mod recording;
mod requests;
mod socket;
mod status;
pub mod transport;
mod wire;

pub use account::Account;
pub use config::Config;
pub use error::Error;
pub use group::{Running, start, start_over};
pub use link_error::LinkError;
pub use metrics::Metrics;
pub use recording::Recordings;
pub use status::Status;
pub use transport::Transport;
