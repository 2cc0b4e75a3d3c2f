//! The proxy and the client against a real Asterisk. Asked for by name, because
//! it wants what `asterisk/get.sh` fetches:
//!
//! ```text
//! cargo test -p trunkline-asterisk-proxy --test real -- --ignored
//! ```

#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for one type of event"
)]

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trunkline_ari::event::{Kind, USED};
use trunkline_ari::request::{AddChannel, CreateChannel, Dial, Dtmf, Play, Record};
use trunkline_ari::{AriClient, AsteriskTarget, Error, Event, cause};
use trunkline_asterisk_proxy::{Account, Config, Metrics, Recordings, Running, Status, start};
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Consumer, EventHandler, InProcess, Message, Method, QueueSpec, Request, Rpc, Subscription,
    Work, envelope,
};
use trunkline_model::id::{BridgeId, ChannelId, PlaybackId};
use trunkline_model::service::Service;

const PATIENCE: Duration = Duration::from_secs(20);

/// An Asterisk of our own in a folder of its own.
struct Asterisk {
    folder: TempDir,
    ari_port: u16,
    sip_port: u16,
    ami_port: u16,
    child: Option<Child>,
}

impl Asterisk {
    fn new() -> Self {
        let ari_port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let sip_port = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let ami_port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut asterisk = Self {
            folder: TempDir::new().unwrap(),
            ari_port,
            sip_port,
            ami_port,
            child: None,
        };
        asterisk.run();
        asterisk
    }

    fn run(&mut self) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../asterisk/run.sh");
        let child = Command::new(script)
            .arg("--dir")
            .arg(self.folder.path())
            .args([
                "--ari-port",
                &self.ari_port.to_string(),
                "--sip-port",
                &self.sip_port.to_string(),
                "--ami-port",
                &self.ami_port.to_string(),
            ])
            .args(["--rtp-start", "21000", "--rtp-end", "21999"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while !self.account().contains(':') {
            assert!(
                Instant::now() < deadline,
                "asterisk/run.sh does not start; was asterisk/get.sh run?"
            );
            std::thread::yield_now();
        }
    }

    /// Empty until `run.sh` has written it.
    fn account(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("ari-account"));
        text.unwrap_or_default().trim().to_owned()
    }

    fn media(&self) -> PathBuf {
        self.folder.path().join("media")
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn config(&self) -> Config {
        Config {
            url: format!("http://127.0.0.1:{}", self.ari_port),
            account: Account::new(self.account()),
            reconnect_min_ms: 50,
            reconnect_max_ms: 200,
            recordings: Some(Recordings {
                folder: self.media(),
                min_free_bytes: 0,
                max_bytes: 1 << 20,
                timeout_ms: 10_000,
                at_once: 2,
            }),
            ..Config::default()
        }
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

struct Collect(mpsc::UnboundedSender<(String, Event)>);

impl EventHandler for Collect {
    fn accept(&self, message: Message) -> Work {
        let event: envelope::Event = serde_json::from_slice(&message.body).unwrap();
        let decoded = Event::decode(event.payload()).unwrap();
        let _ = self.0.send((event.kind, decoded));
        Work::nothing()
    }
}

struct Proxy {
    bus: Arc<dyn Bus>,
    ari: AriClient,
    events: mpsc::UnboundedReceiver<(String, Event)>,
    running: Running,
    shutdown: CancellationToken,
    _consumer: Consumer,
}

impl Proxy {
    async fn start(configs: Vec<Config>) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let (sender, events) = mpsc::unbounded_channel();
        let subscription = Subscription::new(
            QueueSpec::new("test", 1),
            [Service::ASTERISK_PROXY.event_exchange()],
        );
        let consumer = bus
            .subscribe(subscription, Arc::new(Collect(sender)))
            .await
            .unwrap();
        let shutdown = CancellationToken::new();
        let running = start(
            configs,
            Arc::clone(&bus),
            Metrics::default(),
            shutdown.clone(),
        )
        .await
        .unwrap();
        let rpc = Rpc::new(Arc::clone(&bus), Service::CALL, ServiceMetrics::default());
        Self {
            bus,
            ari: AriClient::new(rpc),
            events,
            running,
            shutdown,
            _consumer: consumer,
        }
    }

    async fn until(&self, at: usize, what: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.running.watch().remove(at);
        timeout(PATIENCE, status.wait_for(what))
            .await
            .unwrap()
            .unwrap()
            .clone()
    }

    /// The first event that `wanted` takes; the ones before it are dropped.
    async fn event<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let (_, event) = timeout(PATIENCE, self.events.recv())
                .await
                .unwrap()
                .unwrap();
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    async fn entered(&mut self, id: &ChannelId) {
        self.event(|event| match &event.kind {
            Kind::StasisStart(start) if start.channel.id == *id => Some(()),
            _ => None,
        })
        .await;
    }

    async fn ask(&self, to: &AsteriskTarget, method: Method, uri: &str) -> Value {
        let request = Request::new(Service::CALL, method, uri);
        let answer = self
            .bus
            .request(&to.queue(), request.encode(), PATIENCE)
            .await
            .unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.running.stopped()).await.unwrap();
    }
}

fn create(endpoint: &str) -> CreateChannel {
    CreateChannel {
        endpoint: endpoint.to_owned(),
        app: "voipbin".to_owned(),
        app_args: "context_type=call,context=call-out".to_owned(),
        channel_id: ChannelId::random(),
        ..CreateChannel::default()
    }
}

/// The queue that several may serve is served a moment later than its own.
async fn connected(proxy: &Proxy) -> AsteriskTarget {
    let status = proxy.until(0, |status| status.connected).await;
    let served = async {
        while proxy.ari.entity_id(&AsteriskTarget::Call).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, served).await.unwrap();
    AsteriskTarget::One(status.asterisk_id.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn a_call_to_oneself_goes_through_every_operation() {
    let asterisk = Asterisk::new();
    let mut proxy = Proxy::start(vec![asterisk.config()]).await;
    let to = connected(&proxy).await;
    let ari = proxy.ari.clone();

    let application = proxy
        .ask(&to, Method::Get, "/ari/applications/voipbin")
        .await;
    assert_eq!(
        application["data"]["events_allowed"]
            .as_array()
            .unwrap()
            .len(),
        USED.len(),
        "{application}"
    );

    let leg = create(&format!(
        "PJSIP/call-out/sip:100@127.0.0.1:{}",
        asterisk.sip_port
    ));
    let created = ari.create(&AsteriskTarget::Call, &leg).await.unwrap();
    assert_eq!(
        (&created.id, created.state.as_str()),
        (&leg.channel_id, "Down")
    );
    let start = proxy
        .event(|event| match &event.kind {
            Kind::StasisStart(start) => Some((event.clone(), start.clone())),
            _ => None,
        })
        .await;
    assert_eq!(start.1.arguments()["context"], "call-out");
    assert!(start.0.timestamp.is_some() && start.1.channel.creationtime.is_some());
    assert!(!start.1.channel.protocol_id.is_empty());

    // The same again is success; what cannot be allocated afterwards is not.
    assert_eq!(ari.create(&to, &leg).await.unwrap().id, leg.channel_id);
    for endpoint in ["PJSIP/nobody", "Nothing/x"] {
        let error = ari.create(&to, &create(endpoint)).await.unwrap_err();
        assert!(
            matches!(&error, Error::Refused { status: 500, message } if message == "Allocation failed"),
            "{endpoint}: {error:?}"
        );
    }

    let bridge = BridgeId::random();
    for _ in 0..2 {
        ari.bridge_create(&to, &bridge, "mixing", "reference_type=call,reference_id=x")
            .await
            .unwrap();
    }
    let add = AddChannel::new(leg.channel_id.clone());
    ari.add_channel(&to, &bridge, &add).await.unwrap();
    assert_eq!(
        ari.bridge_get(&to, &bridge).await.unwrap().channels,
        vec![leg.channel_id.clone()]
    );
    assert_eq!(ari.list_bridges(&to).await.unwrap().len(), 1);
    ari.dial(
        &to,
        &leg.channel_id,
        &Dial {
            caller: leg.channel_id.clone(),
            timeout: 30,
        },
    )
    .await
    .unwrap();

    let incoming = proxy
        .event(|event| match &event.kind {
            Kind::StasisStart(start) => Some(start.clone()),
            _ => None,
        })
        .await;
    assert_eq!(incoming.arguments()["context"], "call-in");
    ari.ring(&to, &incoming.channel.id).await.unwrap();
    ari.answer(&to, &incoming.channel.id).await.unwrap();
    let out = leg.channel_id.clone();
    proxy
        .event(|event| match &event.kind {
            Kind::ChannelStateChange(channel)
                if channel.id == out && channel.state.as_str() == "Up" =>
            {
                Some(())
            }
            _ => None,
        })
        .await;
    let call_id = ari
        .variable_get(&to, &out, "CHANNEL(pjsip,call-id)")
        .await
        .unwrap();
    assert_eq!(call_id, start.1.channel.protocol_id);

    media(&mut proxy, &to, &incoming.channel.id, &asterisk.media()).await;

    assert_eq!(ari.list_channels(&to).await.unwrap().len(), 2);
    ari.remove_channel(&to, &bridge, &out).await.unwrap();
    ari.hangup(&to, &out, cause::USER_BUSY).await.unwrap();
    let destroyed = proxy
        .event(|event| match &event.kind {
            Kind::ChannelDestroyed(destroyed) if destroyed.channel.id == out => {
                Some(destroyed.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!(destroyed.cause, cause::USER_BUSY);
    for _ in 0..2 {
        ari.hangup(&to, &out, cause::NORMAL_CLEARING).await.unwrap();
        ari.bridge_delete(&to, &bridge).await.unwrap();
    }
    assert!(ari.get(&to, &out).await.unwrap_err().is_gone());
    proxy.stop().await;
}

async fn media(proxy: &mut Proxy, to: &AsteriskTarget, channel: &ChannelId, folder: &Path) {
    let ari = proxy.ari.clone();
    ari.hold(to, channel, true).await.unwrap();
    ari.hold(to, channel, false).await.unwrap();
    ari.moh(to, channel, true).await.unwrap();
    ari.moh(to, channel, false).await.unwrap();
    ari.silence(to, channel, true).await.unwrap();
    ari.silence(to, channel, false).await.unwrap();
    ari.mute(to, channel, &"in".into(), true).await.unwrap();
    ari.mute(to, channel, &"in".into(), false).await.unwrap();
    ari.variable_set(to, channel, "A", "b c&d").await.unwrap();
    assert_eq!(ari.variable_get(to, channel, "A").await.unwrap(), "b c&d");

    // A name with characters that a path escapes.
    let playback = PlaybackId(format!("call:{}+/x", ChannelId::random()));
    let play = Play {
        media: vec!["tone:ring".to_owned()],
        playback_id: playback.clone(),
        ..Play::default()
    };
    assert_eq!(ari.play(to, channel, &play).await.unwrap().id, playback);
    let started = proxy
        .event(|event| match &event.kind {
            Kind::PlaybackStarted(playback) => Some((event.key(), playback.clone())),
            _ => None,
        })
        .await;
    assert_eq!(
        (started.0.as_deref(), &started.1.id),
        (Some(channel.as_str()), &playback)
    );
    ari.playback_stop(to, &playback).await.unwrap();
    proxy
        .event(|event| matches!(event.kind, Kind::PlaybackFinished(_)).then_some(()))
        .await;
    assert!(
        ari.playback_stop(to, &playback)
            .await
            .unwrap_err()
            .is_gone()
    );

    let record = Record::new("call_x_2026-01-02T03:04:05Z_in", "wav");
    ari.record(to, channel, &record).await.unwrap();
    proxy
        .event(|event| matches!(event.kind, Kind::RecordingStarted(_)).then_some(()))
        .await;
    ari.record(to, channel, &record).await.unwrap();
    let file = [format!("{}.wav", record.name)];
    let early = ari.recording_file_move(to, &file).await.unwrap_err();
    assert!(early.to_string().contains("not finished"), "{early}");
    ari.recording_stop(to, &record.name).await.unwrap();
    proxy
        .event(|event| matches!(event.kind, Kind::RecordingFinished(_)).then_some(()))
        .await;
    let error = ari.record(to, channel, &record).await.unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 409, .. }),
        "{error:?}"
    );
    for _ in 0..2 {
        ari.recording_file_move(to, &file).await.unwrap();
        let moved = std::fs::read(folder.join("recording").join(&file[0])).unwrap();
        // A header at least; how much sound there was is not this test's.
        assert_eq!(moved.get(..4), Some(&b"RIFF"[..]));
    }
    let stored = format!("/ari/recordings/stored/{}", record.name);
    let stored = proxy.ask(to, Method::Get, &stored).await;
    assert_eq!(stored["status_code"], 404);
    let missing = ari.recording_file_move(to, &["no_in.wav".to_owned()]).await;
    assert!(missing.unwrap_err().is_gone());

    ari.dtmf(
        to,
        channel,
        &Dtmf {
            dtmf: "5".to_owned(),
            duration: 100,
            ..Dtmf::default()
        },
    )
    .await
    .unwrap();
    let digit = proxy
        .event(|event| match &event.kind {
            Kind::ChannelDtmfReceived(dtmf) => Some(dtmf.digit.clone()),
            _ => None,
        })
        .await;
    assert_eq!(digit, "5");
}

/// As `trunkline asterisk-proxy` runs: every event, unfiltered.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn with_the_references_settings_everything_is_reported() {
    let asterisk = Asterisk::new();
    let config = Config {
        subscribe_all: true,
        event_filter: false,
        ..asterisk.config()
    };
    let mut proxy = Proxy::start(vec![config]).await;
    let to = connected(&proxy).await;
    let leg = create(&format!(
        "PJSIP/call-out/sip:100@127.0.0.1:{}",
        asterisk.sip_port
    ));
    proxy.ari.create(&to, &leg).await.unwrap();
    let created = proxy
        .event(|event| match &event.kind {
            Kind::ChannelCreated(channel) => Some(channel.id.clone()),
            _ => None,
        })
        .await;
    assert_eq!(created, leg.channel_id);
    proxy.entered(&leg.channel_id).await;
    proxy
        .ari
        .dial(
            &to,
            &leg.channel_id,
            &Dial {
                timeout: 30,
                ..Dial::default()
            },
        )
        .await
        .unwrap();
    proxy
        .event(|event| matches!(event.kind, Kind::Dial(_)).then_some(()))
        .await;
    proxy
        .ari
        .hangup(&to, &leg.channel_id, cause::NORMAL_CLEARING)
        .await
        .unwrap();
    proxy
        .event(|event| matches!(event.kind, Kind::ChannelHangupRequest(_)).then_some(()))
        .await;
    proxy
        .event(|event| matches!(event.kind, Kind::ChannelDestroyed(_)).then_some(()))
        .await;
    let bridge = BridgeId::random();
    proxy
        .ari
        .bridge_create(&to, &bridge, "mixing,video_sfu", "reference_type=call")
        .await
        .unwrap();
    let seen = proxy
        .event(|event| match &event.kind {
            Kind::BridgeCreated(bridge) => Some(bridge.clone()),
            _ => None,
        })
        .await;
    assert_eq!(
        (seen.id, seen.technology.as_str()),
        (bridge.clone(), "softmix")
    );
    proxy.ari.bridge_delete(&to, &bridge).await.unwrap();
    proxy
        .event(|event| matches!(event.kind, Kind::BridgeDestroyed(_)).then_some(()))
        .await;
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn it_survives_asterisk() {
    let mut asterisk = Asterisk::new();
    let mut proxy = Proxy::start(vec![asterisk.config()]).await;
    let to = connected(&proxy).await;
    proxy
        .event(|event| (event.kind == Kind::AsteriskConnected).then_some(()))
        .await;

    asterisk.kill();
    proxy
        .event(|event| (event.kind == Kind::AsteriskDisconnected).then_some(()))
        .await;
    let status = proxy.until(0, |status| status.last_error.is_some()).await;
    assert!(!status.connected);
    for to in [&to, &AsteriskTarget::Call] {
        let error = proxy
            .ari
            .create(to, &create("PJSIP/nobody"))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Unreachable(_)) && !error.outcome_unknown(),
            "{error:?}"
        );
    }
    let error = proxy.ari.list_channels(&to).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");

    asterisk.run();
    proxy
        .event(|event| (event.kind == Kind::AsteriskConnected).then_some(()))
        .await;
    assert_eq!(connected(&proxy).await, to);
    let application = proxy
        .ask(&to, Method::Get, "/ari/applications/voipbin")
        .await;
    assert_eq!(
        application["data"]["events_allowed"]
            .as_array()
            .unwrap()
            .len(),
        USED.len(),
        "{application}"
    );
    assert!(proxy.ari.list_channels(&to).await.unwrap().is_empty());
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn a_wrong_account_is_said_so() {
    let asterisk = Asterisk::new();
    let config = Config {
        account: Account::new("trunkline:hidden"),
        ..asterisk.config()
    };
    let proxy = Proxy::start(vec![config]).await;
    let named = |status: &Status| {
        status
            .last_error
            .as_ref()
            .is_some_and(|error| error.contains("ari.conf"))
    };
    let error = proxy.until(0, named).await.last_error.unwrap();
    assert!(!error.contains("hidden"), "{error}");
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn a_second_program_is_noticed() {
    let asterisk = Asterisk::new();
    let config = Config {
        reconnect_max_ms: 60_000,
        ..asterisk.config()
    };
    let first = Proxy::start(vec![config.clone()]).await;
    connected(&first).await;
    let second = Proxy::start(vec![config]).await;
    connected(&second).await;
    let taken = |status: &Status| {
        status
            .last_error
            .as_ref()
            .is_some_and(|error| error.contains("another program"))
    };
    first.until(0, taken).await;
    assert!(second.until(0, |_| true).await.connected);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn two_asterisks_share_the_work_of_one_process() {
    let (a, b) = (Asterisk::new(), Asterisk::new());
    let mut proxy = Proxy::start(vec![a.config(), b.config()]).await;
    let mut ids = Vec::new();
    for at in 0..2 {
        ids.push(
            proxy
                .until(at, |status| status.connected)
                .await
                .asterisk_id
                .unwrap(),
        );
    }
    assert_ne!(ids[0], ids[1]);
    for _ in 0..2 {
        let leg = create("PJSIP/call-out/sip:100@127.0.0.1:9");
        proxy.ari.create(&AsteriskTarget::Call, &leg).await.unwrap();
        proxy.entered(&leg.channel_id).await;
    }
    for id in &ids {
        assert_eq!(proxy.ari.list_channels(&id.into()).await.unwrap().len(), 1);
    }
    drop(a);
    proxy.until(0, |status| !status.connected).await;
    for _ in 0..3 {
        let leg = create("PJSIP/call-out/sip:100@127.0.0.1:9");
        proxy.ari.create(&AsteriskTarget::Call, &leg).await.unwrap();
    }
    assert_eq!(
        proxy
            .ari
            .list_channels(&(&ids[1]).into())
            .await
            .unwrap()
            .len(),
        4
    );
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn many_requests_at_once_are_all_answered() {
    let asterisk = Asterisk::new();
    let proxy = Proxy::start(vec![asterisk.config()]).await;
    let to = connected(&proxy).await;
    let started = Instant::now();
    let asking = (0..2_000).map(|_| {
        let (ari, to) = (proxy.ari.clone(), to.clone());
        tokio::spawn(async move { ari.list_bridges(&to).await })
    });
    for answer in futures_util::future::join_all(asking).await {
        answer.unwrap().unwrap();
    }
    println!("2,000 requests took {} ms", started.elapsed().as_millis());
    proxy.stop().await;
}

/// What the comparison of call-manager relies on: a channel that waits says that it
/// is in our application, and one that was dialed is in its bridge, ringing or not.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants asterisk/get.sh"]
async fn a_dialed_channel_stays_in_its_bridge_however_long_nobody_answers() {
    let asterisk = Asterisk::new();
    let mut proxy = Proxy::start(vec![asterisk.config()]).await;
    let to = connected(&proxy).await;
    // A port that is open and says nothing: not even a provisional answer.
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let leg = create(&format!("PJSIP/call-out/sip:100@127.0.0.1:{port}"));
    proxy.ari.create(&to, &leg).await.unwrap();
    proxy.entered(&leg.channel_id).await;
    let waiting = proxy.ari.list_channels(&to).await.unwrap().remove(0);
    assert_eq!(waiting.dialplan.app_name, "Stasis");
    assert!(waiting.dialplan.app_data.starts_with("voipbin,"));
    assert_eq!(waiting.state.as_str(), "Down");

    let bridge = BridgeId::random();
    let name = "reference_type=call,reference_id=x";
    let made = proxy.ari.bridge_create(&to, &bridge, "mixing", name);
    made.await.unwrap();
    let placed = proxy.ari.list_bridges(&to).await.unwrap().remove(0);
    assert!(placed.channels.is_empty());
    let add = AddChannel::new(leg.channel_id.clone());
    proxy.ari.add_channel(&to, &bridge, &add).await.unwrap();
    let dial = Dial {
        caller: leg.channel_id.clone(),
        timeout: 60,
    };
    proxy.ari.dial(&to, &leg.channel_id, &dial).await.unwrap();
    // The INVITE has arrived, and comes again because nobody answers it.
    for _ in 0..3 {
        let mut invite = [0; 2_048];
        let length = mute.recv(&mut invite).unwrap();
        assert!(invite[..length].starts_with(b"INVITE"));
        let dialed = proxy.ari.list_channels(&to).await.unwrap().remove(0);
        assert_eq!(
            dialed.state.as_str(),
            "Down",
            "as if it had not been dialed"
        );
        let bridges = proxy.ari.list_bridges(&to).await.unwrap();
        assert_eq!(bridges[0].channels, std::slice::from_ref(&leg.channel_id));
    }
    proxy.stop().await;
}
