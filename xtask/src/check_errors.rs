//! Every code that the HTTP API answers with has a page, and every page is
//! served: `docs/errors/<CODE>.md`, the table in `codes.rs`, and the codes in
//! the gateway's text are held against each other.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

/// Where the pages are.
pub(crate) const PAGES: &str = "docs/errors";

const GATEWAY: &str = "crates/gateway/src";
const TABLE: &str = "crates/gateway/src/codes.rs";

/// What does not fit, in words.
///
/// # Errors
///
/// When a file cannot be read.
pub(crate) fn wrong(root: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeSet::new();
    for entry in std::fs::read_dir(root.join(PAGES)).context("failed to read docs/errors")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        pages.extend(name.strip_suffix(".md").map(str::to_owned));
    }
    let table = std::fs::read_to_string(root.join(TABLE)).context("failed to read codes.rs")?;
    let mut used = BTreeSet::new();
    collect(&root.join(GATEWAY), &mut used)?;
    Ok(compare(&pages, &listed(&table), &used))
}

fn compare(
    pages: &BTreeSet<String>,
    table: &BTreeSet<String>,
    used: &BTreeSet<String>,
) -> Vec<String> {
    let unlisted = pages.difference(table);
    let unlisted = unlisted.map(|code| format!("{PAGES}/{code}.md is not in {TABLE}"));
    let unwritten = table.union(used).filter(|code| !pages.contains(*code));
    let unwritten = unwritten.map(|code| format!("{code} has no page {PAGES}/{code}.md"));
    unlisted.chain(unwritten).collect()
}

/// The codes of the table: one on each line of `codes![…]`.
fn listed(table: &str) -> BTreeSet<String> {
    let list = table.split("codes![").nth(1).unwrap_or_default();
    let list = list.split(']').next().unwrap_or_default();
    list.split('"')
        .filter(|word| is_code(word))
        .map(str::to_owned)
        .collect()
}

fn collect(folder: &Path, used: &mut BTreeSet<String>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, used)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            used.extend(codes_of(&std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// The codes that errors are made with: the first text behind the status of an
/// `ApiError::new(StatusCode::…, "CODE", …)`, and of a `busy("CODE", …)`.
fn codes_of(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let made = ["ApiError::new(", "Self::new(", "busy(", "refused("];
    made.iter()
        .flat_map(|call| text.split(call).skip(1))
        .filter_map(|rest| rest.split('"').nth(1).filter(|_| begins_with_status(rest)))
        .filter(|word| is_code(word))
        .map(str::to_owned)
        .collect()
}

/// Whether the arguments are a status and a text, or a text at once.
fn begins_with_status(arguments: &str) -> bool {
    let before = arguments.split('"').next().unwrap_or_default().trim();
    before.is_empty() || (before.starts_with("StatusCode::") && before.ends_with(','))
}

fn is_code(word: &str) -> bool {
    word.len() > 3
        && word
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn codes_are_found_where_errors_are_made() {
        let text = "ApiError::new(\n StatusCode::CONFLICT,\n \"NOT_NOW\", \"x\") busy(\"TOO_MUCH\", \"y\") \
            field(\"NO_CODE\") ApiError::new(status, \"NOR_THIS\")\n#[cfg(test)] busy(\"IN_TEST\", 1)";
        assert_eq!(codes_of(text), ["NOT_NOW", "TOO_MUCH"]);
        assert_eq!(
            listed("x codes![\n \"A_BC\",\n \"TIMEOUT\",\n]; \"C_D\""),
            set(&["A_BC", "TIMEOUT"])
        );
    }

    #[test]
    fn both_directions_are_told() {
        let wrong = compare(&set(&["A_A", "B_B"]), &set(&["A_A", "C_C"]), &set(&["D_D"]));
        assert_eq!(wrong.len(), 3, "{wrong:?}");
    }
}
