//! ARI: types of events and resources, and the client that speaks over the bus.
//!
//! * [`Event`] is what Asterisk reports, [`resource`] what it reports about.
//! * [`AriClient`] asks an Asterisk for something; its requests cross the bus to
//!   the proxy beside that Asterisk (chapter 01 §8.3, §9.1).
//!
//! Nothing here decides anything and nothing here opens a connection.

pub mod args;
pub mod cause;
pub mod client;
pub mod error;
pub mod event;
pub mod request;
pub mod resource;
pub mod target;

pub use client::AriClient;
pub use error::Error;
pub use event::Event;
pub use target::AsteriskTarget;

/// The Stasis application, unless configured otherwise (chapter 01 §6.3).
pub const APPLICATION: &str = "voipbin";
