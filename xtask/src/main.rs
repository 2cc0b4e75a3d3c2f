//! Chores of the workspace: `cargo xtask <chore>`.

mod broken;
mod broken_rules;
mod check_deps;
mod check_docs;
mod check_errors;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

const USAGE: &str = "usage: cargo xtask check-deps | check-docs | broken [--rule <name>]... [--seeds <first>..<last>] | sim --seeds <first>..<last> | sim --seed <n> [--trace] [--minimal]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Vec<String>) -> anyhow::Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["check-deps"] => check_deps(),
        ["check-docs"] => check_docs(),
        ["sim", ref rest @ ..] => sim(rest),
        ["broken", ref rest @ ..] => broken::run(root()?, rest),
        _ => bail!(USAGE),
    }
}

/// Runs seeds of the simulation, in a build that is quick.
fn sim(args: &[&str]) -> anyhow::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let run = [
        "run",
        "--quiet",
        "--profile",
        "sim",
        "--package",
        "trunkline-sim",
        "--",
    ];
    let status = std::process::Command::new(cargo)
        .args(run)
        .args(args)
        .status()
        .context("failed to run cargo")?;
    if !status.success() {
        bail!("the simulation ended with {status}");
    }
    Ok(())
}

fn root() -> anyhow::Result<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.context("xtask stands in the workspace")
}

fn check_docs() -> anyhow::Result<()> {
    let wrong = check_errors::wrong(root()?)?;
    if !wrong.is_empty() {
        bail!("check-docs: {}", wrong.join("; "));
    }
    eprintln!(
        "check-docs: every code of an error has its page in {}",
        check_errors::PAGES
    );
    let missing = check_docs::missing(root()?)?;
    if missing.is_empty() {
        eprintln!(
            "check-docs: every test that {} names exists",
            check_docs::DOCUMENT
        );
        return Ok(());
    }
    bail!(
        "check-docs: {} names tests that do not exist: {}",
        check_docs::DOCUMENT,
        missing.join(", ")
    );
}

fn check_deps() -> anyhow::Result<()> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec();
    let metadata = metadata.context("failed to read the workspace with `cargo metadata`")?;
    let edges = check_deps::edges(&metadata);
    let violations = check_deps::violations(&edges);
    if violations.is_empty() {
        eprintln!(
            "check-deps: {} dependencies follow the direction",
            edges.len()
        );
        return Ok(());
    }
    for violation in &violations {
        eprintln!("check-deps: {violation}");
    }
    bail!(
        "check-deps: {} dependencies break the direction (docs/ARCHITECTURE.md)",
        violations.len()
    );
}
