//! Requests with an `Idempotency-Key`: carried out once, also when the answer
//! was lost, the caller went away, or the server was killed meanwhile.
//!
//! ```text
//! row written (no answer) ─ carried out, whoever listens ─ answer written ─ answered
//! ```
//!
//! A repetition finds the row. With an answer, that is the answer. Without one,
//! it is still being done here, or nobody knows: then it is never done again.
//! What was certainly not carried out is forgotten, so that it can be repeated.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::to_bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use trunkline_model::id::CustomerId;
use trunkline_store::idempotency::{self as rows, Kept};
use trunkline_store::{Batch, Error as StoreError};
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::dispatch::{Matched, dispatch};
use crate::limits::busy;
use crate::respond::JSON;
use crate::server::Gateway;
use crate::token_routes::away;
use crate::tokens::hexadecimal;

const HEADER: &str = "idempotency-key";
const REPLAYED: &str = "idempotency-replayed";

/// Longest key, characters.
const LONGEST_KEY: usize = 255;

/// Rows that one write forgets.
const SWEPT_AT_ONCE: u32 = 1_000;

/// The keys that this process knows about.
pub(crate) struct Keys {
    /// This process, among those that share the store.
    holder: Uuid,
    running: Mutex<HashSet<Id>>,
    /// Kept keys of each customer, about.
    counts: Mutex<HashMap<CustomerId, i64>>,
}

/// A customer's key on one route, as hash.
type Id = (CustomerId, String);

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            holder: Uuid::new_v4(),
            running: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    fn running(&self) -> MutexGuard<'_, HashSet<Id>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<CustomerId, i64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of a request, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > LONGEST_KEY {
        let message = format!("`Idempotency-Key` must be a text of 1 to {LONGEST_KEY} characters");
        return Err(ApiError {
            field: Some("Idempotency-Key".to_owned()),
            ..ApiError::new(StatusCode::BAD_REQUEST, "IDEMPOTENCY_KEY_INVALID", message)
        });
    }
    Ok(Some(text.to_owned()))
}

/// Carries a request with a key out, or says what became of the first one.
pub(crate) async fn once(matched: Matched<'_>, key: &str) -> Result<Response, ApiError> {
    let gateway = Arc::clone(matched.gateway);
    let (customer, route) = (matched.caller.0, matched.route);
    let id = (customer, hash(&[route.path.as_bytes(), key.as_bytes()]));
    let request = hash(&[matched.uri.to_string().as_bytes(), &matched.body]);
    if !begin(&gateway, &id, &request).await? {
        return repeated(&gateway, &id, &request).await;
    }
    // On its own: a caller who goes away must not cut it off in the middle.
    let task = {
        let Matched {
            caller,
            request_id,
            resource,
            route,
            uri,
            headers,
            body,
            ..
        } = matched;
        let (gateway, id) = (Arc::clone(&gateway), id.clone());
        tokio::spawn(async move {
            let matched = Matched {
                gateway: &gateway,
                caller,
                request_id,
                resource,
                route,
                uri,
                headers,
                body,
            };
            let answer = dispatch(matched).await;
            let answer = answer.unwrap_or_else(ApiError::into_response);
            let response = keep(&gateway, &id, answer).await;
            gateway.keys.running().remove(&id);
            response
        })
    };
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request with an idempotency key has panicked");
        gateway.keys.running().remove(&id);
        Err(unknown())
    })
}

/// Writes that it begins; false when it has begun before.
async fn begin(gateway: &Arc<Gateway>, id: &Id, request: &str) -> Result<bool, ApiError> {
    let keys = &gateway.keys;
    let most = i64::from(gateway.config.idempotency_keys);
    let many = keys.counts().get(&id.0).copied().unwrap_or_default() >= most;
    if many {
        if rows::get(&*gateway.db, id.0, &id.1)
            .await
            .map_err(away)?
            .is_some()
        {
            return Ok(false);
        }
        let message =
            format!("the customer has {most} idempotency keys; older ones are forgotten with time");
        return Err(busy("TOO_MANY_IDEMPOTENCY_KEYS", message, 60));
    }
    // Before it is written: whoever finds the row must find it running.
    if !keys.running().insert(id.clone()) {
        return Ok(false);
    }
    let now = gateway.db.now().await.map_err(away);
    let written = match now {
        Err(error) => Err(error),
        Ok(now) => {
            let kept = Kept {
                customer_id: id.0,
                key_hash: id.1.clone(),
                request_hash: request.to_owned(),
                holder: keys.holder,
                tm_create: Some(now),
                ..Kept::default()
            };
            match gateway
                .db
                .apply(Batch::new().with(rows::insert(&kept)))
                .await
            {
                Ok(()) => Ok(true),
                Err(error) if error.is_conflict() => Ok(false),
                Err(error) => Err(away(error)),
            }
        }
    };
    if matches!(written, Ok(true)) {
        *keys.counts().entry(id.0).or_default() += 1;
    } else {
        keys.running().remove(id);
    }
    written
}

/// What a repetition is answered.
async fn repeated(gateway: &Arc<Gateway>, id: &Id, request: &str) -> Result<Response, ApiError> {
    let found = rows::get(&*gateway.db, id.0, &id.1).await.map_err(away)?;
    let Some(kept) = found else {
        // It is just beginning, or was just forgotten.
        return Err(in_progress());
    };
    if kept.request_hash != request {
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "IDEMPOTENCY_KEY_REUSED",
            "the key was used for another request; use a new key",
        ));
    }
    if let Some(status) = status_of(&kept) {
        let mut response = (status, kept.answer).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        return Ok(response);
    }
    if gateway.keys.running().contains(id) {
        return Err(in_progress());
    }
    // Another process may be at it, for as long as a request can take.
    let now = gateway.db.now().await.map_err(away)?;
    let age = now.since(kept.tm_create.unwrap_or(now));
    if kept.holder != gateway.keys.holder && age < gateway.config.request_timeout() {
        return Err(in_progress());
    }
    Err(unknown())
}

fn status_of(kept: &Kept) -> Option<StatusCode> {
    let status = u16::try_from(kept.status).ok()?;
    StatusCode::from_u16(status).ok()
}

/// Writes what the answer means for a repetition.
async fn keep(gateway: &Arc<Gateway>, id: &Id, answer: Response) -> Result<Response, ApiError> {
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, gateway.config.bulk_body_limit_bytes).await;
    let body = body.unwrap_or_default();
    let statement = match fate(parts.status, &body) {
        Fate::Keep(text) => rows::set_answer(id.0, &id.1, parts.status.as_u16(), text),
        Fate::Forget => rows::delete(id.0, &id.1),
        Fate::Unknown => return Ok(Response::from_parts(parts, body.into())),
    };
    if let Err(error) = gateway.db.apply(Batch::new().with(statement)).await {
        tracing::warn!(%error, "the answer to a request with an idempotency key is not kept: a repetition is told that nobody knows");
    }
    Ok(Response::from_parts(parts, body.into()))
}

/// What is written about an answer.
#[derive(Debug, PartialEq)]
enum Fate {
    Keep(String),
    /// It was not carried out and may be tried again.
    Forget,
    /// It may have been carried out: the row stays without an answer.
    Unknown,
}

fn fate(status: StatusCode, body: &Bytes) -> Fate {
    match status.as_u16() {
        401 | 403 | 408 | 429 | 503 => Fate::Forget,
        500.. => Fate::Unknown,
        _ => Fate::Keep(String::from_utf8_lossy(body).into_owned()),
    }
}

fn in_progress() -> ApiError {
    ApiError {
        retry_after: Some(1),
        ..ApiError::new(
            StatusCode::CONFLICT,
            "IDEMPOTENCY_IN_PROGRESS",
            "the first request with this key is still being carried out",
        )
    }
}

fn unknown() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "IDEMPOTENCY_OUTCOME_UNKNOWN",
        "a request with this key was begun and may have been carried out; look whether it was, and use a new key if not",
    )
}

/// Forgets old keys, now and then, and counts what is left.
pub(crate) async fn sweep(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        if let Err(error) = sweep_once(&gateway).await {
            tracing::warn!(%error, "old idempotency keys could not be forgotten");
        }
        let pause = tokio::time::sleep(gateway.config.idempotency_sweep());
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

async fn sweep_once(gateway: &Gateway) -> Result<(), StoreError> {
    let before = gateway
        .db
        .now()
        .await?
        .minus(gateway.config.idempotency_keep());
    while rows::any_before(&*gateway.db, before).await? {
        let some = rows::sweep(before, SWEPT_AT_ONCE);
        gateway.db.apply(Batch::new().with(some)).await?;
    }
    let counts = rows::counts(&*gateway.db).await?;
    *gateway.keys.counts() = counts.into_iter().collect();
    Ok(())
}

/// SHA-256 of the parts, each with its length.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_done_is_never_forgotten() {
        let body = Bytes::from_static(b"{}");
        let fate = |status| fate(StatusCode::from_u16(status).unwrap(), &body);
        for kept in [200, 400, 404, 409, 413] {
            assert_eq!(fate(kept), Fate::Keep("{}".to_owned()), "{kept}");
        }
        for unknown in [500, 502, 504] {
            assert_eq!(fate(unknown), Fate::Unknown, "{unknown}");
        }
        for forgotten in [429, 503] {
            assert_eq!(fate(forgotten), Fate::Forget, "{forgotten}");
        }
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }

    #[test]
    fn a_key_is_a_short_text() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_str(value).unwrap());
            key(&headers).map_err(|error| error.code)
        };
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
        assert_eq!(with(" k "), Ok(Some("k".to_owned())));
        for wrong in [" ", &"x".repeat(256)] {
            assert_eq!(with(wrong), Err("IDEMPOTENCY_KEY_INVALID".to_owned()));
        }
    }
}
