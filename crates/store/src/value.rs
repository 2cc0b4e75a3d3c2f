//! Values as they are bound and read: the four storage classes both engines have.

use trunkline_model::{Timestamp, wire};
use uuid::Uuid;

/// A value of a column or parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    /// A UUID as 16 raw bytes in text order (chapter 02 §7.1); nil is sixteen
    /// zero bytes, never NULL.
    #[must_use]
    pub fn uuid(id: impl Into<Uuid>) -> Self {
        Self::Blob(id.into().as_bytes().to_vec())
    }

    /// A JSON column: compact text.
    #[must_use]
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Self {
        Self::Text(wire::text(value))
    }

    /// A `DATETIME(6)` column.
    #[must_use]
    pub fn time(at: Timestamp) -> Self {
        Self::Text(at.column())
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Int(_) | Self::Real(_) | Self::Blob(_) => None,
        }
    }

    /// The number, if it is a whole one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Null | Self::Real(_) | Self::Text(_) | Self::Blob(_) => None,
        }
    }

    /// The UUID that [`Value::uuid`] made it from.
    #[must_use]
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Self::Blob(bytes) => Uuid::from_slice(bytes).ok(),
            Self::Null | Self::Int(_) | Self::Real(_) | Self::Text(_) => None,
        }
    }

    /// A nullable `DATETIME(6)` column.
    #[must_use]
    pub fn time_or_null(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Null, Self::time)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::time(at)
    }
}
