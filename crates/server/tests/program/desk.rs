//! A program that runs, with a simulated Asterisk, and whoever types commands.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use trunkline_asterisk_sim::{Config, Server, ServerConfig};

use crate::harness::{Running, program};

const ACCOUNT: &str = "trunkline:simulated";

/// A program, the Asterisk that it has, and whoever types.
pub(crate) struct Desk {
    running: Option<Running>,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) folder: TempDir,
    pub(crate) asterisk: Option<Server>,
    runtime: Runtime,
}

/// How a command ended.
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = TempDir::new().unwrap();
        let config = ServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            account: ACCOUNT.to_owned(),
            seed: 1,
            asterisk: Config::default(),
        };
        let asterisk = runtime
            .block_on(trunkline_asterisk_sim::start(config))
            .unwrap();
        let data = folder.path().join("data");
        let mut line = crate::harness::serve(&data);
        *line.last_mut().unwrap() = asterisk.url();
        let running = Running::with(program().args(line).env("TRUNKLINE_ARI_ACCOUNT", ACCOUNT));
        let (url, token) = (
            format!("http://{}", running.address),
            running.token().unwrap(),
        );
        Self {
            running: Some(running),
            url,
            token,
            folder,
            asterisk: Some(asterisk),
            runtime,
        }
    }

    pub(crate) fn command(&self, line: &[&str]) -> Command {
        let mut command = program();
        command
            .args(line)
            .env("XDG_CONFIG_HOME", self.folder.path())
            .current_dir(self.folder.path());
        command
    }

    /// A command with address and token.
    pub(crate) fn asking(&self, line: &[&str]) -> Command {
        let mut command = self.command(line);
        command
            .env("TRUNKLINE_URL", &self.url)
            .env("TRUNKLINE_TOKEN", &self.token);
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, line: &[&str]) -> Done {
        Done::of(self.asking(line).output().unwrap())
    }

    /// What a command that must go well prints.
    pub(crate) fn ok(&self, line: &[&str]) -> String {
        let done = self.run(line);
        assert_eq!(done.status, 0, "{line:?}: {}{}", done.out, done.err);
        done.out
    }

    /// The id that a creation prints, alone in its line.
    pub(crate) fn id(&self, line: &[&str]) -> String {
        let out = self.ok(line);
        let id = out.trim_end();
        assert_eq!(id.len(), 36, "{line:?}: {out}");
        id.to_owned()
    }

    /// What a command prints for programs.
    pub(crate) fn json(&self, line: &[&str]) -> Value {
        let line = [line, &["--json"]].concat();
        let out = self.ok(&line);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line:?}: {error}: {out}"))
    }

    /// Ids of what a list has.
    pub(crate) fn ids(&self, line: &[&str]) -> Vec<String> {
        let rows = self.json(line)["result"].as_array().unwrap().clone();
        let ids = rows
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned());
        ids.collect()
    }

    /// A command that must not go well.
    pub(crate) fn refused(&self, line: &[&str], status: i32, words: &str) {
        let done = self.run(line);
        assert_eq!(done.status, status, "{line:?}: {}{}", done.out, done.err);
        assert!(done.err.contains(words), "{line:?}: {}", done.err);
        assert_eq!(done.out, "", "{line:?}");
        assert!(!done.err.contains(&self.token), "{line:?}");
        let whole = [line, &["--json"]].concat();
        let done = self.run(&whole);
        if status != 2 || done.err.starts_with('{') {
            let error: Value = serde_json::from_str(&done.err)
                .unwrap_or_else(|error| panic!("{whole:?}: {error}: {}", done.err));
            assert!(error["error"]["code"].is_string(), "{error}");
        }
    }

    /// A file with what is said to people.
    pub(crate) fn flow(&self, name: &str, actions: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, actions.to_string()).unwrap();
        path
    }

    /// Everything that calls need.
    pub(crate) fn allow_calls(&self) {
        self.ok(&["allow", "countries", "de", "ch"]);
        let provider = self.id(&[
            "provider",
            "create",
            "--name",
            "carrier",
            "--host",
            "127.0.0.1:5070",
        ]);
        self.id(&["route", "create", "--name", "all", "--provider", &provider]);
        self.id(&["number", "create", "+49 30 12345600", "--name", "office"]);
        loop {
            let found = self.json(&["asterisk", "list"]);
            if found["result"][0]["connected"] == true {
                return;
            }
        }
    }

    pub(crate) fn stop(mut self) {
        self.running.take().unwrap().stop("TERM");
        let asterisk = self.asterisk.take();
        self.runtime.block_on(async { drop(asterisk) });
    }
}
