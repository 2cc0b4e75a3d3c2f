//! One attempt of a campaign, from its row to its result.
//!
//! ```text
//!   begin: row, duties ── claim: target ── create: call or activeflow ── … ── done: result, report
//!     │ refused: nothing      │ refused: done         │ refused: done
//!     │                       │ unknown: check        │ unknown: check
//! ```
//!
//! All ids are chosen and stored before anything leaves (architecture decision
//! 8). What is not known is left to the check, a duty that asks the service by
//! the known id; until it has its answer the target is not dialed again (I4).

pub(crate) mod begin;
pub(crate) mod check;
mod create;
pub(crate) mod done;
pub(crate) mod place;
