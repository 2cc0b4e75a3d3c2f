//! What became of a campaign's people: one row for each attempt, newest first,
//! as pages of JSON, or whole as JSON Lines or CSV.
//!
//! A whole one is made while it is sent, a page of attempts at a time, so that a
//! campaign of a million costs as much memory as one of a thousand. The order
//! is that of the list of attempts, and attempts that begin meanwhile are not in
//! it. When a role stops answering in the middle, the connection is cut before
//! its end: nobody takes half of the results for the whole.

mod csv;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trunkline_bus::{Method, Request as RpcRequest, RpcError};
use trunkline_model::Timestamp;
use trunkline_model::call::Outcome;
use trunkline_model::campaigncall::{Campaigncall, Status};
use trunkline_model::id::{CallId, CampaigncallId, CustomerId, OutdialTargetId, RecordingId};
use trunkline_model::outdial_target::OutdialTarget;
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::dispatch::Matched;
use crate::list::{self, Asked};
use crate::resources::{Filter, FilterKind, ListOf};
use crate::server::Gateway;

/// Its parameters.
pub(crate) const QUERY: &[Filter] = &[
    Filter {
        name: "format",
        kind: FilterKind::Text,
    },
    Filter {
        name: "page_size",
        kind: FilterKind::PageSize,
    },
    Filter {
        name: "page_token",
        kind: FilterKind::PageToken,
    },
];

/// Attempts of one page of a whole export; also the most ids of one look-up.
const PAGE: u32 = 1_000;

/// How the results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    JsonLines,
    Csv,
}

/// One attempt. The order of the fields is that of the columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    attempt_id: CampaigncallId,
    call_id: Option<CallId>,
    target_id: OutdialTargetId,
    target_name: String,
    target_data: String,
    number: String,
    destination_index: i64,
    /// Attempts at this number so far, this one included.
    try_count: i64,
    status: String,
    result: String,
    tm_dial: Option<Timestamp>,
    tm_ringing: Option<Timestamp>,
    tm_answer: Option<Timestamp>,
    tm_end: Option<Timestamp>,
    hangup_by: String,
    hangup_reason: String,
    hangup_cause: i64,
    sip_code: i64,
    digits: String,
    recording_ids: Vec<RecordingId>,
}

/// The route.
pub(crate) fn run(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        matched.row().await?;
        let (id, gateway) = (matched.id()?, Arc::clone(matched.gateway));
        answer(
            gateway,
            matched.caller.0,
            id,
            matched.request_id,
            &matched.uri,
        )
        .await
    })
}

/// Answers a request for the results of a campaign that is the caller's.
async fn answer(
    gateway: Arc<Gateway>,
    customer: CustomerId,
    campaign: Uuid,
    request_id: String,
    uri: &Uri,
) -> Result<Response, ApiError> {
    let asked = list::read(uri, QUERY, ListOf::Row, customer, &gateway.config)?;
    let format = format(&asked)?;
    let source = Source {
        gateway,
        customer,
        campaign,
        request_id,
    };
    if format == Format::Json {
        let (rows, token) = source.page(&asked).await?;
        return Ok(Json(json!({"result": rows, "next_page_token": token})).into_response());
    }
    let asked = Asked {
        page_size: PAGE,
        ..asked
    };
    // The first page before the head of the answer: what fails at once is an
    // error like any other.
    let first = source.page(&asked).await?;
    Ok(whole(source, format, first))
}

fn format(asked: &Asked) -> Result<Format, ApiError> {
    match asked.filters.get("format").and_then(Value::as_str) {
        None | Some("json") => Ok(Format::Json),
        Some("jsonl") => Ok(Format::JsonLines),
        Some("csv") => Ok(Format::Csv),
        Some(other) => {
            let message = format!("`format` is `{other}`; it must be one of: json, jsonl, csv");
            Err(ApiError::field("format", message))
        }
    }
}

/// Everything from the first page on, written while it is read.
fn whole(source: Source, format: Format, first: (Vec<Row>, String)) -> Response {
    let (kind, ending, head) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv", csv::head()),
        Format::Json | Format::JsonLines => ("application/jsonl", "jsonl", String::new()),
    };
    let name = format!(
        "attachment; filename=\"campaign-{}.{ending}\"",
        source.campaign
    );
    let pages = stream::try_unfold(Some(Next::Have(first)), move |next| {
        let source = source.clone();
        async move {
            let (rows, token) = match next {
                None => return Ok(None),
                Some(Next::Have(page)) => page,
                Some(Next::At(token)) => source.page(&following(token)).await?,
            };
            let next = (!token.is_empty()).then_some(Next::At(token));
            Ok(Some((write(&rows, format), next)))
        }
    });
    let pages = pages.map_err(|error: ApiError| {
        tracing::warn!(
            code = error.code,
            message = error.message,
            "an export of results ends in the middle"
        );
        std::io::Error::other(error.message)
    });
    let body = stream::once(async move { Ok(Bytes::from(head)) }).chain(pages);
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// Where an export goes on.
enum Next {
    Have((Vec<Row>, String)),
    At(String),
}

fn following(page_token: String) -> Asked {
    Asked {
        page_size: PAGE,
        page_token,
        filters: serde_json::Map::new(),
    }
}

fn write(rows: &[Row], format: Format) -> Bytes {
    let mut text = String::new();
    for row in rows {
        match format {
            Format::Csv => csv::line(row, &mut text),
            Format::Json | Format::JsonLines => {
                text.push_str(&serde_json::to_string(row).unwrap_or_default());
                text.push('\n');
            }
        }
    }
    Bytes::from(text)
}

/// Where the rows come from.
#[derive(Clone)]
struct Source {
    gateway: Arc<Gateway>,
    customer: CustomerId,
    campaign: Uuid,
    request_id: String,
}

impl Source {
    /// A page, and the token of the next one; empty at the end.
    async fn page(&self, asked: &Asked) -> Result<(Vec<Row>, String), ApiError> {
        let (attempts, token) = self.attempts(asked).await?;
        let targets = self.targets(&attempts).await?;
        let calls = self.calls(&attempts).await?;
        let row = |attempt: &Campaigncall| {
            let target = targets.get(&attempt.outdial_target_id);
            let call = call_of(attempt).and_then(|id| calls.get(&id));
            row(attempt, target, call)
        };
        Ok((attempts.iter().map(row).collect(), token))
    }

    async fn attempts(&self, asked: &Asked) -> Result<(Vec<Campaigncall>, String), ApiError> {
        let filters = json!({
            "customer_id": self.customer, "campaign_id": self.campaign, "deleted": false,
        });
        // One more than wanted shows where the page may end.
        let mut rows = asked.page_size + 1;
        loop {
            let uri = format!("/v1/campaigncalls?{}", asked.query(rows));
            let request = self.request(Method::Get, uri).json(&filters);
            let found: Vec<Value> = self
                .ask(Service::CAMPAIGN, &request, "campaign/campaigncalls")
                .await
                .map_err(|error| failed(error, Service::CAMPAIGN))?;
            if let Some((page, token)) = list::cut(found, asked.page_size, rows) {
                let page = serde_json::from_value(Value::Array(page));
                let page = page.map_err(|error| {
                    failed(RpcError::Answer(error.to_string()), Service::CAMPAIGN)
                })?;
                return Ok((page, token));
            }
            rows = rows.saturating_mul(4).min(list::MOST_ROWS);
        }
    }

    async fn targets(
        &self,
        attempts: &[Campaigncall],
    ) -> Result<HashMap<OutdialTargetId, OutdialTarget>, ApiError> {
        let mut ids: Vec<OutdialTargetId> =
            attempts.iter().map(|it| it.outdial_target_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut targets = HashMap::new();
        for ids in ids.chunks(PAGE as usize) {
            let request = self
                .request(Method::Post, "/v1/outdialtargets/lookup")
                .json(&json!({ "ids": ids }));
            let found: Vec<OutdialTarget> = self
                .ask(Service::OUTDIAL, &request, "outdial/outdialtargets")
                .await
                .map_err(|error| failed(error, Service::OUTDIAL))?;
            targets.extend(found.into_iter().map(|target| (target.id, target)));
        }
        Ok(targets)
    }

    async fn calls(&self, attempts: &[Campaigncall]) -> Result<HashMap<CallId, Outcome>, ApiError> {
        let ids: Vec<CallId> = attempts.iter().filter_map(call_of).collect();
        let mut calls = HashMap::new();
        for ids in ids.chunks(PAGE as usize) {
            let request = self
                .request(Method::Post, "/v1/calls/outcomes")
                .json(&json!({ "ids": ids }));
            let found: Result<Vec<Outcome>, RpcError> =
                self.ask(Service::CALL, &request, "call/calls").await;
            let found = match found {
                // A call-manager that is not ours has no outcomes.
                Err(error) if error.is_not_found() => Vec::new(),
                answer => answer.map_err(|error| failed(error, Service::CALL))?,
            };
            calls.extend(found.into_iter().map(|call| (call.id, call)));
        }
        Ok(calls)
    }

    fn request(&self, method: Method, uri: impl Into<String>) -> RpcRequest {
        RpcRequest {
            request_id: self.request_id.clone(),
            ..self.gateway.rpc.request(method, uri)
        }
    }

    async fn ask<T: DeserializeOwned + Default>(
        &self,
        service: Service,
        request: &RpcRequest,
        tag: &'static str,
    ) -> Result<T, RpcError> {
        let timeout = self.gateway.config.request_timeout();
        let queue = service.request_queue();
        self.gateway.rpc.call(&queue, request, tag, timeout).await
    }
}

fn failed(error: RpcError, service: Service) -> ApiError {
    ApiError::of_rpc(error, service, "result", "")
}

/// The call that an attempt started; none of one that started a flow.
fn call_of(attempt: &Campaigncall) -> Option<CallId> {
    use trunkline_model::campaigncall::ReferenceType;
    let is_call = attempt.reference_type == ReferenceType::Call && !attempt.reference_id.is_nil();
    is_call.then_some(CallId(attempt.reference_id.0))
}

fn row(attempt: &Campaigncall, target: Option<&OutdialTarget>, call: Option<&Outcome>) -> Row {
    let ended = (attempt.status == Status::Done).then_some(attempt.tm_update);
    let of_target = |field: fn(&OutdialTarget) -> &String| target.map(field).cloned();
    Row {
        attempt_id: attempt.id,
        call_id: call_of(attempt),
        target_id: attempt.outdial_target_id,
        target_name: of_target(|target| &target.name).unwrap_or_default(),
        target_data: of_target(|target| &target.data).unwrap_or_default(),
        number: attempt
            .destination
            .as_ref()
            .map(|address| address.target.clone())
            .unwrap_or_default(),
        destination_index: attempt.destination_index,
        try_count: attempt.try_count,
        status: attempt.status.to_string(),
        result: attempt.result.to_string(),
        tm_dial: attempt.tm_create,
        tm_ringing: call.and_then(|call| call.tm_ringing),
        tm_answer: call.and_then(|call| call.tm_progressing),
        // One whose call was refused has ended without a hangup.
        tm_end: call.and_then(|call| call.tm_hangup).or(ended.flatten()),
        hangup_by: call
            .map(|call| call.hangup_by.to_string())
            .unwrap_or_default(),
        hangup_reason: call
            .map(|call| call.hangup_reason.to_string())
            .unwrap_or_default(),
        hangup_cause: call.map_or(0, |call| call.hangup_cause),
        sip_code: call.map_or(0, |call| call.sip_code),
        digits: call.map(|call| call.digits.clone()).unwrap_or_default(),
        recording_ids: call
            .map(|call| call.recording_ids.clone())
            .unwrap_or_default(),
    }
}
