//! Fetches sounds: by HTTP, or from this machine's files.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::door::Door;
use crate::fetching::Fetch;
use crate::sound;

/// `timeout_secs` of the checkout's res_http_media_cache.conf.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest sound that is read, bytes: half an hour and more.
const LONGEST: usize = 32 << 20;

/// Fetches whatever is to be fetched, one beside the other.
pub(super) async fn serve(door: Arc<Door>) {
    let http = reqwest::Client::new();
    let mut fetching = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = fetching.join_next() => {}
            () = door.wanted.notified() => {
                for fetch in door.with(|sim, _| sim.take_fetches()) {
                    fetching.spawn(get(http.clone(), Arc::clone(&door), fetch));
                }
            }
        }
    }
}

async fn get(http: reqwest::Client, door: Arc<Door>, fetch: Fetch) {
    let Fetch { id, what } = fetch;
    let file = if what.starts_with('/') {
        tokio::task::spawn_blocking(move || std::fs::read(format!("{what}.wav")).ok())
            .await
            .ok()
            .flatten()
    } else {
        let fetched = tokio::time::timeout(PATIENCE, by_http(&http, &what)).await;
        fetched.ok().flatten()
    };
    let milliseconds = file.as_deref().and_then(sound::milliseconds);
    door.gate.passed().await;
    door.with(|sim, now| sim.fetched(now, id, milliseconds));
}

/// Asterisk tells what it got by its type, or else by the ending of the URL.
async fn by_http(http: &reqwest::Client, url: &str) -> Option<Vec<u8>> {
    let mut answer = http.get(url).send().await.ok()?.error_for_status().ok()?;
    let kind = answer.headers().get(reqwest::header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let named = answer.url().path().ends_with(".wav");
    if !named && !matches!(kind, "audio/wav" | "audio/x-wav" | "audio/wave") {
        return None;
    }
    let mut file = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        file.extend_from_slice(&piece);
        if file.len() > LONGEST {
            return None;
        }
    }
    Some(file)
}
