//! Rows as read: columns by name, with the reading rules of chapter 02 §7.1.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use trunkline_model::time::without_sentinel;
use trunkline_model::{Address, Timestamp, wire};
use uuid::Uuid;

use crate::error::Error;
use crate::value::Value;

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    columns: Arc<[String]>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// Rows whose cells stand in the order of `columns`.
    #[must_use]
    pub fn new(columns: Vec<String>, rows: Vec<Vec<Value>>) -> Self {
        Self {
            columns: columns.into(),
            rows,
        }
    }

    /// The same with column names that several answers share.
    #[must_use]
    pub fn shared(columns: Arc<[String]>, rows: Vec<Vec<Value>>) -> Self {
        Self { columns, rows }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row {
            columns: &self.columns,
            cells,
            likely: 0,
        })
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    /// Maps every row.
    ///
    /// # Errors
    ///
    /// The first row that cannot be mapped.
    pub fn map<T>(&self, read: impl Fn(Row<'_>) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        self.iter().map(read).collect()
    }
}

/// One row. SQL NULL reads as the zero value everywhere (chapter 01 §5.3).
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [String],
    cells: &'a [Value],
    /// Where the next column is looked for first.
    likely: usize,
}

impl Row<'_> {
    /// The same row; the next column is likely to be the one at `place`.
    #[must_use]
    pub fn near(self, place: usize) -> Self {
        Self {
            likely: place,
            ..self
        }
    }

    fn cell(&self, column: &str) -> Result<&Value, Error> {
        let is_there = |at: &usize| self.columns.get(*at).is_some_and(|name| name == column);
        let at = Some(self.likely)
            .filter(is_there)
            .or_else(|| self.columns.iter().position(|name| name == column));
        at.and_then(|at| self.cells.get(at))
            .ok_or_else(|| shape(column, "there is no such column"))
    }

    /// A text that need not be kept. SQL NULL reads as the empty text.
    fn lent(&self, column: &str) -> Result<Cow<'_, str>, Error> {
        match self.cell(column)? {
            Value::Null => Ok(Cow::Borrowed("")),
            Value::Text(text) => Ok(Cow::Borrowed(text)),
            Value::Int(number) => Ok(Cow::Owned(number.to_string())),
            Value::Real(_) | Value::Blob(_) => Err(shape(column, "not a text")),
        }
    }

    /// A cell as it is; none when there is no such column.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&Value> {
        self.cell(column).ok()
    }

    /// Every column with its cell.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.columns.iter().map(String::as_str).zip(self.cells)
    }

    /// Bytes, whatever they mean.
    ///
    /// # Errors
    ///
    /// When the column is missing or is a number.
    pub fn blob(&self, column: &str) -> Result<Vec<u8>, Error> {
        match self.cell(column)? {
            Value::Null => Ok(Vec::new()),
            Value::Blob(bytes) => Ok(bytes.clone()),
            Value::Text(text) => Ok(text.as_bytes().to_vec()),
            Value::Int(_) | Value::Real(_) => Err(shape(column, "not bytes")),
        }
    }

    /// An id.
    ///
    /// # Errors
    ///
    /// When the column is missing or is not 16 bytes.
    pub fn id<T: From<Uuid>>(&self, column: &str) -> Result<T, Error> {
        match self.cell(column)? {
            Value::Null => Ok(Uuid::nil().into()),
            Value::Blob(bytes) if bytes.is_empty() => Ok(Uuid::nil().into()),
            Value::Blob(bytes) => Uuid::from_slice(bytes)
                .map(T::from)
                .map_err(|_| shape(column, "an id has 16 bytes")),
            Value::Int(_) | Value::Real(_) | Value::Text(_) => Err(shape(column, "not an id")),
        }
    }

    /// A text.
    ///
    /// # Errors
    ///
    /// When the column is missing or is not a text.
    pub fn text(&self, column: &str) -> Result<String, Error> {
        self.lent(column).map(Cow::into_owned)
    }

    /// A text that is an enumeration or a text id.
    ///
    /// # Errors
    ///
    /// As [`Row::text`].
    pub fn word<T: for<'t> From<&'t str>>(&self, column: &str) -> Result<T, Error> {
        Ok(T::from(&*self.lent(column)?))
    }

    /// An integer.
    ///
    /// # Errors
    ///
    /// When the column is missing or is not a number.
    pub fn int(&self, column: &str) -> Result<i64, Error> {
        match self.cell(column)? {
            Value::Null => Ok(0),
            Value::Int(number) => Ok(*number),
            Value::Real(_) | Value::Text(_) | Value::Blob(_) => {
                Err(shape(column, "not an integer"))
            }
        }
    }

    /// A number.
    ///
    /// # Errors
    ///
    /// When the column is missing or is not a number.
    pub fn real(&self, column: &str) -> Result<f64, Error> {
        match self.cell(column)? {
            Value::Null => Ok(0.0),
            #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^52")]
            Value::Int(number) => Ok(*number as f64),
            Value::Real(number) => Ok(*number),
            Value::Text(_) | Value::Blob(_) => Err(shape(column, "not a number")),
        }
    }

    /// A flag.
    ///
    /// # Errors
    ///
    /// As [`Row::int`].
    pub fn flag(&self, column: &str) -> Result<bool, Error> {
        Ok(self.int(column)? != 0)
    }

    /// A time; the sentinel of the year 9999 reads as none.
    ///
    /// # Errors
    ///
    /// When the column is missing or is not a time.
    pub fn time(&self, column: &str) -> Result<Option<Timestamp>, Error> {
        match self.cell(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => text
                .parse()
                .map(|at| without_sentinel(Some(at)))
                .map_err(|_| shape(column, "not a time")),
            Value::Int(_) | Value::Real(_) | Value::Blob(_) => Err(shape(column, "not a time")),
        }
    }

    /// A JSON column; SQL NULL, the empty text and JSON `null` read as the zero
    /// value.
    ///
    /// # Errors
    ///
    /// When the column is missing or its JSON does not fit.
    pub fn json<T: DeserializeOwned + Default>(&self, column: &str) -> Result<T, Error> {
        let text = self.lent(column)?;
        if text.is_empty() || text == "null" {
            return Ok(T::default());
        }
        wire::decode(&text).map_err(|error| shape(column, &error.to_string()))
    }

    /// A nullable JSON column: absent for SQL NULL, the empty text and JSON `null`.
    ///
    /// # Errors
    ///
    /// As [`Row::json`].
    pub fn json_or_none<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, Error> {
        let text = self.lent(column)?;
        if text.is_empty() || text == "null" {
            return Ok(None);
        }
        wire::decode(&text)
            .map(Some)
            .map_err(|error| shape(column, &error.to_string()))
    }

    /// A nullable address; `{}` reads as absent too (chapter 05 A.2).
    ///
    /// # Errors
    ///
    /// As [`Row::json`].
    pub fn address(&self, column: &str) -> Result<Option<Address>, Error> {
        let address: Option<Address> = self.json_or_none(column)?;
        Ok(address.filter(|address| *address != Address::default()))
    }
}

fn shape(column: &str, detail: &str) -> Error {
    Error::Shape {
        column: column.to_owned(),
        detail: detail.to_owned(),
    }
}
