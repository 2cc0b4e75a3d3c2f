//! Walking through a call's flow: the next action, and doing it (chapter 03 §5).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use trunkline_ari::request::{AddChannel, Continue, Dtmf, Play};
use trunkline_bus::Method;
use trunkline_bus::metrics::millis;
use trunkline_delivery::Duty;
use trunkline_domain::call::action::{Echo, Enough, Step, step};
use trunkline_domain::call::hangup;
use trunkline_domain::call::status::is_live;
use trunkline_model::call::{Call, HangupReason, Status};
use trunkline_model::id::{ActionId, CallId, PlaybackId};
use trunkline_model::service::Service;
use trunkline_model::{Action, Timestamp};
use trunkline_store::{Batch, Statement, call as calls};

use super::hangup::Ending;
use super::recording::Owned;
use super::{ATTEMPTS, digits, media, recording};
use crate::Role;
use crate::error::Error;
use crate::metrics::ActionLabels;

/// Pause before flow-manager is asked again after it did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Pause after a playback that failed, until the next action.
const AFTER_FAILED_PLAYBACK: Duration = Duration::from_millis(300);

/// Actions that one walk may do without waiting for anything; flow-manager ends
/// an activeflow long before.
const STEPS: usize = 200;

/// What the dialplan reads, see `asterisk/etc/extensions.conf`.
const ECHO_SECONDS: &str = "TRUNKLINE_ECHO_SECONDS";

/// Body of `POST /v1/calls/{id}/action-timeout`.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Timeout {
    pub(crate) action_id: ActionId,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) action_type: String,
    /// Time with six digits; unparsable reads as absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) tm_execute: String,
}

/// Goes on with the call's next action (chapter 03 §5.2). Somebody else who is
/// doing that already makes this do nothing.
pub(crate) async fn next(role: &Arc<Role>, call: Call) -> Result<(), Error> {
    let now = role.ledger.now().await?;
    let Some(hold) = hold(&call, now) else {
        if is_live(&call.status) && !call.action_next_hold {
            super::hangup::request(role, call.id, &HangupReason::Normal).await?;
        }
        return Ok(());
    };
    match role.ledger.apply(Batch::new().with(hold)).await {
        Err(error) if error.is_conflict() => Ok(()),
        outcome => {
            outcome?;
            Box::pin(walk(role, call)).await
        }
    }
}

/// Takes the walk to the call's next action. None when it cannot be taken: the
/// call has ended, somebody walks, or there is no flow.
pub(crate) fn hold(call: &Call, now: Timestamp) -> Option<Statement> {
    let free = is_live(&call.status) && !call.action_next_hold && !call.activeflow_id.is_nil();
    free.then(|| calls::hold_at(call.id, call.action.id, now))
}

/// Walks on to the next action that waits for something. The hold is ours.
pub(crate) async fn walk(role: &Arc<Role>, mut call: Call) -> Result<(), Error> {
    for _ in 0..STEPS {
        let Some(action) = Box::pin(ask(role, &call)).await? else {
            return Ok(());
        };
        let Some(started) = Box::pin(begin(role, &call, action)).await? else {
            return Ok(());
        };
        call = started;
        if Box::pin(perform(role, &call)).await? == Then::Wait {
            return Ok(());
        }
        // Nobody waits for anything: on to the next one.
        let now = role.ledger.now().await?;
        let Some(hold) = hold(&call, now) else {
            return Ok(());
        };
        match role.ledger.apply(Batch::new().with(hold)).await {
            Err(error) if error.is_conflict() => return Ok(()),
            outcome => outcome?,
        }
    }
    Err(Error::Precondition(format!(
        "call `{}` runs through its flow without an end",
        call.id
    )))
}

/// Asks flow-manager; `None` when the walk ends or goes on later.
async fn ask(role: &Arc<Role>, call: &Call) -> Result<Option<Action>, Error> {
    match role.flow.next(call.activeflow_id, call.action.id).await {
        Ok(action) => Ok(Some(action)),
        Err(error) if error.is_unavailable() => {
            tracing::warn!(call_id = %call.id, %error, "flow-manager cannot answer now and will be asked again");
            ask_again(role, call).await?;
            Ok(None)
        }
        Err(error) => {
            // The flow has ended, or was never in step: the call ends with it.
            tracing::debug!(call_id = %call.id, activeflow_id = %call.activeflow_id, %error, "the flow gives no next action");
            super::hangup::request(role, call.id, &HangupReason::Normal).await?;
            Ok(None)
        }
    }
}

/// Gives the hold back and makes the next try a duty.
async fn ask_again(role: &Arc<Role>, call: &Call) -> Result<(), Error> {
    let now = role.ledger.now().await?;
    let duty = Duty::new(
        format!("action-next:{}", call.id),
        call.id,
        now.plus(ASK_AGAIN),
        Service::CALL.request_queue(),
        Method::Post,
        format!("/v1/calls/{}/action-next", call.id),
    )
    .json(&serde_json::json!({}));
    let batch = Batch::new()
        .with(calls::set_hold(call.id, true, false, now).unchecked())
        .with(role.ledger.schedule(now, &duty));
    Ok(role.ledger.apply(batch).await?)
}

/// Makes an action the current one. `None` when nothing is left to do for it:
/// the call has ended meanwhile, somebody else went on, or the action was to hang
/// up, which is written with it and done.
async fn begin(role: &Arc<Role>, call: &Call, action: Action) -> Result<Option<Call>, Error> {
    for _ in 0..ATTEMPTS {
        let current = role.call(call.id).await?;
        if !current.action_next_hold || current.action.id != call.action.id {
            return Ok(None);
        }
        let now = role.ledger.now().await?;
        let next = Call {
            action: Action {
                tm_execute: Some(now),
                ..action.clone()
            },
            action_next_hold: false,
            tm_update: Some(now),
            ..current
        };
        let mut batch = Batch::new()
            .with(calls::set_action(
                call.id,
                &next.action,
                call.action.id,
                true,
                now,
            ))
            .with(role.call_event(now, "call_updated", &next));
        let what = step(&next.action);
        if let Some(duration_ms) = what.times_out_after_ms() {
            let duty = action_timeout(&next, now.plus_millis(duration_ms));
            batch.push(role.ledger.schedule(now, &duty));
        }
        let ending = if let Step::Hangup(reason) = &what {
            Ending::of(role, &next, reason, now)
        } else {
            None
        };
        if let Some(ending) = &ending {
            batch.extend(ending.statements.iter().cloned());
        }
        match role.ledger.apply(batch).await {
            Err(error) if error.is_conflict() => continue,
            outcome => outcome?,
        }
        note_begun(role, &next);
        return match ending {
            Some(ending) => ending.carry_out(role).await.map(|()| None),
            None => Ok(Some(next)),
        };
    }
    Err(Error::Precondition(format!(
        "call `{}` keeps changing",
        call.id
    )))
}

fn note_begun(role: &Role, call: &Call) {
    let labels = ActionLabels {
        r#type: call.action.kind.to_string(),
    };
    role.metrics.call_action.get_or_create(&labels).inc();
    tracing::debug!(call_id = %call.id, action_id = %call.action.id, kind = %call.action.kind, "action started");
}

/// The end of the call's current action as a duty; stale once another action has
/// begun.
fn action_timeout(call: &Call, due_at: Timestamp) -> Duty {
    let body = Timeout {
        action_id: call.action.id,
        action_type: call.action.kind.to_string(),
        tm_execute: call
            .action
            .tm_execute
            .map(Timestamp::fixed)
            .unwrap_or_default(),
    };
    let duty = Duty::new(
        format!("action-timeout:{}", call.id),
        call.id,
        due_at,
        Service::CALL.request_queue(),
        Method::Post,
        format!("/v1/calls/{}/action-timeout", call.id),
    );
    duty.json(&body)
}

#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// Something else brings the next action.
    Wait,
    /// The next action follows at once.
    Next,
}

/// Does the current action. An action that fails is followed by the next one.
async fn perform(role: &Arc<Role>, call: &Call) -> Result<Then, Error> {
    let started = Instant::now();
    let then = carry_out(role, call).await;
    let labels = ActionLabels {
        r#type: call.action.kind.to_string(),
    };
    role.metrics
        .call_action_process_time
        .get_or_create(&labels)
        .observe(millis(started.elapsed()));
    then
}

async fn carry_out(role: &Arc<Role>, call: &Call) -> Result<Then, Error> {
    match step(&call.action) {
        Step::Wait { .. } => Ok(Then::Wait),
        Step::Answer => {
            let to = role.target_of(&call.channel_id).await?;
            if call.status != Status::Progressing {
                report(call, role.ari.answer(&to, &call.channel_id).await);
            }
            Ok(Then::Next)
        }
        Step::Play { media } => {
            let to = role.target_of(&call.channel_id).await?;
            let play = Play {
                media,
                playback_id: playback_of(call),
                ..Play::default()
            };
            let started = role.ari.play(&to, &call.channel_id, &play).await;
            Ok(wait_unless_refused(call, started.map(drop)))
        }
        Step::Talk(talk) => {
            if let Err(error) = media::answer(role, call).await {
                tracing::warn!(call_id = %call.id, action_id = %call.action.id, %error, "a call could not be answered before it is spoken to");
                return Ok(Then::Next);
            }
            let then = if talk.is_async {
                Then::Next
            } else {
                Then::Wait
            };
            media::speak_action(role, call.clone(), talk);
            Ok(then)
        }
        Step::ReceiveDigits { enough, .. } => Ok(pressed_before(role, call, &enough).await),
        Step::SendDigits(tones) => {
            let to = role.target_of(&call.channel_id).await?;
            let dtmf = Dtmf {
                dtmf: tones.digits,
                duration: tones.duration_ms,
                between: tones.interval_ms,
                ..Dtmf::default()
            };
            let sent = role.ari.dtmf(&to, &call.channel_id, &dtmf).await;
            Ok(wait_unless_refused(call, sent))
        }
        Step::Echo(echo) => Ok(leave_for_echo(role, call, &echo).await?),
        Step::StartRecording(wanted) => {
            let flow = call.activeflow_id;
            let begun = recording::start(role, call.id, flow, &wanted, Owned::ByCall).await;
            report_recording(call, begun.map(drop));
            Ok(Then::Next)
        }
        Step::StopRecording => {
            if !call.recording_id.is_nil() {
                let stopped = recording::stop(role, call.recording_id).await;
                report_recording(call, stopped.map(drop));
            }
            Ok(Then::Next)
        }
        Step::Hangup(reason) => {
            super::hangup::request(role, call.id, &reason).await?;
            Ok(Then::Wait)
        }
        Step::HangupAs(other) => {
            hangup_as(role, call, other).await?;
            Ok(Then::Wait)
        }
        Step::Skip { because } => {
            tracing::warn!(call_id = %call.id, action_id = %call.action.id, because, "action skipped");
            Ok(Then::Next)
        }
    }
}

/// A recording that cannot be made keeps no flow waiting.
fn report_recording(call: &Call, outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(call_id = %call.id, action_id = %call.action.id, kind = %call.action.kind, %error, cause, "a recording could not be begun or ended");
    }
}

/// What follows a request to Asterisk whose end brings the next action. Where it is
/// unknown whether it was done it may have been, and the end comes.
fn wait_unless_refused(call: &Call, outcome: Result<(), trunkline_ari::Error>) -> Then {
    let then = match &outcome {
        Err(error) if !error.outcome_unknown() => Then::Next,
        Ok(()) | Err(_) => Then::Wait,
    };
    report(call, outcome);
    then
}

/// Keys that were pressed before count as well. Whoever cannot ask waits.
async fn pressed_before(role: &Role, call: &Call, enough: &Enough) -> Then {
    match digits::get(role, call.activeflow_id).await {
        Ok(digits) if enough.is_met_by(&digits) => Then::Next,
        Ok(_) => Then::Wait,
        Err(error) => {
            tracing::warn!(call_id = %call.id, %error, "it is unknown which keys were pressed before");
            Then::Wait
        }
    }
}

/// Sends the channel into the dialplan, which sends it back after so many seconds.
async fn leave_for_echo(role: &Role, call: &Call, echo: &Echo) -> Result<Then, Error> {
    let (to, channel) = (role.target_of(&call.channel_id).await?, &call.channel_id);
    let seconds = echo.seconds.to_string();
    // Without its bound it would not end.
    if let Err(error) = role
        .ari
        .variable_set(&to, channel, ECHO_SECONDS, &seconds)
        .await
    {
        report(call, Err(error));
        return Ok(Then::Next);
    }
    let away = Continue {
        context: echo.context.to_owned(),
        extension: "s".to_owned(),
        priority: 1,
        ..Continue::default()
    };
    let left = role.ari.continue_(&to, channel, &away).await;
    Ok(wait_unless_refused(call, left))
}

/// A channel is back from the dialplan: it goes into its call's bridge again
/// (chapter 04 §9.4), and the next action follows if the call waited for that.
pub(crate) async fn returned(role: &Arc<Role>, call: Call) -> Result<(), Error> {
    if !is_live(&call.status) {
        return Ok(());
    }
    if !call.bridge_id.is_empty() {
        let to = role.target_of(&call.channel_id).await?;
        let member = AddChannel::new(call.channel_id.clone());
        if let Err(error) = role.ari.add_channel(&to, &call.bridge_id, &member).await {
            tracing::warn!(call_id = %call.id, bridge_id = %call.bridge_id, %error, "a channel that is back could not join its call's bridge");
        }
    }
    if let Step::Echo(_) = step(&call.action) {
        return next(role, call).await;
    }
    Ok(())
}

/// Whether the call is still at the action that it was read with.
pub(crate) async fn is_current(role: &Role, call: &Call) -> Result<bool, Error> {
    let current = role.call(call.id).await?;
    Ok(is_live(&current.status)
        && !current.action_next_hold
        && current.action.id == call.action.id
        && current.action.tm_execute == call.action.tm_execute)
}

fn report(call: &Call, outcome: Result<(), trunkline_ari::Error>) {
    if let Err(error) = outcome {
        let kind = &call.action.kind;
        tracing::warn!(call_id = %call.id, action_id = %call.action.id, %kind, %error, "an action failed on Asterisk");
    }
}

/// Hangs up with the cause of another, ended call's channel (chapter 03 §8.5).
async fn hangup_as(role: &Arc<Role>, call: &Call, other: CallId) -> Result<(), Error> {
    let cause = match role.call(other).await {
        Ok(other) if other.status == Status::Hangup => role
            .channel(&other.channel_id)
            .await?
            .map(|channel| channel.hangup_cause),
        Ok(_) | Err(_) => None,
    };
    let reason = match cause {
        Some(hangup::cause::BUSY) => HangupReason::Busy,
        Some(hangup::cause::NO_ANSWER) => HangupReason::NoAnswer,
        Some(hangup::cause::NO_RESPONSE) => HangupReason::Failed,
        Some(_) | None => HangupReason::Normal,
    };
    super::hangup::request(role, call.id, &reason).await?;
    Ok(())
}

/// Goes on with a call whose walk died on the way: the hold that it left is
/// taken back, and what it was about to do is done.
pub(crate) async fn resume(role: &Arc<Role>, call: Call) -> Result<(), Error> {
    let call = release(role, call).await?;
    if let Step::Hangup(_) | Step::HangupAs(_) = step(&call.action) {
        return perform(role, &call).await.map(drop);
    }
    next(role, call).await
}

/// Gives the hold back, whoever has it, and returns the call without it.
async fn release(role: &Role, call: Call) -> Result<Call, Error> {
    let now = role.ledger.now().await?;
    let released = calls::set_hold(call.id, true, false, now).unchecked();
    role.ledger.apply(Batch::new().with(released)).await?;
    Ok(Call {
        action_next_hold: false,
        ..call
    })
}

/// The id of the playback of the call's current action.
///
/// The reference's `call:<action id>` is the same for every call that is at the
/// same action of a flow, and Asterisk loses the end of one of two playbacks with
/// one id. The call and the time of the action make it unique.
pub(crate) fn playback_of(call: &Call) -> PlaybackId {
    let started = call.action.tm_execute.map_or(0, Timestamp::as_micros);
    format!("call:{}:{}:{started}", call.action.id, call.id).into()
}

/// The end of a playback (chapter 03 §2.8): counts only for the current action.
///
/// A playback fails when its media cannot be had, and also when the channel is
/// hung up: then the channel's end is on the way and must find the call as it
/// was, so the walk waits for a moment.
pub(crate) async fn on_playback_finished(
    role: &Arc<Role>,
    call: Call,
    playback: &PlaybackId,
    failed: bool,
) -> Result<(), Error> {
    if call.action.id.is_nil() || *playback != playback_of(&call) {
        return Ok(());
    }
    if !failed {
        return next(role, call).await;
    }
    let now = role.ledger.now().await?;
    let duty = action_timeout(&call, now.plus(AFTER_FAILED_PLAYBACK));
    // Only while it is the current action: the duty takes the place of the time-out of
    // the action that came next.
    let batch = Batch::new()
        .with(calls::still_at(call.id, &call.action, now))
        .with(role.ledger.schedule(now, &duty));
    match role.ledger.apply(batch).await {
        Err(error) if error.is_conflict() => Ok(()),
        applied => Ok(applied?),
    }
}

/// The time-out of an action (chapter 03 §5.5): only of the current one.
pub(crate) async fn on_timeout(
    role: &Arc<Role>,
    id: CallId,
    timeout: &Timeout,
) -> Result<(), Error> {
    let call = match role.call(id).await {
        Err(Error::NotFound(_)) => return Err(Error::NotFound(crate::error::ROW_NOT_FOUND)),
        // When the store fails, whoever sent it must send it again.
        found => found?,
    };
    let fired: Option<Timestamp> = timeout.tm_execute.parse().ok();
    let is_current = call.action.id == timeout.action_id && call.action.tm_execute == fired;
    if !is_current || call.action_next_hold {
        return Err(Error::Precondition(format!(
            "action `{}` is not the current one",
            timeout.action_id
        )));
    }
    if let Step::Echo(_) = step(&call.action) {
        return not_returned(role, call).await;
    }
    next(role, call).await
}

/// A channel should be back from the dialplan by now. One that is, unheard, goes on;
/// one that is not cannot be called back, and its call ends.
async fn not_returned(role: &Arc<Role>, call: Call) -> Result<(), Error> {
    let to = role.target_of(&call.channel_id).await?;
    match role.ari.get(&to, &call.channel_id).await {
        Ok(channel) if channel.dialplan.app_name == "Stasis" => {
            Box::pin(returned(role, call)).await
        }
        Ok(_) => {
            tracing::warn!(call_id = %call.id, channel_id = %call.channel_id, "a channel does not come back from the dialplan: its extensions.conf does not end an echo; the call is hung up");
            super::hangup::request(role, call.id, &HangupReason::Normal).await?;
            Ok(())
        }
        // Its end is on the way.
        Err(error) if error.is_gone() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Goes on although the current action is not finished (chapter 03 §5.3).
pub(crate) async fn force_next(role: &Arc<Role>, call: Call) -> Result<(), Error> {
    let call = release(role, call).await?;
    if step(&call.action).plays() {
        let to = role.target_of(&call.channel_id).await?;
        match role.ari.playback_stop(&to, &playback_of(&call)).await {
            // It has ended, or never began.
            Err(error) if error.is_gone() => {}
            // Its end brings the next action.
            outcome => return Ok(outcome?),
        }
    }
    next(role, call).await
}
