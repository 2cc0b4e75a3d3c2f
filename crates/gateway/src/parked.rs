//! Parked messages: what the roles could not handle (architecture decision 12).
//!
//! They are no customer's rows: an event may be about anybody, and one that
//! cannot be read says nothing about whose it is. So they are for operators
//! (`gateway.operators`) and nobody else, whatever the token's customer is (I8).
//!
//! Every role keeps its own and serves them on its own queue; here they are one
//! list. A role that does not run here is left out, one that does not answer is
//! named, so that nobody takes half of the list for the whole.

use axum::Json;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};
use trunkline_bus::{Error as BusError, Method, Request as RpcRequest, RpcError};
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::auth::Caller;
use crate::dispatch::Matched;
use crate::list;
use crate::resources::ListOf;
use crate::respond;
use crate::server::Gateway;

/// What is done with one message.
#[derive(Debug, Clone, Copy)]
enum Act {
    Show,
    /// Back into its queue.
    Release,
    /// Away with it.
    Discard,
}

/// Who may have something parked.
const SERVICES: [Service; 13] = [
    Service::AGENT,
    Service::BILLING,
    Service::CALL,
    Service::CAMPAIGN,
    Service::CUSTOMER,
    Service::FLOW,
    Service::NUMBER,
    Service::REGISTRAR,
    Service::OUTDIAL,
    Service::ROUTE,
    Service::STORAGE,
    Service::TTS,
    Service::WEBHOOK,
];

/// The metrics' tag of these requests.
const TAG: &str = "parked";

/// All of them.
pub(crate) fn list(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        let asking = Asking::of(&matched);
        asking.list(matched.caller, &matched.uri).await
    })
}

/// One of them.
pub(crate) fn show(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(one(matched, Act::Show))
}

/// One of them goes back into its queue.
pub(crate) fn release(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(one(matched, Act::Release))
}

/// One of them goes away.
pub(crate) fn discard(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(one(matched, Act::Discard))
}

async fn one(matched: Matched<'_>, act: Act) -> Result<Response, ApiError> {
    let asking = Asking::of(&matched);
    let id = matched.id()?;
    let (service, row) = asking.find(id).await?;
    let done = match act {
        Act::Show => row,
        Act::Release => {
            let request = asking.request(Method::Post, format!("/v1/parked/{id}/release"));
            asking.ask(service, &request).await?
        }
        Act::Discard => {
            let request = asking.request(Method::Delete, format!("/v1/parked/{id}"));
            asking.ask(service, &request).await?
        }
    };
    Ok(respond::one(without_secrets(done)))
}

struct Asking<'g> {
    gateway: &'g Gateway,
    request_id: &'g str,
}

/// What the roles answered.
struct Answers {
    given: Vec<(Service, Value)>,
    /// Roles that run but could not say.
    missing: Vec<&'static str>,
}

impl<'g> Asking<'g> {
    fn of(matched: &'g Matched<'_>) -> Self {
        Self {
            gateway: matched.gateway,
            request_id: &matched.request_id,
        }
    }
}

impl Asking<'_> {
    async fn list(&self, caller: Caller, uri: &Uri) -> Result<Response, ApiError> {
        let config = &self.gateway.config;
        let asked = list::read(uri, &[], ListOf::EverybodyPaged, caller.0, config)?;
        // One more than wanted shows where the page may end.
        let mut most = asked.page_size + 1;
        loop {
            let uri = format!("/v1/parked?{}", asked.query(most));
            let answers = self.ask_all(&uri).await;
            let rows = newest(&answers, most);
            if let Some((page, token)) = list::cut(rows, asked.page_size, most) {
                let body = json!({
                    "result": page,
                    "next_page_token": token,
                    "unanswered": answers.missing,
                });
                return Ok(Json(body).into_response());
            }
            most = most.saturating_mul(4).min(list::MOST_ROWS);
        }
    }

    /// The message with this id, and who keeps it.
    async fn find(&self, id: Uuid) -> Result<(Service, Value), ApiError> {
        let answers = self.ask_all(&format!("/v1/parked/{id}")).await;
        if let Some(found) = answers.given.into_iter().next() {
            return Ok(found);
        }
        if answers.missing.is_empty() {
            return Err(no_such(&id.to_string()));
        }
        let missing = answers.missing.join(", ");
        let message = format!("it is not at the roles that answered; {missing} did not, try again");
        Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            message,
        ))
    }

    /// Asks every role at once. Who does not run here, or knows nothing of
    /// parking, or has no such message, gives no answer.
    async fn ask_all(&self, uri: &str) -> Answers {
        let asks = SERVICES.map(|service| async move {
            let request = self.request(Method::Get, uri);
            let answer = self.gateway.ask(service, &request, TAG).await;
            (service, answer)
        });
        let mut answers = Answers {
            given: Vec::new(),
            missing: Vec::new(),
        };
        for (service, answer) in join_all(asks).await {
            match answer {
                Ok(value) => answers.given.push((service, value)),
                Err(RpcError::Transport(BusError::NoQueue(_))) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    tracing::warn!(service = service.name(), %error, "a role does not say what it has parked");
                    answers.missing.push(service.name());
                }
            }
        }
        answers
    }

    async fn ask(&self, service: Service, request: &RpcRequest) -> Result<Value, ApiError> {
        let answer = self.gateway.ask(service, request, TAG).await;
        answer.map_err(|error| ApiError::of_rpc(error, service, "parked message", ""))
    }

    fn request(&self, method: Method, uri: impl Into<String>) -> RpcRequest {
        RpcRequest {
            request_id: self.request_id.to_owned(),
            ..self.gateway.rpc.request(method, uri)
        }
    }
}

/// The newest of all roles' rows, at most as many as each was asked for.
fn newest(answers: &Answers, most: u32) -> Vec<Value> {
    let rows = answers.given.iter();
    let rows = rows.filter_map(|(_, rows)| rows.as_array()).flatten();
    let mut rows: Vec<Value> = rows.cloned().collect();
    // Both are compared as text, which is their order: each has one form only.
    let key = |row: &Value| {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let at = list::created(row).unwrap_or_default();
        (at, text("id"))
    };
    rows.sort_by_cached_key(key);
    rows.reverse();
    rows.truncate(most as usize);
    rows
}

/// The event inside may carry what is never shown.
fn without_secrets(mut row: Value) -> Value {
    if let Some(data) = row.pointer_mut("/body/data") {
        respond::hide_secrets(data);
    }
    row
}

fn no_such(id: &str) -> ApiError {
    ApiError::no_such("parked message", id)
}
