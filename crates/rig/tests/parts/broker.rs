use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};
use trunkline_rig::{Broker, Tools, greeting};

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
    until("the alarm is in the log", || {
        Ok(broker.log().contains("memory resource limit alarm set"))
    })
    .await
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
    until("the process is in the state", || {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        Ok(fields.starts_with(state))
    })
    .await
}

/// Waits until no process has `folder` as its current directory, as the broker and all
/// its helpers have.
async fn nothing_runs_in(folder: &Path) -> Result<()> {
    let folder = folder.canonicalize()?;
    until("nothing runs in the folder", || {
        let processes = std::fs::read_dir("/proc")?.filter_map(Result::ok);
        let mut folders = processes.filter_map(|entry| entry.path().join("cwd").read_link().ok());
        Ok(!folders.any(|other| other.starts_with(&folder)))
    })
    .await
}

async fn until(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !condition()? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
