//! Texts become sounds, with engines of the test's own: real processes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trunkline_bus::Method;
use trunkline_companion::start_tts;
use trunkline_companion::tts::{self, Config, Deps};
use trunkline_media::wav::Sound;
use trunkline_media::{Links, MediaFolder, Signer};
use trunkline_model::service::Service;

use crate::world::{PATIENCE, World};

/// An engine, a media folder, and the role over both.
struct Speech {
    world: World,
    root: TempDir,
}

impl Speech {
    /// `script` is the engine: `$1` is the voice, `$2` the text's file, `$3` the
    /// file to be written.
    async fn with(script: &str, change: impl FnOnce(&mut Config)) -> Self {
        let root = TempDir::new().unwrap();
        let mut speech = Self {
            world: World::new(),
            root,
        };
        let wav = Sound {
            rate: 22_050,
            samples: (0..22_050)
                .map(|n| if n / 20 % 2 == 0 { 9_000 } else { -9_000 })
                .collect(),
        };
        std::fs::write(speech.path("engine.wav"), wav.write()).unwrap();
        let engine = speech.engine(script);
        let mut config = Config {
            command: vec![
                engine.to_string_lossy().into_owned(),
                "{voice}".to_owned(),
                "{text}".to_owned(),
                "{output}".to_owned(),
            ],
            ..Config::default()
        };
        change(&mut config);
        let folder = MediaFolder::open(&speech.path("media"), 0).unwrap();
        let links = Links::new(Arc::new(Signer::new([3; 32])), "http://127.0.0.1:1", 60);
        let deps = Deps {
            bus: speech.world.bus.clone(),
            db: speech.world.db.clone(),
            metrics: tts::Metrics::default(),
            folder,
            links,
        };
        let stop = speech.world.stop.clone();
        let common = trunkline_companion::Config::default();
        let running = start_tts(deps, common, config, stop).await.unwrap();
        speech.world.also(running);
        speech
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `$HERE` is the test's folder; every run leaves a line in `runs`.
    fn engine(&self, script: &str) -> PathBuf {
        let path = self.path("engine");
        let here = self.root.path().display();
        let text = format!("#!/bin/sh\nHERE='{here}'\necho run >>\"$HERE/runs\"\n{script}\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn runs(&self) -> usize {
        let runs = std::fs::read_to_string(self.path("runs"));
        runs.unwrap_or_default().lines().count()
    }

    fn kept(&self) -> Vec<PathBuf> {
        let read = std::fs::read_dir(self.path("media/speech")).unwrap();
        read.map(|entry| entry.unwrap().path()).collect()
    }

    async fn speak(&self, text: &str) -> String {
        let body = json!({"text": text, "language": "en-US"});
        let reply = self
            .world
            .json(Service::TTS, Method::Post, "/v1/speeches", body)
            .await;
        reply["media_filepath"].as_str().unwrap().to_owned()
    }

    /// Status, reason and message.
    async fn refusal(&self, body: Value) -> (u16, String, String) {
        let response = self
            .world
            .ask(Service::TTS, Method::Post, "/v1/speeches", body)
            .await;
        let data: Value = serde_json::from_str(response.data.unwrap().get()).unwrap();
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        (response.status_code, text("reason"), text("message"))
    }

    async fn refused(&self, text: &str) -> (u16, String, String) {
        self.refusal(json!({"text": text, "language": "en-US"}))
            .await
    }
}

const GOOD: &str =
    r#"cat "$2" >"$HERE/said"; echo "$1" >"$HERE/voice"; cp "$HERE/engine.wav" "$3""#;

#[tokio::test]
async fn a_text_becomes_a_sound_that_asterisk_can_play_and_is_kept() {
    let speech = Speech::with(GOOD, |_| {}).await;
    let url = speech
        .speak("Hello, this is -w /etc/passwd $(id) `id`.")
        .await;
    let again = speech
        .speak("Hello, this is -w /etc/passwd $(id) `id`.")
        .await;
    assert_eq!(url, again);
    assert_eq!(speech.runs(), 1);
    let said = std::fs::read_to_string(speech.path("said")).unwrap();
    assert_eq!(said, "Hello, this is -w /etc/passwd $(id) `id`.");
    let voice = std::fs::read_to_string(speech.path("voice")).unwrap();
    assert_eq!(voice, "en-us\n");

    let file = url.rsplit('/').next().unwrap();
    assert!(url.starts_with("http://127.0.0.1:1/media/"), "{url}");
    let digits = file.strip_suffix(".wav").unwrap();
    assert!(digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let kept = speech.path("media/speech").join(file);
    let sound = Sound::read(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!((sound.rate, sound.samples.len()), (8_000, 8_000));
    assert!(sound.rms() > 0.1, "{}", sound.rms());
    let left = std::fs::read_dir(speech.path("media/unfinished")).unwrap();
    assert_eq!(left.count(), 0);
    speech.world.end().await;
}

#[tokio::test]
async fn the_same_text_at_the_same_time_is_spoken_once() {
    let script = format!("while [ ! -e \"$HERE/go\" ]; do :; done; {GOOD}");
    let speech = Speech::with(&script, |_| {}).await;
    let go = async {
        until(|| speech.runs() > 0).await;
        std::fs::write(speech.path("go"), "").unwrap();
    };
    let (first, second, third, ()) = tokio::join!(
        speech.speak("One."),
        speech.speak("One."),
        speech.speak("Two."),
        go
    );
    assert_eq!(first, second);
    assert_ne!(first, third);
    assert_eq!(speech.runs(), 2);
    speech.world.end().await;
}

#[tokio::test]
async fn a_voice_that_the_engine_does_not_have_falls_back_to_one_that_it_has() {
    let script = format!("[ \"$1\" = en ] || {{ echo 'no such voice' >&2; exit 1; }}; {GOOD}");
    let speech = Speech::with(&script, |config| config.fallback_voice = "en".to_owned()).await;
    speech.speak("Hello.").await;
    assert_eq!(speech.runs(), 2);
    let body = json!({"text": "Hello.", "language": "tlh", "voice_id": "f9"});
    let voices = speech
        .world
        .json(Service::TTS, Method::Post, "/v1/speeches", body);
    assert!(voices.await["media_filepath"].is_string());
    // f9, tlh, en.
    assert_eq!(speech.runs(), 5);
    speech.world.end().await;
}

#[tokio::test]
async fn an_engine_may_read_and_write_without_files_and_is_told_of_ssml() {
    let script = r#"cat >"$HERE/said"; echo "$@" >"$HERE/arguments"; cat "$HERE/engine.wav""#;
    let speech = Speech::with(script, |config| {
        config.command.truncate(1);
        config.command.push("--language={language}".to_owned());
    })
    .await;
    speech.speak("<speak>Hello.</speak>").await;
    let said = std::fs::read_to_string(speech.path("said")).unwrap();
    assert_eq!(said, "<speak>Hello.</speak>");
    let arguments = std::fs::read_to_string(speech.path("arguments")).unwrap();
    assert_eq!(arguments, "--language=en-US -m\n");
    speech.world.end().await;
}

#[tokio::test]
async fn an_engine_that_is_missing_or_fails_or_gives_rubbish_is_named_in_plain_words() {
    let missing = |config: &mut Config| config.command[0] = "no-such-engine".to_owned();
    let speech = Speech::with("", missing).await;
    let (status, reason, message) = speech.refused("Hello.").await;
    assert_eq!((status, reason.as_str()), (409, "SPEECH_ENGINE_MISSING"));
    assert!(
        message.contains("no-such-engine") && message.contains("install"),
        "{message}"
    );
    let part = speech
        .world
        .json(Service::TTS, Method::Get, "/v1/diagnostics", Value::Null)
        .await;
    assert_eq!(part[0]["state"], "warning");
    speech.world.end().await;

    for (script, word) in [
        ("echo 'out of order' >&2; exit 3", "out of order"),
        ("echo '<html>' >\"$3\"", "not a WAV"),
        ("exit 0", "not a WAV"),
        ("head -c 44 \"$HERE/engine.wav\" >\"$3\"", "no sound"),
    ] {
        let speech = Speech::with(script, |_| {}).await;
        let (status, reason, message) = speech.refused("Hello.").await;
        assert_eq!(
            (status, reason.as_str()),
            (503, "SPEECH_ENGINE_FAILED"),
            "{script}"
        );
        assert!(message.contains(word), "{message}");
        assert!(speech.kept().is_empty());
        // It works again as soon as the engine does.
        speech.engine(GOOD);
        speech.speak("Hello.").await;
        speech.world.end().await;
    }
}

#[tokio::test]
async fn an_engine_that_hangs_is_ended_with_what_it_started() {
    let script = r#"sleep 600 & echo $! >"$HERE/child"; echo $$ >"$HERE/engine.pid"; wait"#;
    let speech = Speech::with(script, |config| config.timeout_ms = 300).await;
    let (status, reason, _) = speech.refused("Hello.").await;
    assert_eq!((status, reason.as_str()), (503, "SPEECH_ENGINE_TIMEOUT"));
    for name in ["child", "engine.pid"] {
        let id = std::fs::read_to_string(speech.path(name)).unwrap();
        until(|| is_gone(id.trim())).await;
    }
    speech.engine(GOOD);
    speech.speak("Hello.").await;
    speech.world.end().await;
}

#[tokio::test]
async fn an_engine_that_writes_without_end_is_stopped() {
    let endless = r#"exec cat /dev/zero"#;
    let to_file = format!("{endless} >\"$3\"");
    let speech = Speech::with(&to_file, |config| config.max_output_bytes = 100_000).await;
    let (_, reason, message) = speech.refused("Hello.").await;
    assert_eq!(reason, "SPEECH_ENGINE_FAILED");
    assert!(message.contains("max_output_bytes"), "{message}");
    speech.world.end().await;

    let speech = Speech::with(endless, |config| {
        config.command.truncate(1);
        config.max_output_bytes = 100_000;
    })
    .await;
    let (_, _, message) = speech.refused("Hello.").await;
    assert!(message.contains("max_output_bytes"), "{message}");
    speech.world.end().await;
}

#[tokio::test]
async fn too_many_texts_at_once_are_refused_and_no_more_run_than_allowed() {
    let script = format!("while [ ! -e \"$HERE/go\" ]; do :; done; {GOOD}");
    let speech = Speech::with(&script, |config| {
        config.concurrent = 1;
        config.max_waiting = 2;
    })
    .await;
    let third = async {
        until(|| speech.runs() == 1).await;
        let refused = speech.refused("Three.").await;
        assert_eq!(speech.runs(), 1);
        std::fs::write(speech.path("go"), "").unwrap();
        refused
    };
    let (_, _, refused) = tokio::join!(speech.speak("One."), speech.speak("Two."), third);
    assert_eq!((refused.0, refused.1.as_str()), (429, "SPEECH_BUSY"));
    assert_eq!(speech.runs(), 2);
    speech.world.end().await;
}

#[tokio::test]
async fn no_secret_reaches_the_engine() {
    let script = format!("env >\"$HERE/environment\"; {GOOD}");
    let speech = Speech::with(&script, |_| {}).await;
    speech.speak("Hello.").await;
    let environment = std::fs::read_to_string(speech.path("environment")).unwrap();
    // What cargo gives every test, and nobody has allowed.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!environment.contains("CARGO_MANIFEST_DIR"), "{environment}");
    assert!(environment.contains("PATH="), "{environment}");
    speech.world.end().await;
}

#[tokio::test]
async fn what_cannot_be_spoken_is_refused_before_any_engine_runs() {
    let speech = Speech::with(GOOD, |_| {}).await;
    for body in [
        json!({"text": "", "language": "en-US"}),
        json!({"text": "x", "language": "--help"}),
        json!({"text": "x", "language": "en-US", "voice_id": "../../etc/passwd"}),
    ] {
        let (status, reason, _) = speech.refusal(body).await;
        assert_eq!((status, reason.as_str()), (400, "INVALID_SPEECH"));
    }
    assert_eq!(speech.runs(), 0);
    speech.world.end().await;
}

#[tokio::test]
async fn a_disk_without_room_is_said_so() {
    let speech = Speech::with(GOOD, |config| config.max_output_bytes = 1 << 60).await;
    let (status, reason, message) = speech.refused("Hello.").await;
    assert_eq!((status, reason.as_str()), (429, "DISK_FULL"));
    assert!(message.contains("bytes are free"), "{message}");
    assert_eq!(speech.runs(), 0);
    speech.world.end().await;
}

#[tokio::test]
async fn an_engine_may_be_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/speak", listener.local_addr().unwrap());
    let speech = Speech::with("", |config| config.url = url).await;
    let wav = std::fs::read(speech.path("engine.wav")).unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 65_536];
        let mut length = 0;
        while !String::from_utf8_lossy(&asked[..length]).contains("\"provider\"") {
            length += stream.read(&mut asked[length..]).await.unwrap();
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            wav.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&wav).await.unwrap();
        String::from_utf8_lossy(&asked[..length]).into_owned()
    };
    let (_, asked) = tokio::join!(speech.speak("Hello."), server);
    let body: Value = serde_json::from_str(asked.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"text": "Hello.", "language": "en-US", "voice_id": "", "provider": ""})
    );
    assert_eq!(speech.kept().len(), 1);
    drop(listener);
    let (status, reason, _) = speech.refused("Another one.").await;
    assert_eq!(
        (status, reason.as_str()),
        (503, "SPEECH_ENGINE_UNAVAILABLE")
    );
    speech.world.end().await;
}

/// Waits for something that processes do.
async fn until(mut what: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < deadline, "it did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ended, and waited for by whoever had to.
fn is_gone(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}
