//! The carrier against a real RabbitMQ.

mod contract;
mod delays;
mod events;
mod exchanges;
mod forms;
mod handlers;
mod identity;
mod large;
mod outage;
mod raw;
mod replies;
mod requests;
mod restarts;
mod retries;
mod standing_in;
mod storm;
mod tap;
mod trouble;
mod world;
