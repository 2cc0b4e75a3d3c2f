//! A file of people into a whole node, over its HTTP API and into a database on
//! disk.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use trunkline_domain::dialed_number::Country;
use trunkline_lists::{Failure, Http, Options, Progress, Recipient, Summary, import};
use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::{NewTarget, NewTargetsReply};
use trunkline_node::{Config, Environment, Flags, Node};

/// Lines of the file, and every how many are what.
const LINES: usize = 5_000;
const BROKEN: usize = 50;
const TWICE: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_lines_with_errors_stopped_half_way_are_all_there_once() {
    let mut app = App::start().await;
    let (list, path) = (app.list().await, app.file());
    let broken = (0..LINES).filter(|n| n % BROKEN == 7).count() as u64;
    let twice = (0..LINES)
        .filter(|n| n % TWICE == 9 && n % BROKEN != 7)
        .count() as u64;
    let good = LINES as u64 - broken - twice;

    let stop = CancellationToken::new();
    let part = Impatient {
        inner: app.http(),
        stop: stop.clone(),
        left: AtomicU32::new(3),
    };
    let first = app.import(&path, list, part, stop).await;
    assert!(!first.complete);
    let there = app.targets(list).await;
    assert_eq!(first.created, there);
    assert!((1..good).contains(&there), "{there} of {good}");

    // What is on the list outlives the program.
    app = app.restart().await;
    let second = app
        .import(&path, list, app.http(), CancellationToken::new())
        .await;
    let expected = Summary {
        people: LINES as u64,
        created: good - there,
        known: there,
        refused: broken,
        twice,
        refused_file: Some(app.folder.path().join("people.csv.refused.csv")),
        complete: true,
    };
    assert_eq!(second, expected);
    assert_eq!(app.targets(list).await, good);
    let refused = std::fs::read_to_string(second.refused_file.unwrap()).unwrap();
    assert_eq!(refused.lines().count() as u64, 1 + broken + twice);

    let third = app
        .import(&path, list, app.http(), CancellationToken::new())
        .await;
    assert_eq!((third.created, third.known), (0, good));
    assert_eq!(app.targets(list).await, good);
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_imported_is_seen_by_his_customer_with_everything_that_was_in_the_file() {
    let app = App::start().await;
    let list = app.list().await;
    let path = app.folder.path().join("kunden.csv");
    let text = "Kundennummer;Vorname;Nachname;Telefon;Mobil;Bemerkung\r\n\
        17;Jürgen;Groß;030 231250;0151 23456789;nach 18 Uhr\r\n";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, bytes).unwrap();
    let done = app
        .import(&path, list, app.http(), CancellationToken::new())
        .await;
    assert_eq!((done.created, done.refused_file), (1, None));
    let page = app.get(&format!("/v1/outdials/{list}/targets")).await;
    let row = &page["result"][0];
    assert_eq!(row["name"], "Jürgen Groß");
    assert_eq!(row["detail"], "nach 18 Uhr");
    assert_eq!(row["data"], r#"{"Kundennummer":"17"}"#);
    assert_eq!(
        row["destination_0"],
        json!({"type": "tel", "target": "+4930231250"})
    );
    assert_eq!(
        row["destination_1"],
        json!({"type": "tel", "target": "+4915123456789"})
    );
    assert_eq!(row["status"], "idle");
    app.node.stop().await;
}

/// Cancels after some batches.
struct Impatient {
    inner: Http,
    stop: CancellationToken,
    left: AtomicU32,
}

impl Recipient for Impatient {
    async fn add(&self, list: OutdialId, people: &[NewTarget]) -> Result<NewTargetsReply, Failure> {
        let reply = self.inner.add(list, people).await;
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.stop.cancel();
        }
        reply
    }
}

struct App {
    node: Node,
    token: String,
    folder: TempDir,
}

impl App {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut node = node(&folder).await;
        let token = node.take_first_token().unwrap();
        Self {
            node,
            token,
            folder,
        }
    }

    async fn restart(self) -> Self {
        self.node.stop().await;
        Self {
            node: node(&self.folder).await,
            ..self
        }
    }

    fn base(&self) -> String {
        format!("http://{}", self.node.gateway_address().unwrap())
    }

    fn http(&self) -> Http {
        let client = Client::builder().no_proxy().build().unwrap();
        Http::new(client, &self.base(), &self.token)
    }

    async fn get(&self, path: &str) -> Value {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("{}{path}", self.base()));
        let response = request.bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    async fn list(&self) -> OutdialId {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("{}/v1/outdials", self.base()));
        let request = request
            .bearer_auth(&self.token)
            .json(&json!({"name": "people"}));
        let made: Value = request.send().await.unwrap().json().await.unwrap();
        made["id"].as_str().unwrap().parse().unwrap()
    }

    /// How many are on the list, page by page.
    async fn targets(&self, list: OutdialId) -> u64 {
        let mut count = 0;
        let mut token = String::new();
        loop {
            let path = format!("/v1/outdials/{list}/targets?page_size=1000&page_token={token}");
            let page = self.get(&path).await;
            count += page["result"].as_array().unwrap().len() as u64;
            token = page["next_page_token"].as_str().unwrap().to_owned();
            if token.is_empty() {
                return count;
            }
        }
    }

    fn file(&self) -> PathBuf {
        let mut text = "Name;Telefon;Ort\n".to_owned();
        for n in 0..LINES {
            let number = match n {
                n if n % BROKEN == 7 => "unknown".to_owned(),
                // That of the line before, which is good.
                n if n % TWICE == 9 => format!("030 {:06}", 100_000 + n - 1),
                n => format!("030 {:06}", 100_000 + n),
            };
            writeln!(text, "person {n};{number};Ort {n}").unwrap();
        }
        let path = self.folder.path().join("people.csv");
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn import(
        &self,
        path: &std::path::Path,
        list: OutdialId,
        to: impl Recipient,
        stop: CancellationToken,
    ) -> Summary {
        let options = Options {
            country: Country::parse("de"),
            batch: 250,
            ..Options::default()
        };
        let progress = Arc::new(Progress::default());
        import(path, &options, list, Arc::new(to), progress, stop)
            .await
            .unwrap()
    }
}

async fn node(folder: &TempDir) -> Node {
    let flags = Flags {
        data_dir: Some(folder.path().to_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
        metrics_listen: Some("127.0.0.1:0".to_owned()),
        // Nobody listens there.
        asterisk: vec!["http://127.0.0.1:1".to_owned()],
        ..Flags::default()
    };
    let config = Config::load(&flags, &Environment::default()).unwrap();
    Node::start(config).await.unwrap()
}
