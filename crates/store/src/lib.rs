//! Port: the database. SQL and row mapping, one file per resource.
//!
//! One SQL text serves both engines; what differs sits in [`dialect`]. A write
//! is a [`Batch`]: statements that are applied together or not at all, each
//! with the number of rows it must change. No transaction is held open across
//! an `.await` (architecture decision 4).
//!
//! A resource's file has its column list once, reads as `async fn`, and writes
//! as functions that return a [`Statement`] with its precondition in the
//! `WHERE`. An insert writes the row as given, times included.

pub mod batch;
#[cfg(feature = "contract")]
pub mod contract;
pub mod dialect;
pub mod dsn;
pub mod error;
pub mod filter;
pub mod port;
pub mod row;
pub mod value;

#[macro_use]
mod columns;
mod many;
mod select;

pub mod account;
pub mod activeflow;
pub mod agent;
pub mod asterisk;
pub mod available;
pub mod bridge;
pub mod broken;
pub mod call;
pub mod call_digit;
pub mod call_end;
pub mod campaign;
pub mod campaign_lease;
pub mod campaign_report;
pub mod campaign_rules;
pub mod campaigncall;
pub mod channel;
pub mod customer;
pub mod customer_limits;
pub mod due;
pub mod file;
pub mod flow;
pub mod idempotency;
pub mod inbox;
pub mod number;
pub mod outbound_config;
pub mod outbox;
pub mod outdial;
pub mod outdial_target;
pub mod outplan;
pub mod parked;
pub mod phone;
pub mod provider;
pub mod recording;
pub mod route;
pub mod token;
pub mod trunk;
pub mod variable;
pub mod void_call;
pub mod webhook_delivery;

pub use batch::{Batch, Expect, Statement};
pub use dialect::Dialect;
pub use error::Error;
pub use filter::{Filter, InvalidFilter};
pub use port::Database;
pub use row::{Row, Rows};
pub use value::Value;
