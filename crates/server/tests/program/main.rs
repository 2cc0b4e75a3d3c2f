//! The real program: exit status, signals, what it prints.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod commands;
mod desk;
mod doctor;
mod harness;
mod recordings;
#[cfg(unix)]
mod watching;

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::harness::{Running, program, run, serve};

use tempfile::TempDir;
use trunkline_model::service::Service;
use trunkline_model::{Timestamp, random};
use trunkline_store::due::{self, Due};
use trunkline_store::parked::{self, Parked};
use trunkline_store::{Batch, Database as _};
use trunkline_store_sqlite::SqliteDatabase;

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

#[test]
fn what_is_parked_is_shown_released_and_discarded() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    let token = running.token().unwrap();
    assert_eq!(
        running.parked(&token, &["list"]),
        (0, "Nothing is parked.\n".to_owned())
    );
    running.stop("TERM");
    let (hangup, garbage) = park(folder.path());

    // It has survived, and the duty that cannot be sent was parked by the start.
    let running = Running::start(folder.path());
    let duty = running.parked_duty(&token);
    let (_, listed) = running.parked(&token, &["list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 4, "{listed}");
    assert!(lines[0].starts_with("ID "), "{listed}");
    assert!(lines[1].starts_with(&duty), "newest first: {listed}");
    assert!(lines[2].starts_with(&garbage), "{listed}");
    assert!(
        lines[3].starts_with(&hangup) && lines[3].contains("call_hangup"),
        "{listed}"
    );

    let (code, shown) = running.parked(&token, &["show", &hangup]);
    assert!(
        code == 0 && shown.contains("\"type\": \"call_hangup\""),
        "{shown}"
    );
    let (code, told) = running.parked(&token, &["release", &hangup]);
    assert_eq!((code, told), (0, format!("{hangup} is handled.\n")));
    let (code, told) = running.parked(&token, &["release", &garbage]);
    assert!(code == 1 && told.contains("stays parked"), "{told}");
    let (code, told) = running.parked(&token, &["discard", &garbage]);
    assert_eq!((code, told), (0, format!("{garbage} is discarded.\n")));

    // Everything that is left: the duty, which is sent again and again parked.
    let (code, told) = running.parked(&token, &["release", "--all", "--json"]);
    assert!(code == 0 && told.contains("\"waiting\""), "{told}");
    let again = running.parked_duty(&token);
    assert_ne!(again, duty);
    running.stop("TERM");
}

#[test]
fn the_api_refusing_is_told_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    let token = running.token().unwrap();
    let gone = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0009";
    let url = format!("http://{}", running.address);
    let asks: [(&[&str], &str, i32, &str); 4] = [
        (&["list"], "", 2, "TRUNKLINE_TOKEN"),
        (&["list"], "tl_wrong", 1, "TRUNKLINE_TOKEN"),
        (&["show", gone], &token, 1, gone),
        (
            &["list", "--url", "http://127.0.0.1:1"],
            &token,
            3,
            "does `trunkline serve` run there?",
        ),
    ];
    for (line, token, status, words) in asks {
        let mut command = program();
        command.arg("parked").args(line).env("TRUNKLINE_URL", &url);
        let refused = command.env("TRUNKLINE_TOKEN", token).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(status), "{line:?}: {said}");
        assert!(said.contains(words), "{line:?}: {said}");
        assert!(token.is_empty() || !said.contains(token), "{said}");
    }
    running.stop("TERM");
}

#[test]
fn a_flow_file_is_checked_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let flow = |verb: &str, path: &str, more: &[&str]| {
        let output = program()
            .args(["flow", verb, path])
            .args(more)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let good = file(
        "good.yaml",
        "name: short\nsteps:\n- {id: a, talk: hi}\n- hangup\n",
    );
    let (status, out, _) = flow("check", &good, &[]);
    assert_eq!(status, Some(0));
    assert_eq!(out, format!("{good}: 2 steps, 0 errors, 0 warnings\n"));
    let (status, out, _) = flow("show", &good, &[]);
    assert_eq!(status, Some(0));
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&shown["name"], &shown["actions"][1]["type"]),
        (&"short".into(), &"hangup".into())
    );

    let bad = file("bad.yaml", "steps:\n- {id: a, goto: b}\n- hangup\n");
    let (status, out, _) = flow("check", &bad, &[]);
    assert_eq!(status, Some(1));
    let told = format!(
        "{bad}:2: error: step `a`: it leads to `b`, and there is no such step [unknown_step]"
    );
    assert!(out.starts_with(&told), "{out}");
    let (status, out, _) = flow("check", &bad, &["--json"]);
    assert_eq!(status, Some(1));
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&told["ok"], &told["findings"][0]["line"]),
        (&false.into(), &2.into())
    );
    let (status, out, error) = flow("show", &bad, &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(error.contains("there is no such step"), "{error}");
    let (status, _, error) = flow("check", "nowhere.yaml", &[]);
    assert_eq!(status, Some(1));
    assert!(error.contains("nowhere.yaml"), "{error}");
}

/// Parks two events of campaign-manager and leaves it a duty that cannot be
/// sent, in the database of a program that does not run; the events' ids, the
/// older one first.
fn park(folder: &Path) -> (String, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let service = Service::CAMPAIGN;
    let now = Timestamp::system_now();
    // Of a call that nobody dialed: nothing is to be done.
    let hangup = r#"{"type":"call_hangup","publisher":"call-manager","data_type":"application/json","data":{}}"#;
    let row = |body: &str, name: &str, age: u64| Parked {
        id: random::uuid(),
        service: service.name().to_owned(),
        queue: service.subscribe_queue(),
        name: name.to_owned(),
        body: body.as_bytes().to_vec(),
        body_bytes: i64::try_from(body.len()).unwrap(),
        reason: "the test says so".to_owned(),
        times: 1,
        tm_create: Some(now.minus(Duration::from_secs(age))),
        tm_update: Some(now),
        ..Parked::default()
    };
    let (first, second) = (row(hangup, "call_hangup", 20), row("no json", "", 10));
    let duty = Due {
        id: random::uuid(),
        service: service.name().to_owned(),
        key: "broken".to_owned(),
        due_at: Some(now),
        queue: service.request_queue(),
        uri: "/v1/campaigns".to_owned(),
        method: "POST".to_owned(),
        data: Some("no json".to_owned()),
        tm_create: Some(now),
        ..Due::default()
    };
    runtime.block_on(async {
        let file = folder.join("trunkline.db");
        let db = SqliteDatabase::open(file, trunkline_store_sqlite::Config::default()).unwrap();
        let batch = Batch::new()
            .with(parked::insert(&first, 10))
            .with(parked::insert(&second, 10))
            .with(due::insert(&duty));
        db.apply(batch).await.unwrap();
        db.close();
    });
    (first.id.to_string(), second.id.to_string())
}

/// The way to the first token of a gateway whose customers are VoIPbin's.
#[test]
fn a_token_is_made_in_the_folder_of_a_gateway_that_does_not_run() {
    let folder = TempDir::new().unwrap();
    let customer = "5f0e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
    let make = |data: &Path, customer: &str| {
        let mut command = program();
        command.args([
            "token",
            "create",
            "--name",
            "ops",
            "--json",
            "--customer",
            customer,
        ]);
        let output = command.arg("--data-dir").arg(data).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let missing = folder.path().join("mistyped");
    let (status, _, said) = make(&missing, customer);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("there is no database") && !missing.exists(),
        "{said}"
    );

    let data = folder.path().join("data");
    let running = Running::start(&data);
    let (status, _, said) = make(&data, customer);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("must not run"), "{said}");
    let (status, _) = running.stop("TERM");
    assert!(status.success());

    assert_eq!(make(&data, "nobody").0, 1);
    let (status, made, said) = make(&data, customer);
    assert_eq!(status, 0, "{said}");
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!(
        (&made["name"], &made["customer_id"]),
        (&"ops".into(), &customer.into())
    );
    let running = Running::start(&data);
    assert_eq!(running.token(), None, "there is one");
    let answer = running.get("/v1/tokens", made["token"].as_str().unwrap());
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains(customer),
        "{answer}"
    );
    assert!(running.stop("TERM").0.success());
}
