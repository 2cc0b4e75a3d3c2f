//! ARI events over a real websocket: parsed, decided, and stored on disk, with all
//! roles in the process.
//!
//! Calls are created over the API and dialed; then each gets the nine events that
//! an answered call gets from there on and that say something about it (left out:
//! Dial, quality figures, hangup requests, further variables):
//!
//! | event | what it leads to |
//! | --- | --- |
//! | `ChannelStateChange` Ringing | written: channel, call, `call_ringing` |
//! | `ChannelStateChange` Up | written: channel, call, `call_progressing`; the flow's first action (two more batches: the activeflow; the action with its due row) |
//! | `ChannelDestroyed` | written: channel, call, `call_hangup`; the end of due rows, and of the flow (one more batch) |
//! | `PlaybackFinished` | the call is read: it is not the playback of its current action |
//! | `ChannelEnteredBridge`, `ChannelVarset`, `PlaybackStarted`, `ChannelLeftBridge`, `StasisEnd` | parsed, and nothing: what they tell is written by whoever causes it |
//!
//! So three of nine events write, and they write more than three batches: this is
//! no figure of nine writes. A real Asterisk sends many more of the last kind; with
//! the filter that an embedded Trunkline sets it does not even send those.
//!
//! Calls overlap: between two events of one call come those of hundreds of others.
//! The clock stops when the last call and the last channel have ended in the
//! database and no event is left to be published.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use trunkline_rig::world::{SOURCE, number, program, sleep_and_hangup};
use trunkline_rig::{Api, Options, Trunkline, id, tel};

use crate::feed::{ENTITY, Feed};
use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const NAME: &str = "ari_events_per_s_sqlite";

const CALLS: u32 = 10_000;
/// Calls between two events of one call.
const APART: usize = 200;
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(10);

/// A stage of a call: the type of its event.
const STAGES: [&str; 9] = [
    "ChannelEnteredBridge",
    "Ringing",
    "Up",
    "ChannelVarset",
    "PlaybackStarted",
    "PlaybackFinished",
    "ChannelLeftBridge",
    "StasisEnd",
    "ChannelDestroyed",
];

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let feed = Feed::start().await?;
    let dir = TempDir::new()?;
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = Options {
        program: program()?,
        dir: dir.path().to_owned(),
        asterisk: feed.url(),
        account: "trunkline:feed".to_owned(),
        environment: vec![
            setting("TRUNKLINE_LOG__LEVEL", "warn"),
            // The feed lists no channels, and would have all calls ended.
            setting("TRUNKLINE_CALL__RECONCILE_INTERVAL_MS", "3600000"),
        ],
        roles: Vec::new(),
        file_blocks: None,
    };
    let mut trunkline = Trunkline::start(options).await?;
    let api = trunkline.api();
    api.connected(PATIENCE).await?;
    api.allow_calls("127.0.0.1:9", SOURCE, &["de".to_owned()])
        .await?;
    call_everybody(&api).await?;
    let rows = Rows::open(&trunkline.database())?;
    rows.until("what was asked for is worked off", PATIENCE, LOOK, settled)
        .await?;
    let channels = feed.channels();
    ensure!(
        channels.len() == CALLS as usize,
        "{} channels were created",
        channels.len()
    );

    let cpu = trunkline.process().cpu_seconds()?;
    let began = Instant::now();
    let mut sent = 0_u32;
    for turn in 0..channels.len() + APART * (STAGES.len() - 1) {
        for (stage, kind) in STAGES.iter().enumerate().rev() {
            let Some(channel) = turn
                .checked_sub(stage * APART)
                .and_then(|at| channels.get(at))
            else {
                continue;
            };
            feed.send(event(kind, channel)).await?;
            sent += 1;
        }
    }
    rows.until("every call has ended", PATIENCE, LOOK, |rows| {
        Ok(rows.live_calls()? == 0 && rows.live_channels()? == 0 && settled(rows)?)
    })
    .await?;
    let took = began.elapsed().as_secs_f64();
    let cpu = trunkline.process().cpu_seconds()? - cpu;
    let answered =
        rows.count("SELECT count(*) FROM call_calls WHERE tm_progressing IS NOT NULL")?;
    trunkline.stop().await?;
    ensure!(
        answered == i64::from(CALLS),
        "{answered} calls were answered"
    );
    let figure = Figure::new(
        NAME,
        f64::from(sent) / took,
        "events/s",
        Goal::AtLeast(15_000.0),
    )
    .beside("events", f64::from(sent))
    .beside("calls", f64::from(CALLS))
    .beside("trunkline_cpu_s", cpu)
    .beside("seconds", took);
    Ok(vec![figure])
}

/// Nothing is left to be published.
fn settled(rows: &Rows) -> Result<bool> {
    Ok(rows.count("SELECT count(*) FROM trunkline_outbox")? == 0)
}

/// One call to each number; they stay in `dialing`.
async fn call_everybody(api: &Api) -> Result<()> {
    let flow = json!({"name": "long", "actions": sleep_and_hangup(3_600_000)});
    let flow = id(&api.post("/v1/flows", &flow).await?)?;
    let mut calls: JoinSet<Result<Value>> = JoinSet::new();
    for n in 0..CALLS {
        if calls.len() >= 64 {
            calls.join_next().await.context("no call")???;
        }
        let (api, source) = (api.clone(), tel(SOURCE));
        let body =
            json!({"flow_id": flow, "source": source, "destinations": [tel(&number(n, 20))]});
        calls.spawn(async move { api.post("/v1/calls", &body).await });
    }
    for outcome in calls.join_all().await {
        outcome?;
    }
    Ok(())
}

/// An event as Asterisk 22 writes it.
fn event(stage: &str, id: &str) -> String {
    let (kind, state) = match stage {
        "Ringing" => ("ChannelStateChange", "Ringing"),
        "Up" => ("ChannelStateChange", "Up"),
        "ChannelEnteredBridge" => (stage, "Down"),
        _ => (stage, "Up"),
    };
    let party = json!({"name": "", "number": "+4930231000120"});
    let channel = json!({
        "id": id, "name": format!("PJSIP/call-out-{id}"), "state": state,
        "protocol_id": format!("{id}@127.0.0.1"), "caller": party, "connected": party,
        "accountcode": "", "dialplan": {
            "context": "default", "exten": "s", "priority": 1,
            "app_name": "Stasis", "app_data": "voipbin"
        },
        "creationtime": "2026-01-02T03:04:05.678+0000", "language": "en"
    });
    let mut event = json!({
        "type": kind, "application": "voipbin", "timestamp": "2026-01-02T03:04:06.789+0000",
        "asterisk_id": ENTITY
    });
    match kind {
        "ChannelEnteredBridge" | "ChannelLeftBridge" => {
            event["bridge"] = json!({
                "id": format!("bridge-{id}"), "technology": "simple_bridge",
                "bridge_type": "mixing", "bridge_class": "stasis", "creator": "Stasis",
                "name": "", "channels": [id], "creationtime": "2026-01-02T03:04:05.678+0000",
                "video_mode": "none"
            });
            event["channel"] = channel;
        }
        "PlaybackStarted" | "PlaybackFinished" => {
            let state = if kind == "PlaybackStarted" {
                "playing"
            } else {
                "done"
            };
            event["playback"] = json!({
                "id": format!("playback-{id}"), "media_uri": "sound:hello",
                "target_uri": format!("channel:{id}"), "language": "en", "state": state
            });
        }
        "ChannelVarset" => {
            event["variable"] = json!("STASISSTATUS");
            event["value"] = json!("");
            event["channel"] = channel;
        }
        "ChannelDestroyed" => {
            event["cause"] = json!(16);
            event["cause_txt"] = json!("Normal Clearing");
            event["channel"] = channel;
        }
        _ => event["channel"] = channel,
    }
    event.to_string()
}
