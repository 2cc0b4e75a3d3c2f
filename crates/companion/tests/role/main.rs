//! The small roles over the in-process bus and a real store.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside of test functions"
)]

mod agents;
mod customers;
mod files;
mod numbers;
mod registrar;
mod routes;
mod speech;
mod webhooks;
mod world;
