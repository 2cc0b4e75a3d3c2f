//! Moving recordings, from an Asterisk of the test's own.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trunkline_asterisk_proxy::transport::{Answer, Ask, EventSocket, HttpError, Transport};
use trunkline_asterisk_proxy::{Config, LinkError, Metrics, Recordings, Running, start_over};
use trunkline_bus::{Bus, InProcess, Request};

const IN: &str = "call_d883b1d8-8ccc-11ed-9f1e-2b1f5f6d4e31_2023-01-05T14:58:05Z_in";

/// What an Asterisk has recorded.
#[derive(Default)]
struct Recorder {
    stored: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Which is being recorded, and how often that is still said.
    live: Mutex<BTreeMap<String, usize>>,
    /// Does not delete, as if the process died before it asked.
    keeps: Mutex<bool>,
    hangs: Mutex<bool>,
    connected: Notify,
}

struct Way(Arc<Recorder>);

#[async_trait]
impl Transport for Way {
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        let answer = |status, body: Vec<u8>| {
            let body = Bytes::from(body);
            Ok(Answer { status, body })
        };
        let name = |prefix: &str| ask.uri.strip_prefix(prefix).map(str::to_owned);
        if let Some(name) = name("/ari/recordings/live/") {
            let mut live = self.0.live.lock().unwrap();
            let Some(left) = live.get_mut(&name).filter(|left| **left > 0) else {
                return answer(404, b"{}".to_vec());
            };
            *left -= 1;
            if *left == 0 {
                let sound = b"all that was said".to_vec();
                self.0.stored.lock().unwrap().insert(name, sound);
            }
            return answer(200, b"{}".to_vec());
        }
        if let Some(name) = name("/ari/recordings/stored/") {
            if *self.0.hangs.lock().unwrap() {
                pending::<()>().await;
            }
            let mut stored = self.0.stored.lock().unwrap();
            return match name.strip_suffix("/file") {
                Some(name) => match stored.get(name) {
                    Some(file) => answer(200, file.clone()),
                    None => answer(404, b"{}".to_vec()),
                },
                None if *self.0.keeps.lock().unwrap() => answer(500, b"{}".to_vec()),
                None => answer(stored.remove(&name).map_or(404, |_| 204), Vec::new()),
            };
        }
        answer(
            200,
            br#"{"system":{"version":"22","entity_id":"x"}}"#.to_vec(),
        )
    }

    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError> {
        self.0.connected.notify_one();
        Ok(Box::new(Silent))
    }
}

struct Silent;

#[async_trait]
impl EventSocket for Silent {
    async fn next(&mut self) -> Result<Bytes, LinkError> {
        pending().await
    }

    async fn close(self: Box<Self>) {}
}

struct World {
    recorder: Arc<Recorder>,
    bus: Arc<dyn Bus>,
    folder: TempDir,
    running: Running,
    shutdown: CancellationToken,
}

impl World {
    async fn new(change: impl FnOnce(&mut Recordings)) -> Self {
        Self::with_bucket("", change).await
    }

    async fn with_bucket(bucket: &str, change: impl FnOnce(&mut Recordings)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut recordings = Recordings {
            folder: folder.path().join("media"),
            min_free_bytes: 0,
            max_bytes: 1_000_000,
            timeout_ms: 5_000,
            at_once: 2,
        };
        change(&mut recordings);
        let config = Config {
            recordings: Some(recordings),
            recording_bucket: bucket.to_owned(),
            ..Config::default()
        };
        let recorder = Arc::new(Recorder::default());
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let shutdown = CancellationToken::new();
        let running = start_over(
            vec![(config, Arc::new(Way(Arc::clone(&recorder))))],
            Arc::clone(&bus),
            Metrics::default(),
            shutdown.clone(),
        )
        .await
        .unwrap();
        recorder.connected.notified().await;
        Self {
            recorder,
            bus,
            folder,
            running,
            shutdown,
        }
    }

    fn record(&self, name: &str, bytes: &[u8]) {
        let mut stored = self.recorder.stored.lock().unwrap();
        stored.insert(name.to_owned(), bytes.to_vec());
    }

    fn is_at_asterisk(&self, name: &str) -> bool {
        self.recorder.stored.lock().unwrap().contains_key(name)
    }

    /// Status and reason.
    async fn move_files(&self, names: Value) -> (u64, String) {
        let request = Request {
            method: "POST".to_owned(),
            uri: "/proxy/recording_file_move".to_owned(),
            ..Request::default()
        };
        let body = request.json(&json!({"filenames": names})).encode();
        let patience = Duration::from_secs(60);
        let answer = self.bus.request("asterisk.x.request", body, patience).await;
        let answer: Value = serde_json::from_slice(&answer.unwrap()).unwrap();
        let reason = answer["data"]["reason"].as_str().unwrap_or_default();
        (answer["status_code"].as_u64().unwrap(), reason.to_owned())
    }

    fn recordings(&self) -> std::path::PathBuf {
        self.folder.path().join("media/recording")
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.running.stopped().await;
    }
}

fn files(folder: &Path) -> Vec<String> {
    let read = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = read
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn ok() -> (u64, String) {
    (200, String::new())
}

#[tokio::test]
async fn a_file_is_moved_once_however_often_it_is_asked_for() {
    let world = World::new(|_| {}).await;
    let out = IN.replace("_in", "_out");
    // More than is written at once.
    let long: Vec<u8> = (0..600_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    world.record(IN, &long);
    world.record(&out, b"out");
    let both = json!([format!("{IN}.wav"), format!("{out}.wav")]);
    for _ in 0..3 {
        assert_eq!(world.move_files(both.clone()).await, ok());
        assert!(!world.is_at_asterisk(IN) && !world.is_at_asterisk(&out));
    }
    let kept = std::fs::read(world.recordings().join(format!("{IN}.wav"))).unwrap();
    assert!(kept == long);
    assert_eq!(files(&world.recordings()).len(), 2);
    assert!(files(&world.folder.path().join("media/unfinished")).is_empty());
    assert_eq!(world.move_files(json!([])).await, ok());
    world.end().await;
}

/// As after a crash between the two.
#[tokio::test]
async fn what_asterisk_still_has_is_moved_again_and_then_deleted() {
    let world = World::new(|_| {}).await;
    world.record(IN, b"sound");
    *world.recorder.keeps.lock().unwrap() = true;
    let name = json!([format!("{IN}.wav")]);
    assert_eq!(world.move_files(name.clone()).await.0, 500);
    assert!(world.is_at_asterisk(IN));
    *world.recorder.keeps.lock().unwrap() = false;
    assert_eq!(world.move_files(name).await, ok());
    assert!(!world.is_at_asterisk(IN));
    world.end().await;
}

/// As VoIPbin's call-manager asks: for both when the first has ended, and only once.
#[tokio::test(start_paused = true)]
async fn what_is_just_ending_is_waited_for() {
    let world = World::new(|_| {}).await;
    let out = IN.replace("_in", "_out");
    world.record(IN, b"in");
    world.record(&out, b"all that");
    let live = &world.recorder.live;
    live.lock().unwrap().insert(out.clone(), 3);
    let both = json!([format!("{IN}.wav"), format!("{out}.wav")]);
    for _ in 0..2 {
        assert_eq!(world.move_files(both.clone()).await, ok());
    }
    let kept = std::fs::read(world.recordings().join(format!("{out}.wav"))).unwrap();
    assert_eq!(kept, b"all that was said");
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_yet_is_an_error_and_what_comes_before_it_stays_moved() {
    let world = World::new(|_| {}).await;
    world.record("a", b"sound");
    world.record("b", b"half a sou");
    let live = &world.recorder.live;
    live.lock().unwrap().insert("b".to_owned(), usize::MAX);
    let names = json!(["a.wav", "b.wav"]);
    let refused = (409, "RECORDING_NOT_FINISHED".to_owned());
    assert_eq!(world.move_files(names.clone()).await, refused);
    assert_eq!(files(&world.recordings()), ["a.wav"]);
    assert!(world.is_at_asterisk("b"));

    world.recorder.live.lock().unwrap().clear();
    world.record("b", b"half a sound");
    assert_eq!(world.move_files(names).await, ok());
    assert_eq!(files(&world.recordings()), ["a.wav", "b.wav"]);

    let gone = (404, "RECORDING_FILE_NOT_FOUND".to_owned());
    assert_eq!(world.move_files(json!(["c.wav"])).await, gone);
    world.end().await;
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let world = World::new(|_| {}).await;
    for name in [
        "../a.wav",
        "a/../../b.wav",
        "/etc/passwd",
        "",
        "a",
        ".a.wav",
    ] {
        let refused = (400, "INVALID_FILENAME".to_owned());
        assert_eq!(world.move_files(json!([name])).await, refused, "{name}");
    }
    assert_eq!(world.move_files(json!("a.wav")).await.0, 400);
    world.end().await;
}

/// Whoever wants them in a bucket must not find them gone from where he keeps them.
#[tokio::test]
async fn recordings_that_are_wanted_in_a_bucket_stay_where_they_are() {
    let world = World::with_bucket("recordings", |_| {}).await;
    world.record("a", b"sound");
    let refused = (409, "BUCKET_NOT_SUPPORTED".to_owned());
    assert_eq!(world.move_files(json!(["a.wav"])).await, refused);
    assert!(world.is_at_asterisk("a"));
    assert!(!world.recordings().exists());
    world.end().await;
}

#[tokio::test]
async fn a_full_disk_keeps_the_file_at_asterisk() {
    let world = World::new(|recordings| recordings.min_free_bytes = 1 << 60).await;
    world.record("a", b"sound");
    let full = (429, "DISK_FULL".to_owned());
    assert_eq!(world.move_files(json!(["a.wav"])).await, full);
    assert!(world.is_at_asterisk("a"));
    assert!(files(&world.recordings()).is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_file_that_is_too_large_stays_where_it_is() {
    let world = World::new(|recordings| recordings.max_bytes = 4).await;
    world.record("a", b"sound");
    let large = (409, "RECORDING_TOO_LARGE".to_owned());
    assert_eq!(world.move_files(json!(["a.wav"])).await, large);
    assert!(world.is_at_asterisk("a"));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_asterisk_that_sends_nothing_is_not_waited_for_without_end() {
    let world = World::new(|_| {}).await;
    world.record("a", b"sound");
    *world.recorder.hangs.lock().unwrap() = true;
    assert_eq!(world.move_files(json!(["a.wav"])).await.0, 500);
    *world.recorder.hangs.lock().unwrap() = false;
    assert_eq!(world.move_files(json!(["a.wav"])).await, ok());
    world.end().await;
}

#[tokio::test]
async fn a_proxy_without_a_media_folder_says_so() {
    let recorder = Arc::new(Recorder::default());
    let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
    let shutdown = CancellationToken::new();
    let way: Arc<dyn Transport> = Arc::new(Way(Arc::clone(&recorder)));
    let running = start_over(
        vec![(Config::default(), way)],
        Arc::clone(&bus),
        Metrics::default(),
        shutdown.clone(),
    )
    .await
    .unwrap();
    recorder.connected.notified().await;
    let request = Request {
        method: "POST".to_owned(),
        uri: "/proxy/recording_file_move".to_owned(),
        ..Request::default()
    };
    let patience = Duration::from_secs(60);
    let answer = bus.request("asterisk.x.request", request.encode(), patience);
    let answer = String::from_utf8(answer.await.unwrap().to_vec()).unwrap();
    assert!(answer.contains("NO_MEDIA_FOLDER"), "{answer}");
    shutdown.cancel();
    running.stopped().await;
}
