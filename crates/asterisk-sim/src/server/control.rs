//! What tests ask and tell, below `/sim/`; without an account, and answered also
//! while Asterisk is frozen.
//!
//! | | |
//! | --- | --- |
//! | `GET /sim/dials` | how often each number was dialed: an object |
//! | `GET /sim/state` | how many channels and bridges there are, and dials so far |
//! | `POST /sim/restart` | Asterisk dies and comes back |
//! | `POST /sim/pause`, `/sim/resume` | Asterisk freezes, and thaws |
//! | `POST /sim/incoming` | `{"from":…,"from_name":…,"to":…,"domain":…}` calls; `{"channel_id":…}`, or 603 |
//! | `POST /sim/hangup` | `{"channel_id":…,"cause":…}`: the far end hangs up |

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::door::Door;
use super::http::{json as answer_with, plain};
use crate::incoming::Incoming;
use crate::sim::AsteriskSim;

#[derive(Deserialize)]
struct Caller {
    from: String,
    #[serde(default)]
    from_name: String,
    to: String,
    #[serde(default)]
    domain: String,
}

#[derive(Deserialize)]
struct Hangup {
    channel_id: String,
    #[serde(default = "normal")]
    cause: i64,
}

fn normal() -> i64 {
    16
}

pub(super) fn answer(
    door: &Door,
    method: &Method,
    what: &str,
    body: &str,
) -> Response<Full<Bytes>> {
    match (method.as_str(), what) {
        ("GET", "dials") => answer_with(door.with(|sim, _| dials(sim))),
        ("GET", "state") => answer_with(door.with(|sim, _| state(sim))),
        ("POST", "restart") => {
            door.with(AsteriskSim::restart);
            done()
        }
        ("POST", "pause") => {
            door.gate.shut();
            done()
        }
        ("POST", "resume") => {
            door.gate.open();
            done()
        }
        ("POST", "incoming") => incoming(door, body),
        ("POST", "hangup") => hangup(door, body),
        _ => plain(StatusCode::NOT_FOUND, ""),
    }
}

fn done() -> Response<Full<Bytes>> {
    plain(StatusCode::NO_CONTENT, "")
}

fn dials(sim: &AsteriskSim) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for dialed in sim.dials() {
        *counts.entry(&dialed.number).or_default() += 1;
    }
    json!(counts).to_string()
}

fn state(sim: &AsteriskSim) -> String {
    let (channels, bridges) = (sim.channels().len(), sim.bridges().len());
    json!({"channels": channels, "bridges": bridges, "dials": sim.dials().len()}).to_string()
}

fn incoming(door: &Door, body: &str) -> Response<Full<Bytes>> {
    let Ok(caller) = serde_json::from_str::<Caller>(body) else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    let call = Incoming {
        from_name: caller.from_name,
        ..Incoming::call_in(&caller.from, &caller.to, &caller.domain)
    };
    match door.with(|sim, now| sim.incoming(now, &call)) {
        Some(id) => answer_with(json!({ "channel_id": id }).to_string()),
        None => plain(
            StatusCode::from_u16(603).unwrap_or(StatusCode::NOT_FOUND),
            "",
        ),
    }
}

fn hangup(door: &Door, body: &str) -> Response<Full<Bytes>> {
    let Ok(hangup) = serde_json::from_str::<Hangup>(body) else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    let Hangup { channel_id, cause } = hangup;
    door.with(|sim, now| sim.far_end_hangs_up(now, &channel_id, cause));
    done()
}
