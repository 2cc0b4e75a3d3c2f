//! The role over the in-process bus, an in-memory database and the real
//! outdial-manager, under a paused clock. call-manager and flow-manager are
//! small responders that do what a script says.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod fakes;
mod mortal;
mod world;

mod campaigns;
mod crashes;
mod dialing;
mod faults;
mod outplans;
mod speed;
mod trouble;
