//! The demo, as a newcomer runs it: with the real Asterisk and without.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use trunkline_e2e::program;
use trunkline_rig::Api;

const LAST_LINE: &str = "demo: 40 of 40 targets ended as expected";

#[tokio::test]
async fn demo_ends_as_expected_and_leaves_nothing_behind() -> Result<()> {
    ends_as_expected("real", "embedded").await
}

#[tokio::test]
async fn demo_without_an_asterisk_ends_the_same() -> Result<()> {
    ends_as_expected("simulated", "embedded").await
}

/// Fifteen processes over a private RabbitMQ, each with its own database.
#[tokio::test]
async fn demo_with_each_role_a_process_of_its_own_ends_the_same() -> Result<()> {
    ends_as_expected("simulated", "rabbitmq").await
}

async fn ends_as_expected(asterisk: &str, shape: &str) -> Result<()> {
    let dir = TempDir::new()?;
    let parts = dir.path().join("parts");
    let mut command = demo(asterisk, &parts)?;
    command.args(["--shape", shape]);
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(said.lines().last(), Some(LAST_LINE), "{said}");
    assert!(!parts.exists(), "its files are gone");
    Ok(())
}

/// With `--keep` the API goes on answering with the token that is printed, until
/// the demo is told to end.
#[tokio::test]
async fn a_kept_demo_goes_on_until_it_is_ended() -> Result<()> {
    let dir = TempDir::new()?;
    let parts = dir.path().join("parts");
    let mut command = demo("simulated", &parts)?;
    command.arg("--keep").stdout(Stdio::piped());
    let mut demo = command.kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(demo.stdout.take().context("no output")?).lines();
    let mut api = None;
    while let Some(line) = lines.next_line().await? {
        let Some(rest) = line.trim().strip_prefix("export TRUNKLINE_URL=") else {
            continue;
        };
        let (url, token) = rest
            .split_once(" TRUNKLINE_TOKEN=")
            .context("no token beside the URL")?;
        api = Some(Api::new(url, token));
        break;
    }
    let api = api.context("it says how to reach the API")?;
    let campaigns = api.list("/v1/campaigns").await?;
    assert_eq!(campaigns.len(), 1);
    let id = demo.id().context("it has ended")?;
    let told = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -TERM {id}"))
        .status()
        .await?;
    ensure!(told.success());
    let mut last = String::new();
    while let Some(line) = lines.next_line().await? {
        last = line;
    }
    assert!(demo.wait().await?.success());
    assert_eq!(last, LAST_LINE);
    assert!(!parts.exists(), "its files are gone");
    assert!(api.list("/v1/campaigns").await.is_err(), "nothing answers");
    Ok(())
}

fn demo(asterisk: &str, parts: &Path) -> Result<Command> {
    let checkout = checkout()?;
    let mut command = Command::new(program()?);
    command.arg("demo").arg("--checkout").arg(&checkout);
    command
        .arg("--example")
        .arg(checkout.join("examples/first-campaign"));
    command.arg("--dir").arg(parts);
    command.args(["--asterisk", asterisk]);
    Ok(command)
}

fn checkout() -> Result<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Ok(checkout.canonicalize()?)
}
