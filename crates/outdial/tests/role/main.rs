//! The role over the in-process bus and a real store.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside of test functions"
)]

mod bulk;
mod lists;
mod targets;
mod world;
