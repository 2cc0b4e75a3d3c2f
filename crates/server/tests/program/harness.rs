//! The program as a process, and what it prints.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
    pub(crate) printed: String,
}

impl Running {
    /// Starts it and reads what it prints until it says where it listens.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::with(program().args(serve(folder)))
    }

    /// The same with a line of the caller's.
    pub(crate) fn with(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut printed = String::new();
        read_until("Health is at", &mut stderr, &mut printed);
        let address = printed
            .split_once("The API listens on http://")
            .unwrap()
            .1
            .split_once('/')
            .unwrap()
            .0;
        Self {
            address: address.parse().unwrap(),
            child,
            stderr,
            printed,
        }
    }

    pub(crate) fn read_until(&mut self, words: &str) {
        read_until(words, &mut self.stderr, &mut self.printed);
    }

    pub(crate) fn send(&self, signal: &str) {
        send(signal, &self.child);
    }

    pub(crate) fn token(&self) -> Option<String> {
        self.printed
            .split_whitespace()
            .find(|word| word.starts_with("tl_"))
            .map(str::to_owned)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Runs `trunkline parked …` against it: exit status and what was printed.
    pub(crate) fn parked(&self, token: &str, line: &[&str]) -> (i32, String) {
        let mut command = program();
        command.arg("parked").args(line);
        command.args(["--url", &format!("http://{}", self.address)]);
        let output = command.env("TRUNKLINE_TOKEN", token).output().unwrap();
        let (out, err) = (output.stdout, String::from_utf8(output.stderr).unwrap());
        assert_eq!(err, "", "{line:?}");
        (
            output.status.code().unwrap(),
            String::from_utf8(out).unwrap(),
        )
    }

    /// Waits until a duty is parked, and returns the row's id.
    pub(crate) fn parked_duty(&self, token: &str) -> String {
        for _ in 0..1_000 {
            let (_, listed) = self.parked(token, &["list", "--json"]);
            let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
            let rows = listed["result"].as_array().unwrap();
            if let Some(row) = rows.iter().find(|row| row["kind"] == "duty") {
                return row["id"].as_str().unwrap().to_owned();
            }
        }
        panic!("no duty was parked");
    }

    pub(crate) fn stop(mut self, signal: &str) -> (ExitStatus, String) {
        self.send(signal);
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to a child that runs.
pub(crate) fn send(signal: &str, child: &Child) {
    // The shell's own `kill`: a bare system has no program of that name.
    let sent = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -{signal} {}", child.id()))
        .status();
    assert!(sent.unwrap().success());
}

fn read_until(words: &str, stderr: &mut BufReader<ChildStderr>, printed: &mut String) {
    while !printed.contains(words) {
        assert!(
            stderr.read_line(printed).unwrap() > 0,
            "it ended: {printed}"
        );
    }
}

pub(crate) fn serve(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    // Nobody listens at the Asterisk's address.
    let line = [
        "serve",
        "--data-dir",
        folder,
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
        "--asterisk",
        "http://127.0.0.1:1",
    ];
    line.map(str::to_owned).to_vec()
}

pub(crate) fn run(line: &[String]) -> Output {
    program().args(line).output().unwrap()
}

/// With nothing of the environment of whoever runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.env_clear();
    command
}
