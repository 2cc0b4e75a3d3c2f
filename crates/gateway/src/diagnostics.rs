//! `GET /v1/diagnostics`: how every part is, and what to do (operators only).
//!
//! The gateway knows nothing of the parts itself: it asks the roles, which say of
//! each what they see, and puts one list together. Who does not answer is in it too.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};
use trunkline_bus::{Error as BusError, Method, RpcError};
use trunkline_model::asterisk::Asterisk;
use trunkline_model::diagnostic::{Part, State};
use trunkline_model::service::{Service, asterisk_queue};

use crate::api_error::ApiError;
use crate::dispatch::Matched;
use crate::server::Gateway;

/// Longest wait for one role: a speech engine may take its whole time.
const PATIENCE: Duration = Duration::from_secs(12);
const TAG: &str = "diagnostics";

/// The roles that have something to say.
const SERVICES: [Service; 3] = [Service::STORAGE, Service::TTS, Service::REGISTRAR];

/// The route.
pub(crate) fn run(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        matched.refuse_query()?;
        let parts = parts(matched.gateway).await;
        let state = worst(&parts);
        Ok(Json(json!({"state": state, "parts": parts})).into_response())
    })
}

async fn parts(gateway: &Gateway) -> Vec<Part> {
    let report = gateway.readiness.report().await.parts;
    let mut parts = of_report(&report);
    let services = SERVICES.map(|service| {
        let uri = "/v1/diagnostics";
        ask(
            gateway,
            service.request_queue(),
            uri,
            service.name().to_owned(),
        )
    });
    parts.extend(join_all(services).await.into_iter().flatten());
    let asterisks = report["asterisks"].as_array().cloned().unwrap_or_default();
    let elsewhere = elsewhere(gateway, &asterisks).await;
    let elsewhere = elsewhere.iter().map(|it| of_distant(gateway, it));
    let asterisks = asterisks
        .iter()
        .map(|asterisk| of_asterisk(gateway, asterisk));
    parts.extend(join_all(asterisks).await.into_iter().flatten());
    parts.extend(join_all(elsewhere).await.into_iter().flatten());
    parts
}

/// The Asterisks whose proxies run in other processes: those that call-manager knows
/// and nobody here does. One that is not ours knows nothing of this.
///
/// An Asterisk that is away has no id here, so where proxies run it is taken for one of
/// theirs.
async fn elsewhere(gateway: &Gateway, here: &[Value]) -> Vec<Asterisk> {
    let queue = Service::CALL.request_queue();
    let request = gateway.rpc.request(Method::Get, "/v1/asterisks");
    let answer = gateway
        .rpc
        .call::<Vec<Asterisk>>(&queue, &request, TAG, PATIENCE);
    let mut known = answer.await.unwrap_or_default();
    known.retain(|asterisk| {
        let is_here = here.iter().any(|it| it["id"] == asterisk.id.as_str());
        !is_here && (asterisk.connected || here.is_empty())
    });
    known
}

/// An Asterisk with its proxy in another process: what the proxy says.
async fn of_distant(gateway: &Gateway, asterisk: &Asterisk) -> Vec<Part> {
    let part = format!("Asterisk {}", asterisk.id);
    if !asterisk.connected {
        let why = "nothing is heard of it";
        let what = "start it and its asterisk-proxy, and look at the log of that one";
        return vec![Part::not_ok(part, State::Failed, why, what)];
    }
    let mut parts = vec![Part::ok(part.clone(), "its asterisk-proxy is connected")];
    let queue = asterisk_queue(asterisk.id.as_str());
    parts.extend(ask(gateway, queue, "/proxy/diagnostics", part).await);
    parts
}

/// What the report of readiness says.
fn of_report(report: &Value) -> Vec<Part> {
    let mut parts = vec![if report["store"] == Value::Bool(true) {
        Part::ok("store", "the database answers")
    } else {
        Part::not_ok(
            "store",
            State::Failed,
            "the database does not answer",
            "look at the log, and whether the disk of `data_dir` is full",
        )
    }];
    for (role, up) in report["roles"].as_object().into_iter().flatten() {
        if *up != Value::Bool(true) {
            let detail = "the role does not answer";
            let what = "look at the log; restart Trunkline if it stays so";
            parts.push(Part::not_ok(role, State::Failed, detail, what));
        }
    }
    let parked = report["parked_waiting"].as_i64().unwrap_or(0);
    if parked > 0 {
        parts.push(Part::not_ok(
            "parked messages",
            State::Warning,
            format!("{parked} messages could not be handled"),
            "`trunkline parked list` shows them and why; release or discard them",
        ));
    }
    parts
}

/// One Asterisk: what the link knows, and what it says when it is asked.
async fn of_asterisk(gateway: &Gateway, asterisk: &Value) -> Vec<Part> {
    let text = |name: &str| asterisk[name].as_str().unwrap_or_default();
    let part = format!("Asterisk {}", text("url"));
    if asterisk["connected"] != Value::Bool(true) {
        let why = match text("last_error") {
            "" => "it is not connected yet",
            error => error,
        };
        let what = "start it, and check `asterisk.url` and the account; `docs/asterisk-setup.md` says how it is set up";
        return vec![Part::not_ok(part, State::Failed, why, what)];
    }
    let detail = format!("version {}, id {}", text("version"), text("id"));
    let mut parts = vec![Part::ok(part.clone(), detail)];
    let queue = asterisk_queue(text("id"));
    parts.extend(ask(gateway, queue, "/proxy/diagnostics", part).await);
    parts
}

/// The parts that somebody tells of. Who does not run here is left out.
async fn ask(gateway: &Gateway, queue: String, uri: &str, who: String) -> Vec<Part> {
    let request = gateway.rpc.request(Method::Get, uri);
    let answer = gateway
        .rpc
        .call::<Vec<Part>>(&queue, &request, TAG, PATIENCE);
    match answer.await {
        Ok(parts) => parts,
        Err(RpcError::Transport(BusError::NoQueue(_))) => Vec::new(),
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => {
            let detail = format!("it does not tell: {error}");
            vec![Part::not_ok(who, State::Unknown, detail, "look at the log")]
        }
    }
}

/// The state of the whole.
fn worst(parts: &[Part]) -> State {
    let rank = |state: &State| match state {
        State::Ok => 0,
        State::Unknown | State::Other(_) => 1,
        State::Warning => 2,
        State::Failed => 3,
    };
    let worst = parts
        .iter()
        .map(|part| &part.state)
        .max_by_key(|state| rank(state));
    worst.cloned().unwrap_or(State::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_and_what_is_well_is_not() {
        let good = json!({"store": true, "roles": {"call-manager": true}, "parked_waiting": 0});
        let parts = of_report(&good);
        assert_eq!((parts.len(), worst(&parts)), (1, State::Ok));
        let bad = json!({"store": false, "roles": {"call-manager": false}, "parked_waiting": 2});
        let parts = of_report(&bad);
        let names: Vec<&str> = parts.iter().map(|part| part.part.as_str()).collect();
        assert_eq!(names, ["store", "call-manager", "parked messages"]);
        assert!(parts.iter().all(|part| !part.what_to_do.is_empty()));
        assert_eq!(worst(&parts), State::Failed);
    }
}
