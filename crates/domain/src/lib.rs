//! Rules: pure decisions without clock, random source or IO.
//!
//! Every decision takes what was gathered, `now` and new ids as arguments and
//! returns what is to be done; the shells do it. Modules by resource.

pub mod address;
pub mod call;
pub mod campaign;
pub mod dialed_number;
pub mod flow;
pub mod outdial_target;
pub mod phone;
pub mod registrar;
