//! Calls (chapter 02 §5.2).

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_domain::call::outgoing::check_metadata;
use trunkline_model::call::{
    Call, CreateReply, CreateRequest, CreateWithIdRequest, HangupReason, OutcomesRequest, Status,
};
use trunkline_model::id::CallId;
use trunkline_model::progress::CallsOf;
use trunkline_store::{Batch, call as calls, void_call};

use super::filters;
use crate::Role;
use crate::apply::action::{self, Timeout};
use crate::apply::{hangup as ending, outcome, outgoing};
use crate::error::{CALL_NOT_FOUND, Error};

pub(crate) async fn list(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let filter = filters(&calls::FILTERS, &routed)?;
    let now = role.ledger.now().await.map_err(Error::from)?;
    let found = calls::list(role.ledger.db(), &filter, &routed.page(now))
        .await
        .map_err(Error::from)?;
    Ok(Reply::json(&found))
}

pub(crate) async fn get(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&role.call(routed.id(0)).await?))
}

/// The calls of a flow in numbers: Trunkline's own.
pub(crate) async fn counts(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: CallsOf = routed.body()?;
    let found = calls::counts(role.ledger.db(), asked.flow_id).await;
    Ok(Reply::json(&found.map_err(Error::from)?))
}

/// How a call went, with what a call has no field for: Trunkline's own resource.
pub(crate) async fn outcome(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let found = outcome::of_calls(&role, &[routed.id(0)]).await?;
    match found.first() {
        Some(outcome) => Ok(Reply::json(outcome)),
        None => Err(Error::NotFound(CALL_NOT_FOUND).into()),
    }
}

/// How many calls went: Trunkline's own, between roles.
pub(crate) async fn outcomes(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let OutcomesRequest { ids } = routed.body()?;
    if ids.len() > OutcomesRequest::MOST {
        return Err(Refusal::bare(400));
    }
    Ok(Reply::json(&outcome::of_calls(&role, &ids).await?))
}

/// One call per destination; the successes only. None at all is a 500.
pub(crate) async fn create(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: CreateRequest = routed.body()?;
    let Explain { explain } = routed.body()?;
    check_metadata(&asked.metadata).map_err(|_| Refusal::bare(400))?;
    let mut reply = CreateReply::default();
    let mut refused = None;
    for (n, destination) in asked.destinations.iter().enumerate() {
        let one = CreateWithIdRequest {
            flow_id: asked.flow_id,
            customer_id: asked.customer_id,
            master_call_id: asked.master_call_id,
            source: asked.source.clone(),
            destination: destination.clone(),
            early_execution: asked.early_execution,
            connect: asked.connect,
            anonymous: asked.anonymous.clone(),
            metadata: asked.metadata.clone(),
            variables: asked.variables.clone(),
            ..CreateWithIdRequest::default()
        };
        match create_once(&role, routed.own_id(n), one).await {
            Ok(call) => reply.calls.push(call),
            // Nothing can be dialed: the caller learns why.
            Err(error @ Error::NoAsterisk) => return Err(error.into()),
            Err(error) => {
                let cause = std::error::Error::source(&error)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                tracing::warn!(kind = %destination.kind, %error, cause, "one destination of a request was not called");
                refused.get_or_insert(error);
            }
        }
    }
    match refused {
        _ if !reply.calls.is_empty() => Ok(Reply::json(&reply)),
        Some(error) if explain || error.is_exhausted() => Err(error.explained()),
        Some(_) | None => Err(Refusal::bare(500)),
    }
}

/// Creates a call whose id nobody has chosen. When the request is one that comes again
/// after a process has died in the middle of it, `id` is its own: then the call is
/// found, and nobody is called a second time.
async fn create_once(
    role: &Arc<Role>,
    id: Option<CallId>,
    asked: CreateWithIdRequest,
) -> Result<Call, Error> {
    let Some(id) = id else {
        return outgoing::create(role, CallId::random(), asked).await;
    };
    if let Some(call) = calls::get(role.ledger.db(), id).await? {
        return Ok(call);
    }
    match outgoing::create(role, id, asked).await {
        // Another copy has the same request, and was first.
        Err(error) if error.is_taken() => {
            let found = calls::get(role.ledger.db(), id).await?;
            found.ok_or(error)
        }
        outcome => outcome,
    }
}

pub(crate) async fn create_with_id(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: CreateWithIdRequest = routed.body()?;
    let Explain { explain } = routed.body()?;
    check_metadata(&asked.metadata).map_err(|_| Refusal::bare(400))?;
    let id: CallId = routed.id(0);
    let created = if id.is_nil() {
        create_once(&role, routed.own_id(0), asked).await
    } else {
        outgoing::create(&role, id, asked).await
    };
    match created {
        Ok(call) => Ok(Reply::json(&call)),
        Err(error) if explain => Err(error.explained()),
        Err(error) => Err(error.into()),
    }
}

/// Ours: whoever tests a trunk wants to hear why a call is not made.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Explain {
    explain: bool,
}

pub(crate) async fn delete(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&delete_call(&role, routed.id(0)).await?))
}

/// Deletes a call, hanging it up first when it lives (chapter 02 §5.2.5).
pub(crate) async fn delete_call(role: &Arc<Role>, id: CallId) -> Result<Call, Error> {
    let mut call = role.call(id).await?;
    if call.tm_delete.is_some() {
        return Ok(call);
    }
    if call.status != Status::Hangup {
        call = ending::request(role, id, &HangupReason::Normal).await?;
    }
    let now = role.ledger.now().await?;
    let deleted = Call {
        tm_delete: Some(now),
        tm_update: Some(now),
        ..call
    };
    let batch = Batch::new()
        .with(calls::delete(id, now))
        .with(role.call_event(now, "call_deleted", &deleted));
    match role.ledger.apply(batch).await {
        // Somebody else deleted it meanwhile.
        Err(error) if error.is_conflict() => role.call(id).await,
        outcome => outcome.map(|()| deleted).map_err(Error::from),
    }
}

pub(crate) async fn hangup(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(
        &ending::request(&role, routed.id(0), &HangupReason::Normal).await?,
    ))
}

/// Trunkline's own: the call with this id, or `null`, and then there will never
/// be one: a create that is still on its way is refused.
pub(crate) async fn void(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let id: CallId = routed.id(0);
    let now = role.ledger.now().await.map_err(Error::from)?;
    let batch = void_call::declare(role.ledger.db().dialect(), id, now);
    match role.ledger.apply(batch).await {
        Ok(()) => {
            tracing::info!(call_id = %id, "there is no such call, and there will be none");
            Ok(Reply::json(&None::<Call>))
        }
        Err(error) if error.is_conflict() => Ok(Reply::json(&role.call(id).await?)),
        Err(error) => Err(Error::from(error).into()),
    }
}

/// The comparison with Asterisk takes the place of health checks; the request is
/// taken and, as in the reference, not answered.
pub(crate) async fn health_check(_: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let body: serde_json::Map<String, serde_json::Value> = routed.body()?;
    let counts = body
        .get("retry_count")
        .is_none_or(|count| count.is_i64() || count.is_null());
    std::future::ready(if counts {
        Ok(Reply::Silent)
    } else {
        Err(Refusal::bad_body())
    })
    .await
}

pub(crate) async fn action_next(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        force: bool,
    }
    let Body { force } = routed.body()?;
    let call = role.call(routed.id(0)).await?;
    // Only the look-up is awaited (chapter 02 §5.2 route 10).
    tokio::spawn(async move {
        let id = call.id;
        let outcome = if force {
            action::force_next(&role, call).await
        } else {
            action::next(&role, call).await
        };
        if let Err(error) = outcome {
            tracing::warn!(call_id = %id, %error, "the next action could not be started");
        }
    });
    Ok(Reply::Bare)
}

pub(crate) async fn action_timeout(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let timeout: Timeout = routed.body()?;
    match action::on_timeout(&role, routed.id(0), &timeout).await {
        Ok(()) => Ok(Reply::Bare),
        Err(Error::Precondition(because)) => {
            tracing::debug!(because, "a stale time-out is ignored");
            Err(Refusal::bare(500))
        }
        Err(error) => Err(error.into()),
    }
}
