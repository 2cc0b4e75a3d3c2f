//! Batches: what is written together or not at all.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::value::Value;

/// How many rows a statement must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Exactly one: the precondition in its `WHERE` must hold.
    One,
    /// Any number, also none.
    Any,
    /// At least one.
    Some,
}

impl Expect {
    /// Whether `changed` rows satisfy it.
    #[must_use]
    pub fn accepts(self, changed: u64) -> bool {
        match self {
            Self::One => changed == 1,
            Self::Any => true,
            Self::Some => changed >= 1,
        }
    }

    /// In words, for the error.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::One => "exactly 1",
            Self::Any => "any number",
            Self::Some => "at least 1",
        }
    }
}

/// One SQL statement with its parameters (`?` in order) and what it must change.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The text; `?` for each parameter.
    pub sql: Cow<'static, str>,
    /// In the order of the question marks.
    pub params: Vec<Value>,
    /// Rows that it must change.
    pub expect: Expect,
}

impl Statement {
    /// A statement that must change exactly one row.
    #[must_use]
    pub fn one(sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        Self {
            sql: sql.into(),
            params,
            expect: Expect::One,
        }
    }

    /// A statement that may change any number of rows.
    #[must_use]
    pub fn any(sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        Self {
            sql: sql.into(),
            params,
            expect: Expect::Any,
        }
    }

    /// `INSERT INTO table (columns) VALUES (?, …)` that must insert one row.
    #[must_use]
    pub fn insert(table: &'static str, columns: Vec<(&'static str, Value)>) -> Self {
        let (names, params) = columns.into_iter().unzip();
        Self::one(insert_text("INSERT INTO", table, names), params)
    }

    /// The same, which leaves a row with this key as it is.
    #[must_use]
    pub fn insert_new(
        dialect: Dialect,
        table: &'static str,
        columns: Vec<(&'static str, Value)>,
    ) -> Self {
        let (names, params) = columns.into_iter().unzip();
        Self::any(insert_text(dialect.insert_ignore(), table, names), params)
    }

    /// The same statement, free to change any number of rows.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.expect = Expect::Any;
        self
    }
}

fn insert_text(begin: &str, table: &str, names: Vec<&str>) -> String {
    let marks = vec!["?"; names.len()].join(", ");
    format!("{begin} {table} ({}) VALUES ({marks})", names.join(", "))
}

/// Statements that are applied together, in order, or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// In the order of execution.
    pub statements: Vec<Statement>,
}

impl Batch {
    /// An empty batch. Applying it changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a statement.
    #[must_use]
    pub fn with(mut self, statement: Statement) -> Self {
        self.statements.push(statement);
        self
    }

    /// Adds a statement in place.
    pub fn push(&mut self, statement: Statement) {
        self.statements.push(statement);
    }

    /// Adds several statements in place.
    pub fn extend(&mut self, statements: impl IntoIterator<Item = Statement>) {
        self.statements.extend(statements);
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

impl FromIterator<Statement> for Batch {
    fn from_iter<I: IntoIterator<Item = Statement>>(statements: I) -> Self {
        Self {
            statements: statements.into_iter().collect(),
        }
    }
}
