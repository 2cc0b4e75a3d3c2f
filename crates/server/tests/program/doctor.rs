//! `trunkline doctor` on set-ups that are whole, and on broken ones.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use trunkline_asterisk_sim::{Config, Server, ServerConfig};

use crate::harness::{Running, program, serve};

const ACCOUNT: &str = "trunkline:simulated";

fn asterisk(runtime: &Runtime) -> Server {
    let config = ServerConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        account: ACCOUNT.to_owned(),
        seed: 1,
        asterisk: Config::default(),
    };
    runtime
        .block_on(trunkline_asterisk_sim::start(config))
        .unwrap()
}

/// Doctor with the options of a server in `folder`.
fn doctor(folder: &Path, asterisk: &str) -> Command {
    let mut line = serve(folder);
    line[0] = "doctor".to_owned();
    *line.last_mut().unwrap() = asterisk.to_owned();
    let mut command = program();
    command
        .args(line)
        .arg("--json")
        .env("TRUNKLINE_ARI_ACCOUNT", ACCOUNT)
        .env("XDG_CONFIG_HOME", folder);
    command
}

/// Exit status, and everything that was found.
fn all(command: &mut Command) -> (i32, Vec<Value>) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answer: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{:?}", String::from_utf8(output.stderr)));
    let findings = answer["findings"].as_array().unwrap().clone();
    (output.status.code().unwrap(), findings)
}

/// Exit status, and the findings that have this level.
fn findings(command: &mut Command, level: &str) -> (i32, Vec<String>) {
    let (status, all) = all(command);
    let of_level = all.iter().filter(|finding| finding["level"] == level);
    let told = of_level.map(|finding| {
        let part = |name: &str| finding[name].as_str().unwrap().to_owned();
        assert!(level == "ok" || !part("next").is_empty(), "{finding}");
        format!("{}: {} > {}", part("about"), part("found"), part("next"))
    });
    (status, told.collect())
}

/// How many findings are about this: its words, or more of them.
fn about(all: &[Value], words: &str) -> usize {
    let about = all.iter().map(|finding| finding["about"].as_str().unwrap());
    about.filter(|about| about.contains(words)).count()
}

/// That exactly these fail: each by words of its finding.
fn fails(command: &mut Command, words: &[&str]) {
    let (status, found) = findings(command, "fail");
    assert_eq!(status, i32::from(!words.is_empty()), "{found:#?}");
    assert_eq!(found.len(), words.len(), "{found:#?}");
    for (finding, words) in found.iter().zip(words) {
        assert!(finding.contains(words), "{finding}");
    }
}

#[test]
fn a_whole_set_up_is_well_before_and_after_its_start() {
    let runtime = Runtime::new().unwrap();
    let asterisk = asterisk(&runtime);
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fails(&mut doctor(&data, &asterisk.url()), &[]);
    assert!(!data.exists(), "doctor makes nothing");

    let mut line = serve(&data);
    *line.last_mut().unwrap() = asterisk.url();
    let running = Running::with(program().args(line).env("TRUNKLINE_ARI_ACCOUNT", ACCOUNT));
    let token = running.token().unwrap();
    let url = format!("http://{}", running.address);
    let with_api = || {
        let mut command = doctor(&data, &asterisk.url());
        command
            .env("TRUNKLINE_URL", &url)
            .env("TRUNKLINE_TOKEN", &token);
        command
    };
    // The connection to Asterisk comes after the start. The machine may have no
    // speech engine, which is found and is none of our business here.
    let speaks = |found: &String| !found.starts_with("speech engine: ");
    let mut tries = 0;
    loop {
        let (status, mut failed) = findings(&mut with_api(), "fail");
        assert_eq!(status, i32::from(!failed.is_empty()), "{failed:#?}");
        failed.retain(speaks);
        if failed.is_empty() {
            break;
        }
        tries += 1;
        assert!(tries < 100, "{failed:#?}");
    }
    let (_, found) = findings(&mut with_api(), "ok");
    for words in [
        "is used by the Trunkline that runs",
        "is up to date",
        "is ready",
        "is connected as",
    ] {
        assert!(
            found.iter().any(|finding| finding.contains(words)),
            "{words}: {found:#?}"
        );
    }
    let (_, warnings) = findings(&mut with_api(), "warn");
    for words in [
        "no country may be called",
        "no route leads anywhere",
        "no number that could call",
    ] {
        assert!(
            warnings.iter().any(|finding| finding.contains(words)),
            "{words}: {warnings:#?}"
        );
    }
    // What the program tells and doctor sees itself is there once.
    let (_, everything) = all(&mut with_api());
    for (words, times) in [
        ("disk", 1),
        ("database", 1),
        ("store", 0),
        ("media folder", 1),
        ("Asterisk http", 0),
    ] {
        assert_eq!(about(&everything, words), times, "{words}: {everything:#?}");
    }
    let mut wrong = with_api();
    fails(
        wrong.env("TRUNKLINE_TOKEN", "tl_wrong"),
        &["the token is not known"],
    );
    let printed = with_api();
    let printed = without_json(printed);
    assert!(
        printed.contains("ok    configuration ") && printed.contains("of these "),
        "{printed}"
    );
    running.stop("TERM");
    runtime.block_on(async { drop(asterisk) });
}

#[test]
fn an_asterisk_that_went_away_is_one_finding_with_a_token_and_without() {
    let runtime = Runtime::new().unwrap();
    let asterisk = asterisk(&runtime);
    let folder = TempDir::new().unwrap();
    let mut line = serve(folder.path());
    let at = asterisk.url();
    line.last_mut().unwrap().clone_from(&at);
    let running = Running::with(program().args(line).env("TRUNKLINE_ARI_ACCOUNT", ACCOUNT));
    let token = running.token().unwrap();
    let url = format!("http://{}", running.address);
    let connected = || running.get("/readyz", "").contains("\"connected\":true");
    while !connected() {}
    runtime.block_on(async { drop(asterisk) });
    while connected() {}
    for token in [token.as_str(), ""] {
        let mut command = doctor(folder.path(), &at);
        command.env("TRUNKLINE_URL", &url);
        command.env("TRUNKLINE_TOKEN", token);
        let (_, failed) = findings(&mut command, "fail");
        let of_asterisk: Vec<&String> = failed.iter().filter(|one| one.contains(&at)).collect();
        assert_eq!(of_asterisk.len(), 1, "{failed:#?}");
        assert!(
            of_asterisk[0].starts_with("asterisk: nothing answers at"),
            "{failed:#?}"
        );
    }
    running.stop("TERM");
}

/// What people read.
fn without_json(json: Command) -> String {
    let mut command = program();
    let line = json.get_args().filter(|word| *word != "--json");
    command.args(line);
    for (name, value) in json.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_asterisk_that_is_away_or_does_not_know_us_is_told() {
    let runtime = Runtime::new().unwrap();
    let asterisk = asterisk(&runtime);
    let folder = TempDir::new().unwrap();
    fails(
        &mut doctor(folder.path(), "http://127.0.0.1:1"),
        &["asterisk: nothing answers at http://127.0.0.1:1: Connection refused"],
    );
    let mut command = doctor(folder.path(), &asterisk.url());
    command.env("TRUNKLINE_ARI_ACCOUNT", "trunkline:wrong");
    fails(
        &mut command,
        &["does not take the account > set TRUNKLINE_ARI_ACCOUNT"],
    );
    runtime.block_on(async { drop(asterisk) });
}

#[test]
fn a_folder_a_port_and_a_database_that_cannot_be_used_are_told() {
    let runtime = Runtime::new().unwrap();
    let asterisk = asterisk(&runtime);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    fails(&mut doctor(&file, &asterisk.url()), &["data folder: `"]);
    fails(
        &mut doctor(&file.join("below"), &asterisk.url()),
        &["(option `data_dir`)"],
    );

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut line = serve(folder.path());
    line[0] = "doctor".to_owned();
    let listen = line
        .iter()
        .position(|word| word == "--metrics-listen")
        .unwrap();
    line[listen + 1].clone_from(&address);
    *line.last_mut().unwrap() = asterisk.url();
    let mut command = program();
    command
        .args(line)
        .arg("--json")
        .env("TRUNKLINE_ARI_ACCOUNT", ACCOUNT);
    fails(
        &mut command,
        &[&format!(
            "port: {address} (`metrics.listen`) is used by another program"
        )],
    );

    std::fs::write(
        folder.path().join("trunkline.db"),
        "this is no database".repeat(99),
    )
    .unwrap();
    fails(
        &mut doctor(folder.path(), &asterisk.url()),
        &["database: failed to open the database"],
    );
    runtime.block_on(async { drop(asterisk) });
}

#[test]
fn an_option_that_does_not_exist_is_named() {
    let folder = TempDir::new().unwrap();
    let mut command = doctor(folder.path(), "http://127.0.0.1:1");
    command.env("TRUNKLINE_GATEWAY__LISTNE", "x");
    fails(
        &mut command,
        &["the option `gateway.listne` does not exist"],
    );
    let mut command = doctor(folder.path(), "http://127.0.0.1:1");
    command.args(["--config", "nowhere.toml"]);
    fails(&mut command, &["nowhere.toml"]);
    // A program that was named and is not there fails too.
    let mut command = doctor(folder.path(), "http://127.0.0.1:1");
    command.env("TRUNKLINE_URL", "http://127.0.0.1:1");
    fails(
        &mut command,
        &["server: no Trunkline answers at", "asterisk: "],
    );
}
