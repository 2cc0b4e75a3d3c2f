//! Flow files: what a person writes, and the actions that come of it
//! (`docs/flows.md`).
//!
//! ```text
//! text ─ tree (YAML, JSON) ─ file ─ step by step: labels → ids ─ actions ─ check
//! ```
//!
//! [`report`] reads a file and checks it; a file that cannot be read has findings
//! too, with their lines. The rules are `trunkline_domain::flow::check`'s. Pure:
//! whoever calls it has read the text.

mod file;
mod json;
mod step;
mod tree;
mod value;
mod yaml;

pub use file::FlowFile;
pub use trunkline_domain::flow::check::{Finding, Given, Place, Severity, check};

/// Longest text that is read, bytes.
pub const MOST_BYTES: usize = 1_048_576;

/// What a file holds and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// `None` when it cannot be read.
    pub flow: Option<FlowFile>,
    /// In the order of the file.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether something keeps the flow from working.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }
}

/// Reads a flow file and checks it.
#[must_use]
pub fn report(text: &str) -> Report {
    if text.len() > MOST_BYTES {
        let message = format!("the file is longer than {MOST_BYTES} bytes");
        return unreadable(Finding::error("too_large", message));
    }
    let tree = match tree(text) {
        Ok(tree) => tree,
        Err(finding) => return unreadable(*finding),
    };
    let (flow, mut findings) = file::read(&tree);
    if let Some(flow) = &flow {
        findings.extend(check(&flow.actions, &flow.places, &flow.given));
        findings.sort_by_key(|finding| finding.index);
    }
    Report { flow, findings }
}

fn unreadable(finding: Finding) -> Report {
    Report {
        flow: None,
        findings: vec![finding],
    }
}

/// JSON is told by its first character: YAML reads most of it, and some of it
/// otherwise.
fn tree(text: &str) -> Result<tree::Node, tree::Unreadable> {
    if text.trim_start().starts_with(['{', '[']) {
        let json = json::read(text);
        // Such a text may be YAML as well: `{name: x}`.
        return json.or_else(|error| yaml::read(text).map_err(|_| error));
    }
    yaml::read(text)
}
