use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};
use trunkline_rig::{Broker, Tools, free_tcp_port, greeting};

/// How long something that has been caused may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_broker_is_ended_killed_and_started_again_at_the_same_address() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut broker = Broker::start(&tools()?, folder.path()).await?;
    let address = broker.address();
    says_who_it_is(&broker).await?;

    broker.down().await?;
    ensure!(greeting(broker.socket_address()).await.is_err());
    nothing_runs_in(folder.path()).await?;

    broker.up().await?;
    says_who_it_is(&broker).await?;
    broker.crash().await?;
    nothing_runs_in(folder.path()).await?;

    broker.up().await?;
    says_who_it_is(&broker).await?;
    ensure!(broker.address() == address);

    drop(broker);
    nothing_runs_in(folder.path()).await
}

#[tokio::test]
async fn a_paused_broker_says_nothing_until_it_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let broker = Broker::start(&tools()?, folder.path()).await?;
    broker.pause().await?;
    // The system still takes the connection; nobody answers on it.
    let waiting = tokio::spawn(greeting(broker.socket_address()));
    state_of(&broker, 'T').await?;
    ensure!(!waiting.is_finished());
    broker.resume().await?;
    timeout(PATIENCE, waiting).await???;
    Ok(())
}

#[tokio::test]
async fn two_brokers_run_side_by_side() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let one = Broker::start(&tools()?, &one).await?;
    let two = Broker::start(&tools()?, &two).await?;
    ensure!(one.address() != two.address());
    says_who_it_is(&one).await?;
    says_who_it_is(&two).await
}

#[tokio::test]
async fn a_broker_that_may_take_no_memory_has_an_alarm_from_the_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut broker = Broker::prepare(&tools()?, folder.path())?;
    broker.set_memory_mb(20);
    broker.up().await?;
    until("the alarm is in the log", async || {
        Ok(broker.log().contains("memory resource limit alarm set"))
    })
    .await
}

#[tokio::test]
async fn a_temporary_broker_leaves_nothing_when_it_is_killed_with_its_owner() -> Result<()> {
    let broker = Broker::start_temporary(&tools()?, 1).await?;
    let folder = broker.folder().to_owned();
    says_who_it_is(&broker).await?;
    drop(broker);
    nothing_is_left_of(&folder).await
}

/// A process that is killed closes what it has open, and does nothing else.
#[tokio::test]
async fn a_temporary_broker_ends_and_leaves_nothing_when_its_owner_is_killed() -> Result<()> {
    let folder = tempfile::tempdir()?.keep();
    let port = free_tcp_port()?;
    let mut command = tools()?.server_script("rabbitmq/run.sh");
    command.arg("--dir").arg(&folder).arg("--temporary");
    command.args(["--port", &port.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut broker = command.spawn()?;
    let address = (Ipv4Addr::LOCALHOST, port).into();
    until("the broker answers", async || {
        Ok(greeting(address).await.is_ok())
    })
    .await?;
    drop(broker.stdin.take());
    timeout(PATIENCE, broker.wait()).await??;
    nothing_is_left_of(&folder).await
}

#[tokio::test]
async fn a_folder_that_holds_something_is_not_taken_for_a_temporary_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kept = folder.path().join("kept");
    std::fs::write(&kept, "mine")?;
    let mut command = tools()?.server_script("rabbitmq/run.sh");
    command.arg("--dir").arg(folder.path()).arg("--temporary");
    let output = command.stdin(Stdio::null()).output().await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        !output.status.success() && said.contains("is not empty"),
        "{said}"
    );
    ensure!(std::fs::read_to_string(&kept)? == "mine");
    Ok(())
}

#[tokio::test]
async fn where_rabbitmq_is_missing_the_command_that_brings_it_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut broker = Broker::prepare(&tools()?, folder.path())?;
    let nowhere = folder.path().join("nowhere").display().to_string();
    broker.set_environment("TRUNKLINE_SERVERS_DIR", &nowhere);
    let error = broker.up().await.err().context("it came up")?.to_string();
    ensure!(
        error.contains("run servers/get.sh rabbitmq first"),
        "{error}"
    );
    Ok(())
}

fn tools() -> Result<Tools> {
    Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))
}

async fn says_who_it_is(broker: &Broker) -> Result<()> {
    let greeting = greeting(broker.socket_address()).await?;
    ensure!(
        String::from_utf8_lossy(&greeting).contains("RabbitMQ"),
        "the greeting does not name RabbitMQ"
    );
    Ok(())
}

/// Waits until the broker's process is in this state (proc(5)).
async fn state_of(broker: &Broker, state: char) -> Result<()> {
    let id = broker.process()?.id().context("it has ended")?;
    until("the process is in the state", async || {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        Ok(fields.starts_with(state))
    })
    .await
}

/// Waits until no process has `folder` as its current directory, as the broker and all
/// its helpers have.
async fn nothing_runs_in(folder: &Path) -> Result<()> {
    nothing_runs_below(&folder.canonicalize()?).await
}

async fn nothing_runs_below(folder: &Path) -> Result<()> {
    let folder = folder.to_string_lossy();
    until("nothing runs in the folder", async || {
        let processes = std::fs::read_dir("/proc")?.filter_map(Result::ok);
        let mut folders = processes.filter_map(|entry| entry.path().join("cwd").read_link().ok());
        Ok(!folders.any(|other| other.to_string_lossy().starts_with(&*folder)))
    })
    .await
}

/// Waits until it has no process and no folder any more.
async fn nothing_is_left_of(folder: &Path) -> Result<()> {
    until("the folder is gone", async || Ok(!folder.exists())).await?;
    // The link of a process whose folder was removed still begins with its name.
    nothing_runs_below(folder).await
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
