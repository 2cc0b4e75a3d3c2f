//! Tells the program the commit that it is built from, where that is known: from
//! the variable `TRUNKLINE_COMMIT`; a release build also asks git. A debug build does
//! not, or each commit would build it anew.

use std::path::Path;
use std::process::Command;

/// Grows with every commit.
const LOG: &str = "../../.git/logs/HEAD";

fn main() {
    println!("cargo::rerun-if-env-changed=TRUNKLINE_COMMIT");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    println!("cargo::rerun-if-changed=build.rs");
    if release && Path::new(LOG).exists() {
        println!("cargo::rerun-if-changed={LOG}");
    }
    let commit = std::env::var("TRUNKLINE_COMMIT")
        .ok()
        .filter(|commit| !commit.is_empty())
        .or_else(|| release.then(of_git)?);
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo::rustc-env=TRUNKLINE_VERSION={version}");
}

/// The commit of the checkout, if this is one and git is there.
fn of_git() -> Option<String> {
    let git = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()?;
    let commit = String::from_utf8(git.stdout).ok()?;
    let commit = commit.trim();
    (git.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}
