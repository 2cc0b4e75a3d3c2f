//! The HTTP API.
//!
//! ```text
//! HTTP ─ token → customer ─ is it the customer's? ─ body and query checked ─ Request ─> Bus
//!      <─ JSON, or {"error":{…}} ────────────────────────────────────────── Response <─
//! ```
//!
//! Everything that a route does is in the tables of [`resources`]; the rest of
//! this crate carries the tables out. The gateway holds no rules of its own: it
//! checks fields early with the functions of `trunkline-domain` and leaves every
//! decision to the role that owns the resource. It never shows a row of another
//! customer (architecture decision 16) and never logs a token.

mod api_error;
mod auth;
mod body;
mod call_routes;
mod codes;
pub mod config;
mod customer_limits;
mod diagnostics;
mod dispatch;
mod events;
mod field;
mod file;
mod flow_check;
mod health;
mod idempotency;
mod limits;
mod list;
pub mod listener;
mod media;
mod metrics;
mod openapi;
mod owner;
mod pages;
mod parked;
mod resources;
mod respond;
mod results;
mod serve;
mod server;
mod targets;
mod token_routes;
mod tokens;

pub use config::Config;
pub use health::{Readiness, Report};
pub use listener::BindError;
pub use media::Media;
pub use metrics::Metrics;
pub use server::{Deps, Error, Running, bind, start, start_with_media};
pub use tokens::{Standing, Tokens, TokensError};
