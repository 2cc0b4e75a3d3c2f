//! The carrier against a real RabbitMQ.

mod contract;
mod world;
