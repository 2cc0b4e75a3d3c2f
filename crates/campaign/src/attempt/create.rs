//! The call or activeflow of an attempt, and what the answer to its create
//! means (chapter 05 A.8.5–A.8.6).

use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::tick::WaitReason;
use trunkline_model::activeflow::{self, CreateRequest};
use trunkline_model::call::{Call, CreateWithIdRequest};
use trunkline_model::campaign::Type;
use trunkline_model::campaigncall::{Campaigncall, Status};
use trunkline_model::error;
use trunkline_model::id::CallId;
use trunkline_store::{Batch, Error, campaign_lease, campaigncall};

use super::place::{Placed, Reason, Volley, fail};

/// Creates what the campaign's type asks for.
pub(super) async fn create(volley: &Volley, call: &Campaigncall) -> Result<Placed, Error> {
    match volley.campaign.kind {
        Type::Flow => create_activeflow(volley, call).await,
        Type::Call | Type::None | Type::Other(_) => create_call(volley, call).await,
    }
}

/// The call of an attempt (chapter 05 A.8.5).
async fn create_call(volley: &Volley, call: &Campaigncall) -> Result<Placed, Error> {
    let manager = &volley.manager;
    let asked = CreateWithIdRequest {
        flow_id: call.flow_id,
        activeflow_id: call.activeflow_id,
        customer_id: call.customer_id,
        source: call.source.clone().unwrap_or_default(),
        destination: call.destination.clone().unwrap_or_default(),
        ..CreateWithIdRequest::default()
    };
    let id = CallId::from(call.reference_id.0);
    let answer = manager.call.create_with_id(id, &asked).await;
    let error = match answer {
        Ok(Some(created)) if created != Call::default() => return Ok(Placed::Started),
        // Compat: the reference answers `200 null` without a dial route.
        Ok(Some(_) | None) => {
            let reason = "no call was created: is there a dial route?".to_owned();
            return fail(volley, call, Reason::Refused(reason)).await;
        }
        Err(error) => error,
    };
    let verdict = judge(&error);
    // Whoever answers with an error may have made the call before it failed, and
    // of a request that was delivered twice the other copy may still be at work.
    if verdict.is_answer() && !manager.will_never_be(call).await {
        return Ok(Placed::Unknown);
    }
    end(volley, call, verdict, &error, away_reason(&error)).await
}

fn is_missing<T>(found: &Result<T, RpcError>) -> bool {
    found.as_ref().is_err_and(RpcError::is_not_found)
}

/// The activeflow of an attempt of a `flow` campaign (chapter 05 A.8.6).
async fn create_activeflow(volley: &Volley, call: &Campaigncall) -> Result<Placed, Error> {
    let manager = &volley.manager;
    let call = &progressing(volley, call).await?;
    let id = call.activeflow_id;
    let asked = CreateRequest {
        id,
        customer_id: call.customer_id,
        flow_id: call.flow_id,
        reference_type: activeflow::ReferenceType::Campaign,
        reference_id: call.id.0.into(),
        ..CreateRequest::default()
    };
    let answer = match manager.flow.create_activeflow(&asked).await {
        Ok(_) => manager.flow.execute(id).await,
        Err(error) => Err(error),
    };
    let Err(error) = answer else {
        return Ok(Placed::Started);
    };
    let verdict = judge(&error);
    if verdict.is_answer() && !is_missing(&manager.flow.activeflow(id).await) {
        return Ok(Placed::Unknown);
    }
    end(volley, call, verdict, &error, WaitReason::FlowAway).await
}

async fn end(
    volley: &Volley,
    call: &Campaigncall,
    verdict: Verdict,
    error: &RpcError,
    away: WaitReason,
) -> Result<Placed, Error> {
    match verdict {
        Verdict::Exists => Ok(Placed::Started),
        Verdict::Unknown => Ok(Placed::Unknown),
        Verdict::NotSent | Verdict::Away => fail(volley, call, Reason::Away(away)).await,
        Verdict::Exhausted => fail(volley, call, Reason::Away(WaitReason::CustomerLimit)).await,
        Verdict::Refused => fail(volley, call, Reason::Refused(error.to_string())).await,
    }
}

async fn progressing(volley: &Volley, call: &Campaigncall) -> Result<Campaigncall, Error> {
    let ledger = &volley.manager.ledger;
    let now = ledger.now().await?;
    let call = Campaigncall {
        status: Status::Progressing,
        tm_update: Some(now),
        ..call.clone()
    };
    let event = ledger.webhook_event(
        now,
        call.customer_id,
        "campaigncall_updated",
        &call,
        call.webhook(),
    );
    let batch = Batch::new()
        .with(campaign_lease::hold(&volley.lease))
        .with(campaigncall::set_progressing(call.id, now))
        .with(event);
    ledger.apply(batch).await?;
    Ok(call)
}

/// What the answer to a create says about what was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It exists under this id: the request was delivered twice.
    Exists,
    Refused,
    /// The service says that it cannot do it now.
    Away,
    /// The customer has reached a limit: the target is given back, and the
    /// campaign waits.
    Exhausted,
    /// The request did not leave.
    NotSent,
    Unknown,
}

impl Verdict {
    /// Whether the service has answered that it did not do it.
    fn is_answer(self) -> bool {
        match self {
            Self::Refused | Self::Away | Self::Exhausted => true,
            Self::Exists | Self::NotSent | Self::Unknown => false,
        }
    }
}

fn judge(error: &RpcError) -> Verdict {
    match error {
        RpcError::Typed(typed) if typed.status == error::Status::AlreadyExists => Verdict::Exists,
        RpcError::Typed(typed) if typed.status == error::Status::ResourceExhausted => {
            Verdict::Exhausted
        }
        RpcError::Answer(_) => Verdict::Unknown,
        RpcError::Transport(transport) if transport.not_delivered() => Verdict::NotSent,
        RpcError::Transport(_) => Verdict::Unknown,
        _ if error.is_unavailable() => Verdict::Away,
        RpcError::Typed(_) | RpcError::Status(_) => Verdict::Refused,
    }
}

/// call-manager answers and has no Asterisk, or does not answer.
fn away_reason(error: &RpcError) -> WaitReason {
    match error {
        RpcError::Typed(_) => WaitReason::NoAsterisk,
        RpcError::Transport(_) | RpcError::Status(_) | RpcError::Answer(_) => {
            WaitReason::TelephonyAway
        }
    }
}
