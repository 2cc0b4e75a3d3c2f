//! An Asterisk that is simulated.
//!
//! It answers ARI requests and sends ARI events with the fields, the order and
//! the traps of the real one (22.10.1, which the end-to-end test `same_script`
//! asks the same things). What a called number does is decided by its last two
//! digits, as by the SIPp callees of the checkout; see [`callee`].
//!
//! The core, [`AsteriskSim`], is a state machine: no clock, no IO, no thread; the
//! same seed and the same calls give the same answers and events. It uses no
//! other crate of ours, so that it cannot share a misunderstanding with them.
//!
//! There is no sound, but a recording has a tone where there would be some: of a
//! callee that speaks, of what is played (see [`callee`]). What is played from a URL
//! is really fetched by the server, and lasts as long as the file.
//!
//! What it does not do: no SIP, no `https`, no `BRIDGEPEER` variables, no early
//! media, no check of a PJSIP object's fields, and of a second DELETE of a channel
//! that is ending no second ChannelHangupRequest.

mod answer;
mod application;
mod asterisk;
mod audience;
mod bridge;
mod bridging;
pub mod callee;
mod calling;
mod cause;
mod channel;
mod config;
mod create;
mod dialplan;
mod fetching;
mod hangup;
mod incoming;
mod json;
mod media;
mod object;
mod operate;
mod playing;
mod random;
mod recording;
mod route;
mod server;
mod sim;
mod sound;
mod spying;
mod stamp;
mod timer;
mod variable;

pub use answer::{Answer, Request};
pub use application::SocketId;
pub use calling::Dialed;
pub use config::{Config, Delays, Service};
pub use fetching::Fetch;
pub use incoming::Incoming;
pub use server::{Server, ServerConfig, start};
pub use sim::{AsteriskSim, BridgeView, ChannelView};
pub use sound::spoken;
