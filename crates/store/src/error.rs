//! What can go wrong with the database, by what the caller can do about it.

/// An error of the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A statement changed another number of rows than the batch expects:
    /// somebody else was first. Nothing of the batch was applied. Gather again
    /// and decide again.
    #[error("statement {statement} of the batch changed {changed} rows, expected {expected}")]
    Precondition {
        /// Position in the batch, from 0.
        statement: usize,
        /// Rows that it changed.
        changed: u64,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A unique key exists already. Nothing of the batch was applied.
    #[error("statement {statement} of the batch repeats a unique key: {detail}")]
    Duplicate {
        /// Position in the batch, from 0.
        statement: usize,
        /// The engine's words.
        detail: String,
    },
    /// The disk is full or the file cannot be written. Reads still work.
    #[error("the database cannot be written: {0}")]
    Full(String),
    /// Busy, locked or disconnected; the same batch may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The statement itself is wrong for this schema.
    #[error("the database refused a statement: {0}")]
    Statement(String),
    /// A row does not have the shape that the code expects.
    #[error("column `{column}` of a row cannot be read: {detail}")]
    Shape {
        /// The column.
        column: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// Whether a precondition or a unique key refused the batch: another writer
    /// was first.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Precondition { .. } | Self::Duplicate { .. })
    }
}
