//! Tests that the documents name exist: a row of `docs/differences.md` whose
//! test was renamed or removed pins nothing.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

/// The document that names tests.
pub(crate) const DOCUMENT: &str = "docs/differences.md";

/// Folders with Rust code.
const CODE: [&str; 3] = ["crates", "tests", "xtask"];

/// Tests that the document names and that no code has.
///
/// # Errors
///
/// When a file cannot be read.
pub(crate) fn missing(root: &Path) -> Result<Vec<String>> {
    let path = root.join(DOCUMENT);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    let mut functions = BTreeSet::new();
    for folder in CODE {
        collect(&root.join(folder), &mut functions)?;
    }
    Ok(named(&text)
        .into_iter()
        .filter(|name| !functions.contains(name))
        .collect())
}

/// The names in the last column of every table row.
fn named(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let last_cells = rows.filter_map(|line| line.trim_end_matches('|').rsplit('|').next());
    last_cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|word| {
            word.contains('_')
                && word
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        })
        .map(str::to_owned)
        .collect()
}

fn collect(folder: &Path, functions: &mut BTreeSet<String>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, functions)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            functions.extend(functions_of(&std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

fn functions_of(code: &str) -> Vec<String> {
    let after_fn = code
        .lines()
        .filter_map(|line| line.trim_start().split_once("fn ").map(|(_, rest)| rest));
    after_fn
        .filter_map(|rest| rest.split(['(', '<']).next())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_the_last_column_only() {
        let text = "| `not_this` | why | test |\n| a | `nor_this` | `this_one`, `and_this` |\nplain `nothing_here`";
        assert_eq!(
            named(text).into_iter().collect::<Vec<_>>(),
            ["and_this", "this_one"]
        );
    }

    #[test]
    fn functions_are_found_however_they_are_declared() {
        let code = "#[test]\nfn one() {}\n    pub(crate) async fn two<T>(x: T) {}\n// nothing\n";
        assert_eq!(functions_of(code), ["one", "two"]);
    }
}
