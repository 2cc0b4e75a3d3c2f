//! Figures: `bench [NAME…]` measures all of them, or those that are named, prints
//! a table, and appends one line of JSON each to `target/bench/figures.jsonl`.
//!
//! A missed goal is a figure like any other; an error (a call that did not end as
//! it should, a part that did not start) ends the program with a failure. Build
//! with `--release`: `make bench` does.

#![expect(clippy::print_stdout, reason = "prints figures")]

mod benches;
mod feed;
mod figure;
mod machine;
mod rows;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::benches::Bench;
use crate::machine::Machine;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let wanted = wanted(&names)?;
    let machine = Machine::here().await;
    let mut failed = Vec::new();
    println!("{}", figure::head());
    for bench in wanted {
        match bench.run().await {
            Ok(figures) => {
                for figure in &figures {
                    println!("{}", figure.row());
                    machine.note(figure)?;
                }
            }
            Err(error) => {
                println!("{}: {error:#}", bench.figures().join(", "));
                failed.push(bench);
            }
        }
    }
    println!("\n{}", machine.file().display());
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The measurements that give these figures; all of them without a name.
fn wanted(names: &[String]) -> Result<Vec<Bench>> {
    for name in names {
        if !Bench::ALL
            .iter()
            .any(|bench| bench.figures().contains(&name.as_str()))
        {
            let known: Vec<&str> = Bench::ALL
                .iter()
                .flat_map(|it| it.figures())
                .copied()
                .collect();
            bail!(
                "there is no figure `{name}`; there are {}",
                known.join(", ")
            );
        }
    }
    let named = |bench: &&Bench| {
        names.is_empty()
            || bench
                .figures()
                .iter()
                .any(|it| names.iter().any(|name| name == it))
    };
    Ok(Bench::ALL.iter().filter(named).copied().collect())
}
