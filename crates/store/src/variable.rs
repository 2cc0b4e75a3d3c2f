//! `trunkline_variables`: the variables of activeflows, which VoIPbin keeps in
//! Redis only (chapter 05 D.6.1).

use std::collections::BTreeMap;

use trunkline_model::Timestamp;
use trunkline_model::id::ActiveflowId;
use trunkline_model::variable::Variable;

use crate::batch::{Expect, Statement};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// All variables of an activeflow, with the version that [`save`] wants.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(
    db: &dyn Database,
    id: ActiveflowId,
) -> Result<Option<(Variable, Option<Timestamp>)>, Error> {
    let sql =
        "SELECT variables, tm_update FROM trunkline_variables WHERE activeflow_id = ? LIMIT 1";
    let rows = db.query(sql, vec![Value::uuid(id)]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let variables = row.json("variables")?;
    Ok(Some((Variable { id, variables }, row.time("tm_update")?)))
}

/// Writes all variables, whatever was there.
#[must_use]
pub fn set(dialect: Dialect, variable: &Variable, now: Timestamp) -> Statement {
    let replace = dialect.replace();
    let sql = format!(
        "{replace} trunkline_variables (activeflow_id, variables, tm_update) VALUES (?, ?, ?)"
    );
    let params = vec![
        Value::uuid(variable.id),
        Value::json(&variable.variables),
        now.into(),
    ];
    Statement {
        expect: Expect::Some,
        ..Statement::any(sql, params)
    }
}

/// Writes all variables, only while they are as they were read. `now` must be
/// later than `from`.
#[must_use]
pub fn save(
    id: ActiveflowId,
    variables: &BTreeMap<String, String>,
    from: Timestamp,
    now: Timestamp,
) -> Statement {
    Statement::one(
        "UPDATE trunkline_variables SET variables = ?, tm_update = ? WHERE activeflow_id = ? AND tm_update = ?",
        vec![
            Value::json(variables),
            now.into(),
            Value::uuid(id),
            from.into(),
        ],
    )
}

/// Forgets variables that were last written before `before`.
#[must_use]
pub fn purge(before: Timestamp) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_variables WHERE tm_update < ?",
        vec![before.into()],
    )
}
