//! What the reads of all resources have in common.

use trunkline_model::Timestamp;
use trunkline_model::page::Page;

use crate::error::Error;
use crate::filter::Filter;
use crate::port::Database;
use crate::row::Row;
use crate::value::Value;

/// Keys that one query asks for: below what any engine limits.
const KEYS_OF_ONE_QUERY: usize = 1_000;

/// Among rows of the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Whatever the engine gives first.
    Newest,
    /// The larger id first, as campaign-manager orders (chapter 01 §4.1).
    NewestThenId,
}

/// The columns of a resource and how a row is mapped.
pub(crate) struct Select<T> {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static str,
    pub(crate) read: fn(Row<'_>) -> Result<T, Error>,
}

impl<T> Select<T> {
    /// The first row for which `condition` holds; deleted ones are included
    /// unless it says otherwise.
    pub(crate) async fn one(
        &self,
        db: &dyn Database,
        condition: &str,
        params: Vec<Value>,
    ) -> Result<Option<T>, Error> {
        let (table, columns) = (self.table, self.columns);
        let sql = format!("SELECT {columns} FROM {table} WHERE {condition} LIMIT 1");
        db.query(&sql, params)
            .await?
            .first()
            .map(self.read)
            .transpose()
    }

    /// Every row for which `condition` holds; the caller's text bounds them.
    pub(crate) async fn all(
        &self,
        db: &dyn Database,
        condition: &str,
        params: Vec<Value>,
    ) -> Result<Vec<T>, Error> {
        let (table, columns) = (self.table, self.columns);
        let sql = format!("SELECT {columns} FROM {table} WHERE {condition}");
        db.query(&sql, params).await?.map(self.read)
    }

    /// Every row that lives and is enabled, in the order of the ids, at most
    /// `limit`.
    pub(crate) async fn enabled(&self, db: &dyn Database, limit: u32) -> Result<Vec<T>, Error> {
        let condition = "tm_delete IS NULL AND enabled = 1 ORDER BY id LIMIT ?";
        self.all(db, condition, vec![Value::Int(limit.into())])
            .await
    }

    /// The rows whose `column` is one of `keys`, in no order; `condition` is
    /// empty or begins with ` AND`. Any number of keys: they are asked for in
    /// parts that every engine takes.
    pub(crate) async fn among(
        &self,
        db: &dyn Database,
        column: &str,
        keys: Vec<Value>,
        condition: &str,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        for part in keys.chunks(KEYS_OF_ONE_QUERY) {
            let marks = vec!["?"; part.len()].join(", ");
            let wanted = format!("{column} IN ({marks}){condition}");
            found.extend(self.all(db, &wanted, part.to_vec()).await?);
        }
        Ok(found)
    }

    /// One page, newest first (chapter 01 §4.1).
    pub(crate) async fn page(
        &self,
        db: &dyn Database,
        filter: &Filter,
        page: &Page,
        order: Order,
    ) -> Result<Vec<T>, Error> {
        let limit = limit(page);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (conditions, filters) = filter.parts();
        let order = match order {
            Order::Newest => "tm_create DESC",
            Order::NewestThenId => "tm_create DESC, id DESC",
        };
        let condition = format!("tm_create < ?{conditions} ORDER BY {order} LIMIT ?");
        let mut params = vec![token(page)];
        params.extend(filters);
        params.push(Value::Int(limit));
        self.all(db, &condition, params).await
    }
}

fn limit(page: &Page) -> i64 {
    page.limit
        .map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}

/// SQLite compares texts: a token in any form of chapter 01 §5.1 must look like
/// the column. What is no time is compared as it is.
fn token(page: &Page) -> Value {
    page.token
        .parse::<Timestamp>()
        .map_or_else(|_| Value::from(page.token.as_str()), Value::time)
}
