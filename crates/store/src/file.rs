//! `trunkline_files`: what storage-manager keeps (chapter 01 §9.4).

use trunkline_model::Timestamp;
use trunkline_model::file::{File, FileType};
use trunkline_model::id::FileId;
use trunkline_model::page::Page;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::select::Order;
use crate::value::Value;

table! { File in "trunkline_files";
    "id" id id,
    "customer_id" customer_id id,
    "owner_id" owner_id id,
    "reference_type" reference_type word,
    "reference_id" reference_id id,
    "type" kind word,
    "name" name text,
    "detail" detail text,
    "filename" filename text,
    "bucket_name" bucket_name text,
    "filepath" filepath text,
    "filesize" filesize int,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

/// What lists may be filtered by.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("owner_id", Kind::Id),
        ("reference_type", Kind::Text),
        ("reference_id", Kind::Id),
        ("type", Kind::Text),
        ("filename", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The file by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: FileId) -> Result<Option<File>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// The file by its path, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_path(db: &dyn Database, path: &str) -> Result<Option<File>, Error> {
    SELECT.one(db, "filepath = ?", vec![path.into()]).await
}

/// One page, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<File>, Error> {
    SELECT.page(db, filter, page, Order::NewestThenId).await
}

/// Files of a type that are kept and were made before `before`, the oldest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn made_before(
    db: &dyn Database,
    kind: &FileType,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<File>, Error> {
    let condition = "tm_delete IS NULL AND type = ? AND tm_create < ? \
        ORDER BY tm_create, id LIMIT ?";
    let params = vec![
        kind.as_str().into(),
        before.into(),
        Value::Int(i64::from(limit)),
    ];
    SELECT.all(db, condition, params).await
}

/// A new row, as given; a path that is used is a conflict.
#[must_use]
pub fn insert(file: &File) -> Statement {
    Statement::insert(TABLE, values(file))
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: FileId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_files SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}
