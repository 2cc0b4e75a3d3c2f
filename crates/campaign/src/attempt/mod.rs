//! One attempt of a campaign, from its row to its result.
//!
//! ```text
//!   begin: row ── claim: target ── create: call or activeflow ── … ── done: result, report
//!     │ refused: nothing │ refused: done │ refused: done
//!     │ unknown: look    │ unknown: look │ unknown: look
//! ```
//!
//! All ids are chosen and stored before anything leaves (architecture decision
//! 8). What is not known is left to a look at it, which asks the service by the
//! known id; until that has its answer the target is not dialed again (I4).

mod begin;
mod claim;
mod create;
pub(crate) mod done;
pub(crate) mod look;
pub(crate) mod place;
