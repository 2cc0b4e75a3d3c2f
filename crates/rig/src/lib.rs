//! Real parts on loopback, each in a folder of its own: Asterisk, SIPp callees
//! and callers, a RabbitMQ, a Trunkline process. The demo and the end-to-end tests stand on
//! it. Only loopback addresses are used; only processes that were started here
//! are ended, by their ids.

mod api;
mod asterisk;
mod asterisk_sim;
mod broker;
pub mod carrier;
mod fleet;
mod ports;
mod process;
mod proxy;
mod rtp;
mod setup;
mod sipp;
mod sound;
mod tools;
mod trunkline;
mod voices;
pub mod world;

pub use api::Api;
pub use asterisk::Asterisk;
pub use asterisk_sim::{AsteriskSim, SimClient, SimState};
pub use broker::{Broker, greeting};
pub use fleet::Fleet;
pub use ports::{free_tcp_port, free_udp_port};
pub use process::Process;
pub use proxy::{Proxy, Side};
pub use setup::{CampaignPlan, id, tel};
pub use sipp::{Callees, callers};
pub use sound::Sound;
pub use tools::Tools;
pub use trunkline::{Options, Stopped, Trunkline};
pub use voices::tone_of;
