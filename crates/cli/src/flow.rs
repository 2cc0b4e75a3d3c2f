//! `trunkline flow`: what a call does, as files and as rows.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use trunkline_flow_file::{Finding, FlowFile, Report, Severity, report};

use crate::context::Context;
use crate::error::Error;
use crate::name::FLOW;
use crate::output::{Colour, Column, Out, Show, plain, shown};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::text("DETAIL", "/detail"),
    Column::new("CREATED", "/tm_create", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Checks a flow file; needs no server
    ///
    /// Says for each thing that it finds the line, the step and what to do. Ends
    /// with status 1 if something keeps the flow from working; warnings do not.
    #[command(after_long_help = "\
Examples:
  trunkline flow check survey.yaml
  trunkline flow check survey.yaml --json
  trunkline flow check - < survey.yaml

docs/flows.md has the format and every action.")]
    Check(File),
    /// Shows what a flow file becomes: the request that `create` sends; needs no server
    #[command(after_long_help = "Example: trunkline flow show survey.yaml")]
    Show(File),
    /// Makes a flow of a file
    #[command(after_long_help = "\
Examples:
  trunkline flow create survey.yaml
  trunkline flow create survey.yaml --name november

Next: trunkline call create --flow NAME, or trunkline campaign create --flow NAME")]
    Create {
        #[command(flatten)]
        file: File,

        /// Its name, if not the one in the file
        #[arg(long)]
        name: Option<String>,
    },
    /// Lists flows, newest first
    #[command(after_long_help = "Example: trunkline flow list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline flow get survey")]
    Get(Which),
    /// Deletes one; calls that run it go on
    #[command(after_long_help = "Example: trunkline flow delete survey")]
    Delete(Which),
}

/// Which file.
#[derive(Debug, Args)]
pub struct File {
    /// YAML or JSON; - for standard input
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

/// What works where nothing is set up yet.
pub(crate) fn offline(out: &Out, command: &Command) -> Option<Result<ExitCode, Error>> {
    match command {
        Command::Check(file) => Some(check(out, file)),
        Command::Show(file) => Some(show(out, file)),
        Command::Create { .. } | Command::List(_) | Command::Get(_) | Command::Delete(_) => None,
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Check(file) => check(&cx.out, &file),
        Command::Show(file) => show(&cx.out, &file),
        Command::Create { file, name } => create(cx, &file, name).await,
        Command::List(limit) => rows::list(cx, &FLOW, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &FLOW, &which).await,
        Command::Delete(which) => rows::delete(cx, &FLOW, &which).await,
    }
}

/// Says what is wrong with a file.
fn check(out: &Out, file: &File) -> Result<ExitCode, Error> {
    let report = report(&read(&file.path)?);
    if out.json {
        out.value(&json!({"ok": !report.has_errors(), "findings": report.findings}))?;
    } else {
        out.data(&told(out, &file.path, &report))?;
    }
    Ok(if report.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Shows what a file becomes.
fn show(out: &Out, file: &File) -> Result<ExitCode, Error> {
    let flow = good(out, &file.path)?;
    out.value(&flow.create_request())?;
    Ok(ExitCode::SUCCESS)
}

async fn create(cx: &Context, file: &File, name: Option<String>) -> Result<ExitCode, Error> {
    let mut flow = good(&cx.out, &file.path)?;
    if let Some(name) = name {
        flow.name = name;
    } else if flow.name.is_empty() {
        flow.name = title(&file.path);
    }
    let row = cx.api.create(FLOW.path, &flow.create_request()).await?;
    cx.out.done(&row, &plain(&row["id"]))?;
    Ok(ExitCode::SUCCESS)
}

/// Name and actions of a file, for calls and campaigns.
pub(crate) fn actions_of(out: &Out, path: &Path) -> Result<(String, Value), Error> {
    let flow = good(out, path)?;
    let name = if flow.name.is_empty() {
        title(path)
    } else {
        flow.name.clone()
    };
    Ok((name, json!(flow.actions)))
}

/// A flow without errors; warnings are said.
fn good(out: &Out, path: &Path) -> Result<FlowFile, Error> {
    let report = report(&read(path)?);
    for finding in &report.findings {
        out.say(&line(out, path, finding));
    }
    match report.flow {
        Some(flow) if !report.findings.iter().any(Finding::is_error) => Ok(flow),
        Some(_) | None => {
            let message = format!("`{}` has errors", path.display());
            Err(Error::failed(message).then("mend them; docs/flows.md has every action"))
        }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|source| Error::File {
        act: "read",
        path: path.to_owned(),
        source,
    })
}

fn title(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn told(out: &Out, path: &Path, report: &Report) -> String {
    let mut lines: Vec<String> = report
        .findings
        .iter()
        .map(|finding| line(out, path, finding))
        .collect();
    let of = |severity| {
        let found = report.findings.iter();
        found.filter(|finding| finding.severity == severity).count()
    };
    let steps = report.flow.as_ref().map_or(0, |flow| flow.actions.len());
    lines.push(format!(
        "{}: {steps} steps, {} errors, {} warnings",
        path.display(),
        of(Severity::Error),
        of(Severity::Warning)
    ));
    lines.join("\n") + "\n"
}

/// `survey.yaml:7: error: step `ask`: … [unknown_step]`, and below what to do.
fn line(out: &Out, path: &Path, finding: &Finding) -> String {
    let place = match finding.line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    };
    let severity = match finding.severity {
        Severity::Error => out.paint("error", Colour::Red),
        Severity::Warning => out.paint("warning", Colour::Yellow),
    };
    let step = match (finding.step.as_str(), finding.index) {
        ("", Some(index)) => format!("step {}: ", index + 1),
        ("", None) => String::new(),
        (label, _) => format!("step `{}`: ", shown(label)),
    };
    let (message, rule) = (shown(&finding.message), finding.rule);
    let mut line = format!("{place}: {severity}: {step}{message} [{rule}]");
    if !finding.help.is_empty() {
        line.push_str(&format!("\n    {}", shown(&finding.help)));
    }
    line
}
