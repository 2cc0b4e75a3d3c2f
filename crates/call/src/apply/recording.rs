//! Recording a call (chapter 04 §6).
//!
//! Two channels listen, one to what the party says and one to what it hears. Their
//! ids and the recording are stored before Asterisk is asked. Each records once it
//! has entered Stasis; the side `in` decides when the recording has begun and ended.
//! What follows the end (files, the flow behind it) is a due row: [`super::files`].

use std::sync::Arc;

use trunkline_ari::AsteriskTarget;
use trunkline_ari::request::{Record, Snoop};
use trunkline_domain::call::hangup::cause;
use trunkline_domain::call::recording::{self as rules, Part, Side, Wanted};
use trunkline_domain::call::status::is_live;
use trunkline_model::Timestamp;
use trunkline_model::billing::{BillingType, IsValidBalanceRequest};
use trunkline_model::call::{Call, Status as CallStatus};
use trunkline_model::channel::{Channel, Type};
use trunkline_model::error::Status as ErrorStatus;
use trunkline_model::id::{ActiveflowId, CallId, ChannelId, RecordingId, ReferenceId};
use trunkline_model::recording::{Recording, ReferenceType, Status};
use trunkline_store::{
    Batch, Statement, call as calls, channel as channels, recording as recordings,
};

use super::channel::Entered;
use super::{ATTEMPTS, files, hangup};
use crate::Role;
use crate::error::{Error, RECORDING_NOT_FOUND};
use crate::metrics::ReferenceLabels;

/// Whose recording it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owned {
    /// The call's: it has one at a time, and `recording_stop` ends it.
    ByCall,
    /// Nobody's: whoever asked for it knows its id.
    ByNobody,
}

impl Role {
    /// The recording with this id.
    pub(crate) async fn recording(&self, id: RecordingId) -> Result<Recording, Error> {
        recordings::get(self.ledger.db(), id)
            .await?
            .ok_or(Error::NotFound(RECORDING_NOT_FOUND))
    }

    fn recording_event(&self, now: Timestamp, kind: &str, recording: &Recording) -> Statement {
        let (customer, webhook) = (recording.customer_id, recording.webhook());
        self.ledger
            .webhook_event(now, customer, kind, recording, &webhook)
    }
}

/// Starts to record a call.
pub(crate) async fn start(
    role: &Arc<Role>,
    id: CallId,
    activeflow: ActiveflowId,
    wanted: &Wanted,
    owned: Owned,
) -> Result<Recording, Error> {
    let call = role.call(id).await?;
    check(&call, owned)?;
    check_balance(role, &call).await?;
    let channel = role.channel(&call.channel_id).await?;
    let channel = channel.filter(|channel| !channel.asterisk_id.is_empty());
    let channel = channel.ok_or_else(Error::not_progressing)?;
    let recording = insert(role, call, &channel, activeflow, wanted, owned).await?;
    tell_flow(role, &recording).await;
    let to = super::target(Some(&channel));
    for (side, listener) in Side::BOTH.into_iter().zip(&recording.channel_ids) {
        let snoop = Snoop {
            spy: side.as_str().into(),
            app: role.config.application.clone(),
            app_args: arguments(&recording, wanted, side),
            snoop_id: listener.clone(),
            ..Snoop::default()
        };
        match role.ari.snoop(&to, &channel.id, &snoop).await {
            // It may listen: its entry, or the comparison, tells.
            Err(error) if error.outcome_unknown() => {
                tracing::warn!(recording_id = %recording.id, %error, "it is unknown whether a channel listens");
            }
            Err(error) => {
                end(role, &recording).await?;
                return Err(error.into());
            }
            Ok(_) => {}
        }
    }
    let labels = labels(&recording);
    role.metrics.recording_start.get_or_create(&labels).inc();
    tracing::info!(call_id = %id, recording_id = %recording.id, "a recording begins");
    Ok(recording)
}

fn labels(recording: &Recording) -> ReferenceLabels {
    ReferenceLabels {
        reference_type: recording.reference_type.to_string(),
    }
}

fn arguments(recording: &Recording, wanted: &Wanted, side: Side) -> String {
    rules::arguments(recording, wanted, side)
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

fn check(call: &Call, owned: Owned) -> Result<(), Error> {
    if call.status != CallStatus::Progressing {
        return Err(Error::not_progressing());
    }
    if owned == Owned::ByCall && !call.recording_id.is_nil() {
        return Err(Error::told(
            ErrorStatus::FailedPrecondition,
            "RECORDING_IN_PROGRESS",
            "The call is being recorded already. Stop that recording first.",
        ));
    }
    Ok(())
}

async fn check_balance(role: &Role, call: &Call) -> Result<(), Error> {
    let asked = IsValidBalanceRequest {
        customer_id: call.customer_id,
        billing_type: BillingType::Recording,
        country: String::new(),
        count: 1,
    };
    if role.billing.is_valid_balance(&asked).await? {
        return Ok(());
    }
    Err(Error::told(
        ErrorStatus::PaymentRequired,
        "INSUFFICIENT_BALANCE",
        "The customer's balance does not allow a recording.",
    ))
}

/// Stores the recording and the channels that are to listen. Its name has seconds
/// only: a second recording within one gets the next that is free.
async fn insert(
    role: &Arc<Role>,
    mut call: Call,
    channel: &Channel,
    activeflow: ActiveflowId,
    wanted: &Wanted,
    owned: Owned,
) -> Result<Recording, Error> {
    for later in 0..ATTEMPTS {
        let now = role.ledger.now().await?;
        let named_at = now.plus_millis(1_000 * i64::try_from(later).unwrap_or_default());
        let recording = new(&call, channel, activeflow, wanted, named_at, now);
        let mut batch = Batch::new().with(recordings::insert(&recording));
        batch.extend(listeners(&recording, wanted, now));
        if owned == Owned::ByCall {
            let dialect = role.ledger.db().dialect();
            batch.extend([
                calls::set_recording(call.id, RecordingId::NIL, recording.id, now),
                calls::add_recording(dialect, call.id, recording.id, now),
            ]);
        }
        match role.ledger.apply(batch).await {
            Err(error) if error.is_conflict() => {
                call = role.call(call.id).await?;
                check(&call, owned)?;
            }
            outcome => return Ok(outcome.map(|()| recording)?),
        }
    }
    Err(Error::Precondition(format!(
        "call `{}` keeps changing",
        call.id
    )))
}

fn new(
    call: &Call,
    channel: &Channel,
    activeflow: ActiveflowId,
    wanted: &Wanted,
    named_at: Timestamp,
    now: Timestamp,
) -> Recording {
    let (kind, reference) = (ReferenceType::Call, ReferenceId(call.id.0));
    let name = rules::name(&kind, reference, named_at);
    Recording {
        id: RecordingId::random(),
        customer_id: call.customer_id,
        activeflow_id: activeflow,
        reference_type: kind,
        reference_id: reference,
        status: Status::Initiating,
        format: wanted.format.clone(),
        on_end_flow_id: wanted.on_end_flow_id,
        filenames: rules::filenames(&name, &wanted.format),
        recording_name: name,
        asterisk_id: channel.asterisk_id.clone(),
        channel_ids: Side::BOTH.map(|_| ChannelId::random()).into(),
        tm_create: Some(now),
        tm_update: Some(now),
        ..Recording::default()
    }
}

/// The rows of the channels that are to listen, as far as they are known.
fn listeners<'a>(
    recording: &'a Recording,
    wanted: &'a Wanted,
    now: Timestamp,
) -> impl Iterator<Item = Statement> + 'a {
    let sides = Side::BOTH.into_iter().zip(&recording.channel_ids);
    sides.map(move |(side, id)| {
        let stasis_data = rules::arguments(recording, wanted, side)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        channels::insert(&Channel {
            id: id.clone(),
            asterisk_id: recording.asterisk_id.clone(),
            kind: Type::Recording,
            stasis_data,
            tm_create: Some(now),
            ..Channel::default()
        })
    })
}

async fn tell_flow(role: &Role, recording: &Recording) {
    let id = recording.activeflow_id;
    if id.is_nil() {
        return;
    }
    let variables = rules::variables(recording);
    if let Err(error) = role.flow.set_variables(id, &variables).await {
        tracing::warn!(recording_id = %recording.id, activeflow_id = %id, %error, "a flow does not learn of its recording");
    }
}

/// A channel that is to listen has entered Stasis: it records, if somebody still
/// wants it.
pub(crate) async fn on_listener_ready(
    role: &Arc<Role>,
    entered: &Entered,
    part: &Part,
) -> Result<(), Error> {
    entered.write(role).await?;
    let channel = &entered.channel;
    let to = super::target(Some(channel));
    let recording = recordings::get(role.ledger.db(), part.recording).await?;
    let Some(recording) = recording.filter(|it| rules::is_wanted(&it.status)) else {
        return Ok(role.ari.hangup(&to, &channel.id, cause::NORMAL).await?);
    };
    match record(role, &to, &channel.id, part).await {
        Ok(()) => Ok(()),
        // Its end is on the way.
        Err(error) if error.is_gone() => Ok(()),
        Err(error) if error.outcome_unknown() => {
            tracing::warn!(recording_id = %recording.id, %error, "it is unknown whether a channel records");
            Ok(())
        }
        Err(error) => {
            tracing::warn!(recording_id = %recording.id, channel_id = %channel.id, %error, "a recording cannot be made");
            end(role, &recording).await.map(drop)
        }
    }
}

async fn record(
    role: &Role,
    to: &AsteriskTarget,
    channel: &ChannelId,
    part: &Part,
) -> Result<(), trunkline_ari::Error> {
    let body = Record {
        max_duration_seconds: part.duration,
        max_silence_seconds: part.end_of_silence,
        terminate_on: part.end_of_key.clone(),
        ..Record::new(&*part.live_name, &*part.format)
    };
    role.ari.record(to, channel, &body).await
}

/// Asterisk records; told once, by the side `in`.
pub(crate) async fn on_started(role: &Arc<Role>, live_name: &str) -> Result<(), Error> {
    match of_live_name(role, live_name).await? {
        Some((recording, Side::In)) => begun(role, recording).await,
        Some((_, Side::Out)) | None => Ok(()),
    }
}

async fn begun(role: &Arc<Role>, recording: Recording) -> Result<(), Error> {
    let now = role.ledger.now().await?;
    let next = Recording {
        status: Status::Recording,
        tm_start: Some(now),
        tm_update: Some(now),
        ..recording
    };
    let batch = Batch::new()
        .with(recordings::set_recording(next.id, now))
        .with(role.recording_event(now, "recording_started", &next));
    match role.ledger.apply(batch).await {
        // Repeated, or late.
        Err(error) if error.is_conflict() => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// A side has finished: `in` ends the recording.
pub(crate) async fn on_finished(role: &Arc<Role>, live_name: &str) -> Result<(), Error> {
    match of_live_name(role, live_name).await? {
        Some((recording, Side::In)) => end(role, &recording).await.map(drop),
        Some((_, Side::Out)) | None => Ok(()),
    }
}

/// A side has failed: the recording ends, with what there is of it.
pub(crate) async fn on_failed(
    role: &Arc<Role>,
    live_name: &str,
    because: &str,
) -> Result<(), Error> {
    let Some((recording, side)) = of_live_name(role, live_name).await? else {
        return Ok(());
    };
    if end(role, &recording).await? {
        let side = side.as_str();
        tracing::warn!(recording_id = %recording.id, side, because, "a recording has failed");
    }
    Ok(())
}

async fn of_live_name(role: &Role, live_name: &str) -> Result<Option<(Recording, Side)>, Error> {
    let Some((name, side)) = rules::of_live_name(live_name) else {
        return Ok(None);
    };
    let found = recordings::by_name(role.ledger.db(), name).await?;
    Ok(found.map(|recording| (recording, side)))
}

/// A channel that belongs to no call has ended: when it is the last that listened
/// for a recording, that has ended with it, whatever was told of it.
pub(crate) async fn on_listener_gone(role: &Arc<Role>, id: &ChannelId) -> Result<(), Error> {
    let channel = role.channel(id).await?;
    let listened = channel.filter(|channel| channel.kind == Type::Recording);
    let Some(part) = listened.and_then(|channel| rules::part(&channel.stasis_data)) else {
        return Ok(());
    };
    let db = role.ledger.db();
    let recording = recordings::get(db, part.recording).await?;
    let Some(recording) = recording.filter(|it| rules::is_live(&it.status)) else {
        return Ok(());
    };
    let listeners = channels::by_ids(db, &recording.channel_ids).await?;
    if listeners.iter().all(|channel| channel.tm_end.is_some()) {
        end(role, &recording).await?;
    }
    Ok(())
}

/// Ends a recording, if it has not ended, and says whether this ended it. Its call
/// is free for another one, its files have a duty, and its channels are hung up.
pub(crate) async fn end(role: &Arc<Role>, recording: &Recording) -> Result<bool, Error> {
    let now = role.ledger.now().await?;
    let call = CallId(recording.reference_id.0);
    let ended = Recording {
        status: Status::Ended,
        tm_end: Some(now),
        tm_update: Some(now),
        ..recording.clone()
    };
    let batch = Batch::new()
        .with(recordings::set_ended(ended.id, now))
        .with(release(call, ended.id, now))
        .with(role.recording_event(now, "recording_finished", &ended))
        .with(role.ledger.schedule(now, &files::keep_duty(ended.id, now)));
    match role.ledger.apply(batch).await {
        Err(error) if error.is_conflict() => return Ok(false),
        outcome => outcome?,
    }
    let labels = labels(&ended);
    role.metrics.recording_end.get_or_create(&labels).inc();
    tracing::info!(call_id = %call, recording_id = %ended.id, "a recording has ended");
    // The channels of a call that has ended end by themselves.
    let lives = calls::status(role.ledger.db(), call).await?;
    if lives.is_some_and(|status| is_live(&status)) {
        listen_no_more(role, &ended).await?;
    }
    Ok(true)
}

fn release(call: CallId, id: RecordingId, now: Timestamp) -> Statement {
    calls::set_recording(call, id, RecordingId::NIL, now).unchecked()
}

async fn listen_no_more(role: &Arc<Role>, recording: &Recording) -> Result<(), Error> {
    let to = AsteriskTarget::from(&recording.asterisk_id);
    let call = CallId(recording.reference_id.0);
    for channel in &recording.channel_ids {
        hangup::end_channel(role, &to, call, channel, cause::NORMAL).await?;
    }
    Ok(())
}

/// Asks for the end of a recording and returns it as it is then. One that is ending,
/// or has ended, stays as it is.
pub(crate) async fn stop(role: &Arc<Role>, id: RecordingId) -> Result<Recording, Error> {
    let recording = role.recording(id).await?;
    if !rules::is_wanted(&recording.status) {
        return Ok(recording);
    }
    let now = role.ledger.now().await?;
    let mut batch = Batch::new();
    batch.extend(stopping(&recording, now));
    match role.ledger.apply(batch).await {
        Err(error) if error.is_conflict() => return role.recording(id).await,
        outcome => outcome?,
    }
    listen_no_more(role, &recording).await?;
    role.recording(id).await
}

/// Stops a recording that runs, and frees its call for another one.
fn stopping(recording: &Recording, now: Timestamp) -> [Statement; 2] {
    let call = CallId(recording.reference_id.0);
    [
        recordings::set_stopping(recording.id, now),
        release(call, recording.id, now),
    ]
}

/// The recordings of a call that end at a key. Asterisk does not end them: a channel
/// that listens hears no keys, so that `terminateOn` is for nothing there.
pub(crate) async fn ended_by_key(
    role: &Role,
    call: CallId,
    key: &str,
) -> Result<Vec<Recording>, Error> {
    let db = role.ledger.db();
    let live = recordings::live_of(db, ReferenceId(call.0)).await?;
    let ids: Vec<ChannelId> = live.iter().flat_map(|it| it.channel_ids.clone()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let listeners = channels::by_ids(db, &ids).await?;
    Ok(rules::ended_by_key(key, live, &listeners))
}

/// What a key that is kept writes about the recordings that end at it. It stands in
/// one batch with the key: a key that comes again stops none that began since.
pub(crate) fn end_with_key(
    ended: &[Recording],
    now: Timestamp,
) -> impl Iterator<Item = Statement> + '_ {
    let all = ended.iter().flat_map(move |it| stopping(it, now));
    all.map(Statement::unchecked)
}

/// Hangs up who listens for those of these recordings that are stopping. Whether this
/// was done before a crash is unknown, and may be done again.
pub(crate) async fn listen_no_more_for(
    role: &Arc<Role>,
    recordings: &[Recording],
) -> Result<(), Error> {
    for recording in recordings {
        let recording = role.recording(recording.id).await?;
        if recording.status == Status::Stopping {
            listen_no_more(role, &recording).await?;
        }
    }
    Ok(())
}

/// The channels of a recording are there and nobody has heard that they record:
/// they are told so again, which changes nothing where they do.
pub(crate) async fn begin_again(role: &Arc<Role>, id: RecordingId) -> Result<(), Error> {
    let recording = role.recording(id).await?;
    if recording.status != Status::Initiating {
        return Ok(());
    }
    let to = AsteriskTarget::from(&recording.asterisk_id);
    let listeners = channels::by_ids(role.ledger.db(), &recording.channel_ids).await?;
    for channel in listeners {
        let Some(part) = rules::part(&channel.stasis_data) else {
            continue;
        };
        record(role, &to, &channel.id, &part).await?;
    }
    begun(role, recording).await
}
