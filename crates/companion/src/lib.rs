//! The small roles that outgoing calls ask: customer, billing, number, route,
//! agent, registrar, webhook (chapter 05 parts C.4, E and I), tts, storage (chapter 01
//! §9.4).
//!
//! Each is a module with its own request queue and its own `start`; a VoIPbin
//! deployment runs none of them, the embedded shape all. They hold what the
//! operator enters; they decide nothing about a call beyond the one question
//! that they are asked.

pub mod agent;
pub mod billing;
pub mod config;
pub mod customer;
pub mod error;
pub mod number;
pub mod registrar;
pub mod role;
pub mod route;
pub mod seed;
pub mod storage;
pub mod tts;
pub mod webhook;

mod owner;
mod rows;

pub use agent::start_agent;
pub use billing::start_billing;
pub use config::Config;
pub use customer::start_customer;
pub use error::Error;
pub use number::start_number;
pub use registrar::start_registrar;
pub use role::{Deps, Metrics, Running};
pub use route::start_route;
pub use seed::{DEFAULT_ACCOUNT, DEFAULT_CUSTOMER, seed, seed_customer};
pub use storage::start_storage;
pub use tts::start_tts;
pub use webhook::start_webhook;
