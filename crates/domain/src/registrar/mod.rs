//! Trunks and phones: what they may hold, what Asterisk is told of them, and what
//! is said when one does not work (architecture decision 21).

pub mod objects;
pub mod phone;
pub mod trunk;
pub mod words;

mod check;

/// A field that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct Invalid {
    /// Its name.
    pub field: &'static str,
    /// What is wrong, and what it may be.
    pub why: String,
}
