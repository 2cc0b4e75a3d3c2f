//! One role as a process of its own, started as its Go service is, on a real broker.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod amqp;
mod asterisk;
mod doctor;
mod exchanges;
mod health;
mod options;
mod proxy;
mod world;
