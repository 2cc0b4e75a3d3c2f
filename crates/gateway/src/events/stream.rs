//! One reader: from its place in the ring on, what is its customer's and of the
//! types that it wants.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use trunkline_model::id::CustomerId;

use super::ring::Entry;
use super::{Events, Place};
use crate::api_error::ApiError;
use crate::config::Config;

/// Events that a reader looks at before it writes.
const AT_ONCE: usize = 256;

/// Bytes after which a piece is written.
const PIECE: usize = 65_536;

/// Types that one reader may name.
const MOST_TYPES: usize = 64;

/// Milliseconds that a reader waits before it comes back.
const COME_BACK_MS: u32 = 1_000;

/// The types of events that a reader wants; all of them if none is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Types(Vec<String>);

impl Types {
    pub(super) fn of_query(uri: &Uri) -> Result<Self, ApiError> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = query.map_err(|error| ApiError::field("query", error.to_string()))?;
        let mut types = Vec::new();
        for (name, value) in pairs {
            if name != "types" {
                let message = format!("there is no parameter `{name}` here; parameters are: types");
                return Err(ApiError::field(name, message));
            }
            for wanted in value.split(',').map(str::trim) {
                if !is_type(wanted) || types.len() == MOST_TYPES {
                    let message = format!(
                        "`types` is `{value}`; it must be at most {MOST_TYPES} names such as call_hangup or call_*, comma between them"
                    );
                    return Err(ApiError::field("types", message));
                }
                types.push(wanted.to_owned());
            }
        }
        Ok(Self(types))
    }

    fn want(&self, kind: &str) -> bool {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == wanted,
        };
        self.0.is_empty() || self.0.iter().any(fits)
    }
}

fn is_type(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    let good = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
    !text.is_empty() && name.bytes().all(good)
}

/// A reader and its place.
pub(super) struct Reader {
    place: Place,
    customer: CustomerId,
    types: Types,
    /// The last event that it has, or does not want.
    at: u64,
    /// Whether it was at the newest event once: from then on it must keep up.
    caught_up: bool,
    newest: watch::Receiver<u64>,
    /// What is to be said before anything else.
    first: Option<String>,
    behind: u64,
    heartbeat: Duration,
}

impl Reader {
    pub(super) fn new(
        place: Place,
        customer: CustomerId,
        types: Types,
        last: Option<&str>,
        config: &Config,
    ) -> Self {
        let events = &place.events;
        let newest = events.newest.subscribe();
        let (at, reset) = start(events, last);
        let mut first = format!("retry: {COME_BACK_MS}\n");
        match reset {
            Some(reason) => {
                let _ = write!(
                    first,
                    "id: {}\nevent: reset\ndata: {{\"type\":\"reset\",\"data\":{{\"reason\":\"{reason}\"}}}}\n\n",
                    events.id(at)
                );
            }
            None => _ = write!(first, "id: {}\n: listening\n\n", events.id(at)),
        }
        Self {
            customer,
            types,
            at,
            caught_up: false,
            newest,
            first: Some(first),
            behind: config.events_behind,
            heartbeat: config.events_heartbeat(),
            place,
        }
    }

    /// What it gets, as the text of the stream.
    pub(super) fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold(self, |mut reader| async move {
            let frame = reader.next().await?;
            Some((Ok(Bytes::from(frame)), reader))
        })
    }

    /// The next piece; none when it is sent away, or the server ends.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let newest = *self.newest.borrow_and_update();
            let lag = newest.saturating_sub(self.at);
            if self.caught_up && lag > self.behind {
                tracing::debug!(lag, "a reader of events is too slow; it may come back");
                return None;
            }
            let entries = self.place.events.ring().after(self.at, AT_ONCE)?;
            if entries.is_empty() {
                self.caught_up = true;
                let stop = self.place.events.stop.clone();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return None,
                    changed = self.newest.changed() => changed.ok()?,
                    () = tokio::time::sleep(self.heartbeat) => return Some(":\n\n".to_owned()),
                }
                continue;
            }
            let frames = self.write(&entries);
            if !frames.is_empty() {
                return Some(frames);
            }
        }
    }

    fn write(&mut self, entries: &[Arc<Entry>]) -> String {
        let mut frames = String::new();
        for entry in entries {
            if frames.len() >= PIECE {
                break;
            }
            self.at = entry.id;
            let Some(shown) = entry.shown() else {
                continue;
            };
            if shown.customer == self.customer && self.types.want(&shown.kind) {
                let id = self.place.events.id(entry.id);
                let (kind, text) = (&shown.kind, &shown.text);
                let _ = write!(frames, "id: {id}\nevent: {kind}\ndata: {text}\n\n");
            }
        }
        frames
    }
}

impl Events {
    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.life)
    }
}

/// Where a reader begins, and why that is not where it left off.
fn start(events: &Events, last: Option<&str>) -> (u64, Option<&'static str>) {
    let ring = events.ring();
    let newest = ring.newest();
    let Some(last) = last.filter(|last| !last.is_empty()) else {
        return (newest, None);
    };
    let Some((life, number)) = last.split_once('-') else {
        return (newest, Some("unknown_id"));
    };
    if life != events.life {
        return (newest, Some("restarted"));
    }
    match number.parse::<u64>() {
        Ok(number) if number > newest => (newest, Some("unknown_id")),
        Ok(number) if ring.after(number, 0).is_some() => (number, None),
        Ok(_) => (newest, Some("too_old")),
        Err(_) => (newest, Some("unknown_id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_names_or_beginnings_of_names() {
        let types = |query: &str| {
            let uri: Uri = format!("/v1/events?{query}").parse().unwrap();
            Types::of_query(&uri).map_err(|error| error.field.unwrap_or_default())
        };
        let wanted = types("types=call_*,campaign_updated").unwrap();
        for (kind, fits) in [
            ("call_hangup", true),
            ("campaign_updated", true),
            ("campaign_created", false),
            ("campaigncall_updated", false),
        ] {
            assert_eq!(wanted.want(kind), fits, "{kind}");
        }
        assert!(types("").unwrap().want("anything"));
        assert_eq!(types("types=a*b").unwrap_err(), "types");
        assert_eq!(types("types=").unwrap_err(), "types");
        assert_eq!(types("colour=red").unwrap_err(), "colour");
    }
}
