//! The call or activeflow of an attempt, and what the answer to its create
//! means (chapter 05 A.8.5–A.8.6).

use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::tick::WaitReason;
use trunkline_model::activeflow::{self, CreateRequest};
use trunkline_model::call::{Call, CreateWithIdRequest};
use trunkline_model::campaign::{Campaign, Type};
use trunkline_model::campaigncall::{Campaigncall, Status};
use trunkline_model::error;
use trunkline_model::id::CallId;
use trunkline_store::{Batch, Error, campaigncall};

use super::place::{Placed, Reason, fail};
use crate::manager::CampaignManager;

/// Creates what the campaign's type asks for.
pub(super) async fn create(
    manager: &CampaignManager,
    campaign: &Campaign,
    call: &Campaigncall,
) -> Result<Placed, Error> {
    match campaign.kind {
        Type::Flow => create_activeflow(manager, call).await,
        Type::Call | Type::None | Type::Other(_) => create_call(manager, call).await,
    }
}

/// The call of an attempt (chapter 05 A.8.5).
async fn create_call(manager: &CampaignManager, call: &Campaigncall) -> Result<Placed, Error> {
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
            return fail(manager, call, Reason::Refused(reason)).await;
        }
        Err(error) => error,
    };
    match judge(&error) {
        Verdict::Exists => Ok(Placed::Started),
        Verdict::Unknown => Ok(Placed::Unknown),
        Verdict::Away => fail(manager, call, Reason::Away(away_reason(&error))).await,
        // Whoever broke off in the middle may have made the call.
        Verdict::Broken
            if !manager
                .call
                .get(id)
                .await
                .is_err_and(|error| error.is_not_found()) =>
        {
            Ok(Placed::Unknown)
        }
        Verdict::Broken | Verdict::Refused => {
            fail(manager, call, Reason::Refused(error.to_string())).await
        }
    }
}

/// The activeflow of an attempt of a `flow` campaign (chapter 05 A.8.6).
async fn create_activeflow(
    manager: &CampaignManager,
    call: &Campaigncall,
) -> Result<Placed, Error> {
    let call = &progressing(manager, call).await?;
    let asked = CreateRequest {
        id: call.activeflow_id,
        customer_id: call.customer_id,
        flow_id: call.flow_id,
        reference_type: activeflow::ReferenceType::Campaign,
        reference_id: call.id.0.into(),
        ..CreateRequest::default()
    };
    let answer = match manager.flow.create_activeflow(&asked).await {
        Ok(_) => manager.flow.execute(call.activeflow_id).await,
        Err(error) => Err(error),
    };
    let Err(error) = answer else {
        return Ok(Placed::Started);
    };
    match judge(&error) {
        Verdict::Exists => Ok(Placed::Started),
        Verdict::Unknown | Verdict::Broken => Ok(Placed::Unknown),
        Verdict::Away => fail(manager, call, Reason::Away(WaitReason::FlowAway)).await,
        Verdict::Refused => fail(manager, call, Reason::Refused(error.to_string())).await,
    }
}

async fn progressing(
    manager: &CampaignManager,
    call: &Campaigncall,
) -> Result<Campaigncall, Error> {
    let now = manager.ledger.now().await?;
    let call = Campaigncall {
        status: Status::Progressing,
        tm_update: Some(now),
        ..call.clone()
    };
    let event = manager.ledger.webhook_event(
        now,
        call.customer_id,
        "campaigncall_updated",
        &call,
        call.webhook(),
    );
    let batch = Batch::new()
        .with(campaigncall::set_progressing(call.id, now))
        .with(event);
    manager.ledger.apply(batch).await?;
    Ok(call)
}

/// What the answer to a create says about what was created.
enum Verdict {
    /// It exists under this id: the request was delivered twice.
    Exists,
    Refused,
    /// The service is away and has created nothing.
    Away,
    /// The service failed in the middle.
    Broken,
    Unknown,
}

fn judge(error: &RpcError) -> Verdict {
    match error {
        RpcError::Typed(typed) if typed.status == error::Status::AlreadyExists => Verdict::Exists,
        RpcError::Answer(_) => Verdict::Unknown,
        RpcError::Transport(transport) if !transport.not_delivered() => Verdict::Unknown,
        _ if error.is_unavailable() => Verdict::Away,
        RpcError::Status(500..) => Verdict::Broken,
        RpcError::Typed(_) | RpcError::Status(_) | RpcError::Transport(_) => Verdict::Refused,
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
