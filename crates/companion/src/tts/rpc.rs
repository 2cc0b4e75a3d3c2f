//! The routes of tts-manager.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use trunkline_bus::Method::{Get, Post};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::diagnostic::{self, Part};
use trunkline_model::speech::{SpeechReply, SpeechRequest};

use super::State;
use super::failure::Failure;
use super::speaker::Wanted;

/// How long it is believed what the engine was found to be.
const BELIEVED: Duration = Duration::from_secs(30);

pub(super) fn routes(router: Router<State>) -> Router<State> {
    router
        .route(Post, "/v1/speeches", "/v1/speeches", speech)
        .route(Get, "/v1/diagnostics", "/v1/diagnostics", diagnostics)
}

/// `POST /v1/speeches`.
async fn speech(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: SpeechRequest = routed.body()?;
    let call_id = asked.call_id;
    let spoken = async {
        let wanted = Wanted::of(asked, state.speaker.config())?;
        state.speaker.speak(wanted).await
    };
    let name = spoken.await.map_err(|failure: Failure| {
        tracing::debug!(%call_id, error = %failure, "a speech is refused");
        failure.refusal()
    })?;
    // The URL is checked by the gateway's clock, not by the store's.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    Ok(Reply::json(&SpeechReply {
        media_filepath: state.links.url(&name, now),
    }))
}

/// Whether the engine is there: it is asked to speak, at most twice a minute.
async fn diagnostics(state: Arc<State>, _: Routed) -> Result<Reply, Refusal> {
    let mut last = state.last_look.lock().await;
    if let Some((at, part)) = &*last
        && at.elapsed() < BELIEVED
    {
        return Ok(Reply::json(&[part]));
    }
    let part = look(&state).await;
    *last = Some((Instant::now(), part.clone()));
    Ok(Reply::json(&[part]))
}

async fn look(state: &State) -> Part {
    const PART: &str = "speech engine";
    let config = state.speaker.config();
    let engine = if config.url.is_empty() {
        config.command.first().map_or("", String::as_str)
    } else {
        config.url.as_str()
    };
    // An address may hold an account.
    let engine = match engine.split_once('@') {
        Some((_, rest)) if !config.url.is_empty() => rest,
        _ => engine,
    };
    match state.speaker.try_engine().await {
        Ok(()) => Part::ok(PART, format!("`{engine}` speaks")),
        Err(failure) => {
            // Without one everything else works; one that does not work is a fault.
            let (state, what_to_do) = if matches!(failure, Failure::Missing(_)) {
                (
                    diagnostic::State::Warning,
                    "install the package espeak-ng, or name another engine with `tts.command` or `tts.url`; calls go on without speech until then",
                )
            } else {
                (
                    diagnostic::State::Failed,
                    "try the command of `tts.command` by hand, or look at the server of `tts.url`",
                )
            };
            Part::not_ok(PART, state, failure.to_string(), what_to_do)
        }
    }
}
