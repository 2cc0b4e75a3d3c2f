//! Lists of people out of files.
//!
//! ```text
//! file ─ encoding ─ lines ─ records ─ mapping ─ person ─┬─ batches ─> Recipient (the bulk route)
//!                                                       └─ refused ─> <file>.refused.csv
//! ```
//!
//! A file is read once, in one direction, and never held: a million lines cost a
//! few batches and 20 bytes each, by which a person who is there twice is found.
//! Sending is idempotent, because a person's id follows from the list and the
//! numbers; so an import that was interrupted is simply begun again.
//!
//! Reading and deciding are plain functions; [`import`] alone waits for others.

mod encoding;
mod error;
mod http;
mod import;
mod lines;
mod mapping;
mod options;
mod person;
mod plan;
mod progress;
mod records;
mod refused;
mod retry;
mod separator;

pub use error::Error;
pub use http::Http;
pub use import::{Summary, import};
pub use mapping::{Mapping, Place};
pub use options::{Header, Options};
pub use person::Reason;
pub use plan::{Look, look};
pub use progress::{Progress, Seen};
pub use retry::{Failure, Recipient};
