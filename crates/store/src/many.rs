//! Statements about many rows at once.

use uuid::Uuid;

use crate::batch::Statement;
use crate::value::Value;

/// Ids in one statement. Few different lengths make few different texts, which
/// engines remember in prepared form; a list is filled up with its last id.
const LENGTHS: [usize; 3] = [1, 8, 64];

/// `before (?, ?, …)` for ids in portions; `first` are the parameters before
/// the list. Each may change any number of rows.
pub(crate) fn with_ids(before: &str, first: &[Value], ids: &[Uuid]) -> Vec<Statement> {
    let longest = LENGTHS[LENGTHS.len() - 1];
    ids.chunks(longest)
        .map(|portion| with_portion(before, first, portion))
        .collect()
}

fn with_portion(before: &str, first: &[Value], portion: &[Uuid]) -> Statement {
    let length = LENGTHS
        .into_iter()
        .find(|length| *length >= portion.len())
        .unwrap_or(portion.len());
    let marks = vec!["?"; length].join(", ");
    let mut params = first.to_vec();
    params.extend(portion.iter().map(|id| Value::uuid(*id)));
    if let Some(last) = portion.last() {
        let filling = length - portion.len();
        params.extend(std::iter::repeat_n(Value::uuid(*last), filling));
    }
    Statement::any(format!("{before} ({marks})"), params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_in_one_of_few_texts() {
        for number in [1, 2, 8, 9, 64, 65, 200] {
            let ids: Vec<Uuid> = (0..number).map(|n| Uuid::from_u128(n + 1)).collect();
            let statements = with_ids("DELETE FROM t WHERE a = ? AND id IN", &[7.into()], &ids);
            let mut seen: Vec<Value> = Vec::new();
            for statement in &statements {
                let marks = statement.sql.matches('?').count();
                assert_eq!(marks, statement.params.len());
                assert!(LENGTHS.contains(&(marks - 1)), "{number} ids");
                seen.extend(statement.params[1..].iter().cloned());
            }
            for id in ids {
                assert!(seen.contains(&Value::uuid(id)));
            }
        }
    }
}
