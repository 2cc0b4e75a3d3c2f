//! Wire and row shapes of every resource; serde only.
//!
//! Names, presence and order of fields are those of VoIPbin's services
//! (specification chapters 01, 02 and 05), quirks included. Rules live in
//! `trunkline-domain`; SQL lives in `trunkline-store`.

mod text;
#[macro_use]
mod wire_enum;

pub mod action;
pub mod activeflow;
pub mod address;
pub mod agent;
pub mod asterisk;
pub mod billing;
pub mod bridge;
pub mod call;
pub mod campaign;
pub mod campaigncall;
pub mod channel;
pub mod customer;
pub mod diagnostic;
pub mod dtmf;
pub mod error;
pub mod file;
pub mod flow;
pub mod groupcall;
pub mod id;
pub mod limits;
pub mod number;
pub mod outbound_config;
pub mod outdial;
pub mod outdial_target;
pub mod outplan;
pub mod page;
pub mod phone;
pub mod progress;
pub mod random;
pub mod recording;
pub mod route;
pub mod rules;
pub mod service;
pub mod speech;
pub mod time;
pub mod trunk;
pub mod variable;
pub mod webhook;
pub mod wire;

pub use crate::action::Action;
pub use crate::address::Address;
pub use crate::error::TypedError;
pub use crate::time::Timestamp;
