//! A broker, and processes of the program beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use trunkline_rig::{Broker, Process, Tools, free_tcp_port};

/// How long something that was caused may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A broker in a folder of its own.
pub(crate) struct World {
    pub(crate) broker: Broker,
    folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let mut world = Self::prepare();
        world.broker.up().await.unwrap();
        world
    }

    /// With a broker that does not run yet.
    pub(crate) fn prepare() -> Self {
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let folder = TempDir::new().unwrap();
        let broker = Broker::prepare(&tools, &folder.path().join("broker"));
        Self {
            broker: broker.unwrap(),
            folder,
        }
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a role and waits until it has said where its health is.
    pub(crate) async fn role(&self, role: &str, name: &str, more: &[&str]) -> RoleProcess {
        let mut command = self.go_like(role, "127.0.0.1:0");
        command.args(more);
        self.start_process(command, name).await
    }

    /// Starts one process with several roles.
    pub(crate) async fn roles(&self, roles: &str, name: &str) -> RoleProcess {
        let mut command = self.serve(roles, "127.0.0.1:0");
        // No gateway is among them, and nobody fetches sounds.
        command.env("TRUNKLINE_MEDIA__PUBLIC_URL", "http://127.0.0.1:9");
        self.start_process(command, name).await
    }

    /// Starts a role and does not wait: whoever has no broker yet.
    pub(crate) fn launch(&self, role: &str, name: &str) -> RoleProcess {
        let monitoring = monitoring();
        let command = self.go_like(role, &monitoring);
        self.launched(command, name, &monitoring)
    }

    /// The same for a gateway.
    pub(crate) fn launch_gateway(&self, name: &str) -> RoleProcess {
        let monitoring = monitoring();
        let mut command = self.serve("gateway", &monitoring);
        command.args(["--listen", "127.0.0.1:0"]);
        self.launched(command, name, &monitoring)
    }

    fn go_like(&self, role: &str, monitoring: &str) -> Command {
        let mut command = program();
        command
            .arg(role)
            .args(["--rabbitmq_address", &self.broker.address()]);
        command.args(["--prometheus_listen_address", monitoring]);
        command
    }

    fn serve(&self, roles: &str, monitoring: &str) -> Command {
        let mut command = program();
        command.args(["serve", "--roles", roles]);
        command.env("TRUNKLINE_BUS__URL", self.broker.address());
        command.env("TRUNKLINE_METRICS__LISTEN", monitoring);
        command
    }

    fn launched(&self, mut command: Command, name: &str, monitoring: &str) -> RoleProcess {
        command.arg("--data-dir").arg(self.folder(name));
        RoleProcess {
            health: format!("http://{monitoring}/health"),
            process: Process::start(name, command, &self.log(name)).unwrap(),
        }
    }

    async fn start_process(&self, mut command: Command, name: &str) -> RoleProcess {
        command.arg("--data-dir").arg(self.folder(name));
        let log = self.log(name);
        let mut process = Process::start(name, command, &log).unwrap();
        let mut health = None;
        let told = process.until(PATIENCE, async || {
            health = health_of(&log);
            health.is_some()
        });
        told.await.unwrap();
        RoleProcess {
            health: health.unwrap(),
            process,
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }
}

/// A role that runs.
pub(crate) struct RoleProcess {
    /// Where its health is.
    pub(crate) health: String,
    pub(crate) process: Process,
}

impl RoleProcess {
    /// Status and report of `/health`.
    pub(crate) async fn health(&self) -> (u16, Value) {
        let answer = reqwest::get(&self.health).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> String {
        let url = self.health.replace("/health", "/metrics");
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }
}

/// An address for metrics and health.
fn monitoring() -> String {
    format!("127.0.0.1:{}", free_tcp_port().unwrap())
}

fn health_of(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let (_, rest) = text.split_once("Health is at ")?;
    let (url, _) = rest.split_once(".\n")?;
    Some(url.to_owned())
}

/// With nothing of the environment of whoever runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.env_clear();
    command
}

/// Exit status, what it printed, what it said.
pub(crate) async fn run<S: AsRef<OsStr>>(
    line: &[S],
    environment: &[(&str, &str)],
) -> (i32, String, String) {
    let mut command = program();
    command.args(line).envs(environment.iter().copied());
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}
