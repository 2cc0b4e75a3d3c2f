//! Roles together, each test with a store of its own.

mod budget;
mod busy;
mod call_manager;
mod events;
mod incoming;
mod parked;
mod reconcile;
