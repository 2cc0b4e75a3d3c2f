//! Roles together, each test with a store of its own.

mod budget;
mod busy;
mod call_manager;
mod events;
mod incoming;
mod on_a_call;
mod parked;
mod reconcile;
mod recordings;
mod talk;
