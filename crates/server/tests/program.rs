//! The real program: exit status, signals, what it prints.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

#[test]
fn a_signal_stops_it_cleanly_and_the_token_is_shown_once() {
    let folder = TempDir::new().unwrap();
    for (signal, first) in [("TERM", true), ("INT", false), ("HUP", false)] {
        let running = Running::start(folder.path());
        let token = running.token();
        assert_eq!(token.is_some(), first, "{}", running.printed);
        assert!(running.get("/healthz", "").starts_with("HTTP/1.1 200"));
        if let Some(token) = token {
            assert!(
                running
                    .get("/v1/campaigns", &token)
                    .starts_with("HTTP/1.1 200")
            );
            assert_eq!(running.printed.matches(&token).count(), 1);
        }
        let (status, rest) = running.stop(signal);
        assert_eq!(status.code(), Some(0), "{signal}: {rest}");
        assert!(rest.contains("Trunkline has stopped."), "{rest}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = TempDir::new().unwrap();
    let mut running = Running::start(folder.path());
    // A request that never becomes whole holds a clean stop up for a while.
    let mut stuck = TcpStream::connect(running.address).unwrap();
    write!(stuck, "POST /v1/campaigns HTTP/1.1\r\nhost: x\r\n").unwrap();
    assert!(running.get("/healthz", "").starts_with("HTTP/1.1 200"));
    running.send("TERM");
    running.read_until("a second signal");
    let (status, rest) = running.stop("TERM");
    assert_eq!(status.code(), Some(1), "{rest}");
    assert!(rest.contains("ends at once"), "{rest}");
}

#[test]
fn a_second_program_on_the_same_folder_is_refused_in_plain_words() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    let refused = run(&serve(folder.path()));
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(
        words.starts_with("trunkline: another Trunkline (process "),
        "{words}"
    );
    running.stop("TERM");
}

#[test]
fn a_taken_port_is_refused_with_its_cause() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut line = serve(folder.path());
    let listen = line.iter().position(|word| word == "--listen").unwrap();
    line[listen + 1].clone_from(&address);
    let refused = run(&line);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(
        words.contains(&format!(
            "trunkline: cannot listen on {address} (option `gateway.listen`)"
        )),
        "{words}"
    );
    assert!(
        words.contains("  because: Address already in use"),
        "{words}"
    );
}

#[test]
fn a_wrong_option_is_refused() {
    let refused = run(&["config", "--check", "--roles", "gateway,telephone"].map(str::to_owned));
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(
        words.contains("`roles") && words.contains("telephone") && words.contains("--roles"),
        "{words}"
    );
    assert_eq!(
        run(&["serve", "--unheard-of"].map(str::to_owned))
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn the_configuration_is_printed_without_secrets() {
    let default = run(&["config", "--default"].map(str::to_owned));
    let manual = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../config.default.toml"
    ))
    .unwrap();
    assert_eq!(String::from_utf8(default.stdout).unwrap(), manual);

    let shown = program()
        .env("TRUNKLINE_ARI_ACCOUNT", "ann:hidden")
        .arg("config")
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("account = \"***\"") && !shown.contains("hidden"),
        "{shown}"
    );
    assert_eq!(
        run(&["config", "--check"].map(str::to_owned)).status.code(),
        Some(0)
    );
}

// === the program ===

struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
    printed: String,
}

impl Running {
    /// Starts it and reads what it prints until it says where it listens.
    fn start(folder: &Path) -> Self {
        let mut child = program()
            .args(serve(folder))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
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

    fn read_until(&mut self, words: &str) {
        read_until(words, &mut self.stderr, &mut self.printed);
    }

    fn send(&self, signal: &str) {
        // The shell's own `kill`: a bare system has no program of that name.
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{signal} {}", self.child.id()))
            .status();
        assert!(sent.unwrap().success());
    }

    fn token(&self) -> Option<String> {
        self.printed
            .split_whitespace()
            .find(|word| word.starts_with("tl_"))
            .map(str::to_owned)
    }

    fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn stop(mut self, signal: &str) -> (ExitStatus, String) {
        self.send(signal);
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

fn read_until(words: &str, stderr: &mut BufReader<ChildStderr>, printed: &mut String) {
    while !printed.contains(words) {
        assert!(
            stderr.read_line(printed).unwrap() > 0,
            "it ended: {printed}"
        );
    }
}

fn serve(folder: &Path) -> Vec<String> {
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

fn run(line: &[String]) -> Output {
    program().args(line).output().unwrap()
}

/// With nothing of the environment of whoever runs the tests.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.env_clear();
    command
}
