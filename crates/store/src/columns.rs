//! The column list of a resource: once, in one place, for reading and writing.
//!
//! [`table!`] turns a list of `"column" field kind` into the `SELECT` list, the
//! row mapping and the values of an insert. A kind is one of the modules below:
//! how a field is written, and how a cell is read.

macro_rules! table {
    ($model:ident in $table:literal;
     $first:literal $first_field:ident $first_kind:ident
     $(, $column:literal $field:ident $kind:ident )* $(,)?) => {
        const TABLE: &str = $table;
        const COLUMNS: &str = concat!($first, $( ", ", $column ),*);
        const SELECT: $crate::select::Select<$model> =
            $crate::select::Select { table: TABLE, columns: COLUMNS, read };

        /// Maps a row that has every column of the resource.
        ///
        /// # Errors
        ///
        /// When a cell does not have the shape that the code expects.
        pub fn read(row: $crate::row::Row<'_>) -> Result<$model, $crate::error::Error> {
            // In the order of the `SELECT` list.
            #[allow(unused_mut, unused_assignments, reason = "some tables have one column")]
            let mut place = 0;
            #[allow(clippy::needless_update, reason = "some resources have fields without a column")]
            Ok($model {
                $first_field: $crate::columns::$first_kind::read(row, $first)?,
                $( $field: {
                    place += 1;
                    $crate::columns::$kind::read(row.near(place), $column)?
                }, )*
                ..$model::default()
            })
        }

        fn values(it: &$model) -> Vec<(&'static str, $crate::value::Value)> {
            vec![
                ($first, $crate::columns::$first_kind::write(&it.$first_field)),
                $( ($column, $crate::columns::$kind::write(&it.$field)), )*
            ]
        }
    };
}

macro_rules! kinds {
    ($( $(#[$meta:meta])* $kind:ident<$($generic:ident: $bound:path)?>($type:ty) {
        read($row:ident, $column:ident) $read:expr;
        write($value:ident) $write:expr;
    } )*) => { $(
        $(#[$meta])*
        pub(crate) mod $kind {
            #[allow(unused_imports, reason = "each kind needs some of them")]
            use super::*;

            pub(crate) fn read$(<$generic: $bound>)?($row: Row<'_>, $column: &str) -> Result<$type, Error> {
                $read
            }

            #[allow(clippy::ptr_arg, reason = "the field's type, whatever it is")]
            pub(crate) fn write$(<$generic: $bound>)?($value: &$type) -> Value {
                $write
            }
        }
    )* };
}

use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline_model::agent::Permission;
use trunkline_model::customer::Secret;
use trunkline_model::{Address, Timestamp};
use uuid::Uuid;

use crate::error::Error;
use crate::row::Row;
use crate::value::Value;

/// An id made of a UUID.
pub(crate) trait Id: Copy + From<Uuid> + Into<Uuid> {}
impl<T: Copy + From<Uuid> + Into<Uuid>> Id for T {}

/// A shape that a JSON column holds.
pub(crate) trait Json: Serialize + DeserializeOwned + Default {}
impl<T: Serialize + DeserializeOwned + Default> Json for T {}

/// An enumeration or a text id.
pub(crate) trait Word: for<'t> From<&'t str> + ToString {}
impl<T: for<'t> From<&'t str> + ToString> Word for T {}

kinds! {
    /// 16 bytes.
    id<T: Id>(T) {
        read(row, column) row.id(column);
        write(value) Value::uuid(*value);
    }
    /// Absent is SQL NULL; so is the nil id.
    maybe_id<>(Option<Uuid>) {
        read(row, column) row.id::<Uuid>(column).map(|id| Some(id).filter(|id| !id.is_nil()));
        write(value) value.map_or(Value::Null, Value::uuid);
    }
    blob<>(Vec<u8>) {
        read(row, column) row.blob(column);
        write(value) Value::Blob(value.clone());
    }
    text<>(String) {
        read(row, column) row.text(column);
        write(value) Value::from(value.as_str());
    }
    /// A text that is an enumeration or a text id.
    word<T: Word>(T) {
        read(row, column) row.word(column);
        write(value) Value::from(value.to_string());
    }
    int<>(i64) {
        read(row, column) row.int(column);
        write(value) Value::Int(*value);
    }
    real<>(f64) {
        read(row, column) row.real(column);
        write(value) Value::Real(*value);
    }
    flag<>(bool) {
        read(row, column) row.flag(column);
        write(value) Value::from(*value);
    }
    time<>(Option<Timestamp>) {
        read(row, column) row.time(column);
        write(value) Value::time_or_null(*value);
    }
    json<T: Json>(T) {
        read(row, column) row.json(column);
        write(value) Value::json(value);
    }
    /// Absent is the JSON literal `null`.
    literal<T: Json>(Option<T>) {
        read(row, column) row.json_or_none(column);
        write(value) Value::json(value);
    }
    /// Absent is SQL NULL.
    nullable<T: Json>(Option<T>) {
        read(row, column) row.json_or_none(column);
        write(value) value.as_ref().map_or(Value::Null, Value::json);
    }
    /// Absent is the JSON literal `null`; `{}` reads as absent too.
    address<>(Option<Address>) {
        read(row, column) row.address(column);
        write(value) Value::json(value);
    }
    /// Absent is the empty text.
    maybe_text<>(Option<String>) {
        read(row, column) row.text(column).map(|text| Some(text).filter(|text| !text.is_empty()));
        write(value) value.as_deref().map_or(Value::Null, Value::from);
    }
    permission<>(Permission) {
        read(row, column) row.int(column).map(Permission);
        write(value) Value::Int(value.0);
    }
    secret<>(Secret) {
        read(row, column) row.text(column).map(Secret);
        write(value) Value::from(value.0.as_str());
    }
}
