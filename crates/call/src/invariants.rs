//! What must always hold for calls (architecture §7, I6 and I7), as plain
//! functions over rows. Each returns the offenders: an empty list is what a test
//! wants.
//!
//! [`check`] looks at one moment of the store, [`leftovers`] at what an Asterisk
//! really has, and [`History`] at what happened between two looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use trunkline_domain::call::status::is_live;
use trunkline_model::Timestamp;
use trunkline_model::bridge::{Bridge, Reference, ReferenceType};
use trunkline_model::call::{Call, Status};
use trunkline_model::channel::{Channel, context, stasis_key};
use trunkline_model::id::{BridgeId, CallId, ChannelId, RecordingId};
use trunkline_model::recording::{Recording, ReferenceType as RecordingReference};
use trunkline_store::{
    Database, Error, bridge as bridges, call as calls, channel as channels, recording as recordings,
};
use uuid::Uuid;

/// How long a channel or a bridge may outlive its call, and a call its channel.
pub const TOLERANCE: Duration = Duration::from_secs(30);

/// Rows of each kind that one check looks at.
const MOST: u32 = 1_000_000;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// I6: the channel has not ended, its call has for longer than [`TOLERANCE`].
    ChannelOutlivesCall { channel: ChannelId, call: CallId },
    /// I6: the channel has not ended and belongs to no call.
    ChannelWithoutCall { channel: ChannelId },
    /// I6: the bridge exists, its call has ended for longer than [`TOLERANCE`].
    BridgeOutlivesCall { bridge: BridgeId, call: CallId },
    /// I6: the recording has not ended, its call has for longer than [`TOLERANCE`],
    /// or there is none.
    RecordingOutlivesCall { recording: RecordingId },
    /// I6: the call is talking, its channel has ended or never was.
    CallWithoutChannel { call: CallId },
    /// I7: the call has ended and has no time of its end, or the reverse.
    HalfEnded { call: CallId },
    /// I7: the call had ended and has not any longer, or has ended once more.
    Revived { call: CallId },
    /// I7: a change of status was announced by two events.
    EventTwice { call: CallId, kind: String },
    /// I7: a change of status was announced by none.
    EventMissing { call: CallId, kind: String },
}

/// I6 and I7 as far as the rows of one moment tell.
///
/// # Errors
///
/// When the store fails.
pub async fn check(db: &dyn Database, now: Timestamp) -> Result<Vec<Violation>, Error> {
    let unended = channels::unended(db, MOST).await?;
    let existing = bridges::existing(db, MOST).await?;
    let live = calls::live(db, MOST).await?;
    let recorded = recordings::live(db, MOST).await?;
    let mut related = related_calls(db, &unended, &existing).await?;
    let of_recorded: Vec<CallId> = recorded.iter().filter_map(call_of_recording).collect();
    related.extend(calls::by_ids(db, &of_recorded).await?);
    let ids: Vec<ChannelId> = live.iter().map(|call| call.channel_id.clone()).collect();
    let of_live = channels::by_ids(db, &ids).await?;
    let mut found = lasting_channels(&unended, &related, now);
    found.extend(lasting_bridges(&existing, &related, now));
    found.extend(lasting_recordings(&recorded, &related, now));
    found.extend(calls_without_channel(&live, &of_live, now));
    found.extend(half_ended(live.iter().chain(&related)));
    Ok(distinct(found))
}

/// I6 for what an Asterisk really has: of the channels and bridges that it lists,
/// those of ours whose call has ended for longer than [`TOLERANCE`].
///
/// # Errors
///
/// When the store fails.
pub async fn leftovers(
    db: &dyn Database,
    listed_channels: &[ChannelId],
    listed_bridges: &[BridgeId],
    now: Timestamp,
) -> Result<Vec<Violation>, Error> {
    let channels = channels::by_ids(db, listed_channels).await?;
    let bridges = bridges::by_ids(db, listed_bridges).await?;
    let related = related_calls(db, &channels, &bridges).await?;
    let mut found = lasting_channels(&channels, &related, now);
    found.extend(lasting_bridges(&bridges, &related, now));
    Ok(distinct(found))
}

async fn related_calls(
    db: &dyn Database,
    channels: &[Channel],
    bridges: &[Bridge],
) -> Result<Vec<Call>, Error> {
    let of_channels: Vec<ChannelId> = channels.iter().map(|it| it.id.clone()).collect();
    let mut named: Vec<CallId> = channels.iter().filter_map(call_named_by).collect();
    named.extend(channels.iter().filter_map(call_listened_to));
    named.extend(bridges.iter().filter_map(call_of_bridge));
    let mut related = calls::by_channels(db, &of_channels).await?;
    related.extend(calls::by_ids(db, &named).await?);
    Ok(related)
}

/// The call that a channel's Stasis arguments name: also the channel of an
/// earlier dial route.
fn call_named_by(channel: &Channel) -> Option<CallId> {
    channel
        .stasis(stasis_key::CALL_ID)
        .parse()
        .ok()
        .filter(|id: &CallId| !id.is_nil())
}

/// The call that a channel listens to, to record it.
fn call_listened_to(channel: &Channel) -> Option<CallId> {
    let listens = channel.stasis(stasis_key::CONTEXT) == context::CALL_RECORD;
    let reference = channel.stasis(stasis_key::REFERENCE_ID);
    reference.parse().ok().filter(|_| listens)
}

fn call_of_recording(recording: &Recording) -> Option<CallId> {
    let of_call = recording.reference_type == RecordingReference::Call;
    of_call.then_some(CallId(recording.reference_id.0))
}

fn call_of_bridge(bridge: &Bridge) -> Option<CallId> {
    let Reference { kind, id } = Reference {
        kind: bridge.reference_type.clone(),
        id: bridge.reference_id,
    };
    (kind == ReferenceType::Call).then_some(CallId(id.0))
}

fn is_long_ago(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_some_and(|at| now.since(at) > TOLERANCE)
}

/// I6: channels that have not ended although their call has, or that have none.
#[must_use]
pub fn lasting_channels(channels: &[Channel], calls: &[Call], now: Timestamp) -> Vec<Violation> {
    let by_channel: BTreeMap<&ChannelId, &Call> =
        calls.iter().map(|call| (&call.channel_id, call)).collect();
    let by_id: BTreeMap<CallId, &Call> = calls.iter().map(|call| (call.id, call)).collect();
    let offence = |channel: &Channel| {
        let id = channel.id.clone();
        if let Some(call) = by_channel.get(&id) {
            return is_over(call, now).then(|| outlives(id, call));
        }
        if let Some(call) = call_listened_to(channel).and_then(|named| by_id.get(&named)) {
            return is_over(call, now).then(|| outlives(id, call));
        }
        // The channel of an earlier dial route, or nobody's.
        let lasts = is_long_ago(channel.tm_create, now);
        match call_named_by(channel).and_then(|named| by_id.get(&named)) {
            Some(call) => (lasts && is_long_ago(call.tm_update, now)).then(|| outlives(id, call)),
            None => lasts.then_some(Violation::ChannelWithoutCall { channel: id }),
        }
    };
    channels.iter().filter_map(offence).collect()
}

fn outlives(channel: ChannelId, call: &Call) -> Violation {
    Violation::ChannelOutlivesCall {
        channel,
        call: call.id,
    }
}

fn is_over(call: &Call, now: Timestamp) -> bool {
    !is_live(&call.status) && is_long_ago(call.tm_hangup, now)
}

/// I6: bridges of calls that have ended.
#[must_use]
pub fn lasting_bridges(bridges: &[Bridge], calls: &[Call], now: Timestamp) -> Vec<Violation> {
    let by_id: BTreeMap<CallId, &Call> = calls.iter().map(|call| (call.id, call)).collect();
    bridges
        .iter()
        .filter_map(|bridge| {
            let call = by_id.get(&call_of_bridge(bridge)?)?;
            is_over(call, now).then(|| Violation::BridgeOutlivesCall {
                bridge: bridge.id.clone(),
                call: call.id,
            })
        })
        .collect()
}

/// I6: recordings of calls that have ended.
#[must_use]
pub fn lasting_recordings(
    recordings: &[Recording],
    calls: &[Call],
    now: Timestamp,
) -> Vec<Violation> {
    let by_id: BTreeMap<CallId, &Call> = calls.iter().map(|call| (call.id, call)).collect();
    let lasts = |recording: &&Recording| {
        let call = call_of_recording(recording).and_then(|id| by_id.get(&id));
        match call {
            Some(call) => is_over(call, now),
            None => is_long_ago(recording.tm_create, now),
        }
    };
    let lasting = recordings.iter().filter(lasts);
    lasting
        .map(|it| Violation::RecordingOutlivesCall { recording: it.id })
        .collect()
}

/// I6: answered calls whose channel has ended, or has no row.
#[must_use]
pub fn calls_without_channel(
    calls: &[Call],
    channels: &[Channel],
    now: Timestamp,
) -> Vec<Violation> {
    let by_id: BTreeMap<&ChannelId, &Channel> = channels.iter().map(|it| (&it.id, it)).collect();
    calls
        .iter()
        .filter(|call| call.status == Status::Progressing)
        .filter(|call| match by_id.get(&call.channel_id) {
            Some(channel) => is_long_ago(channel.tm_end, now),
            None => is_long_ago(call.tm_progressing, now),
        })
        .map(|call| Violation::CallWithoutChannel { call: call.id })
        .collect()
}

/// I7: calls whose status and time of end contradict each other.
#[must_use]
pub fn half_ended<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Vec<Violation> {
    calls
        .into_iter()
        .filter(|call| (call.status == Status::Hangup) != call.tm_hangup.is_some())
        .map(|call| Violation::HalfEnded { call: call.id })
        .collect()
}

fn distinct(found: Vec<Violation>) -> Vec<Violation> {
    let set: BTreeSet<Violation> = found.into_iter().collect();
    set.into_iter().collect()
}

/// I7 over time: what was seen of ends and of events.
///
/// A test feeds it with every row and every event that it comes by, in any
/// order and as often as it likes.
#[derive(Debug, Default)]
pub struct History {
    ended: BTreeMap<CallId, Option<Timestamp>>,
    announced: BTreeMap<(CallId, String), Uuid>,
}

/// The events of which a call has one at most.
const ONCE: [&str; 7] = [
    "call_created",
    "call_ringing",
    "call_progressing",
    "call_canceling",
    "call_terminating",
    "call_hangup",
    "call_deleted",
];

impl History {
    /// Notes rows as they are; returns the calls that came back to life.
    pub fn see_calls(&mut self, calls: &[Call]) -> Vec<Violation> {
        let mut revived = Vec::new();
        for call in calls {
            let before = self.ended.get(&call.id);
            let changed = before.is_some_and(|at| is_live(&call.status) || *at != call.tm_hangup);
            if changed {
                revived.push(Violation::Revived { call: call.id });
            }
            if call.status == Status::Hangup {
                self.ended.entry(call.id).or_insert(call.tm_hangup);
            }
        }
        revived
    }

    /// Notes an event by its message id, written or published; a repetition with
    /// the same id is none.
    pub fn see_event(&mut self, message: Uuid, kind: &str, call: CallId) -> Option<Violation> {
        if !ONCE.contains(&kind) {
            return None;
        }
        let key = (call, kind.to_owned());
        let first = *self.announced.entry(key).or_insert(message);
        (first != message).then(|| Violation::EventTwice {
            call,
            kind: kind.to_owned(),
        })
    }

    /// At the end, when every event was seen: changes that none announced.
    #[must_use]
    pub fn missing(&self, calls: &[Call]) -> Vec<Violation> {
        let mut missing = Vec::new();
        for call in calls {
            for (kind, happened) in [
                ("call_created", call.tm_create),
                ("call_ringing", call.tm_ringing),
                ("call_progressing", call.tm_progressing),
                ("call_hangup", call.tm_hangup),
                ("call_deleted", call.tm_delete),
            ] {
                // An incoming call is ringing or talking from its beginning.
                let key = (call.id, kind.to_owned());
                if happened.is_some() && !self.announced.contains_key(&key) {
                    missing.push(Violation::EventMissing {
                        call: call.id,
                        kind: kind.to_owned(),
                    });
                }
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn call(channel: &str, ended: Option<i64>) -> Call {
        Call {
            id: CallId::random(),
            channel_id: channel.into(),
            status: if ended.is_some() {
                Status::Hangup
            } else {
                Status::Progressing
            },
            tm_progressing: Some(at(0)),
            tm_update: Some(at(0)),
            tm_hangup: ended.map(at),
            ..Call::default()
        }
    }

    fn channel(id: &str, ended: Option<i64>) -> Channel {
        Channel {
            id: id.into(),
            tm_create: Some(at(0)),
            tm_end: ended.map(at),
            ..Channel::default()
        }
    }

    #[test]
    fn what_outlives_its_call_is_found_when_it_is_too_long() {
        let over = call("a", Some(10));
        let mut earlier_route = channel("b", None);
        earlier_route
            .stasis_data
            .insert(stasis_key::CALL_ID.to_owned(), over.id.to_string());
        let channels = [channel("a", None), earlier_route, channel("c", None)];
        let bridge = Bridge {
            id: "x".into(),
            reference_type: ReferenceType::Call,
            reference_id: over.id.0.into(),
            ..Bridge::default()
        };
        let calls = [over.clone(), call("d", None)];
        let found = |now| {
            let mut found = lasting_channels(&channels, &calls, at(now));
            found.extend(lasting_bridges(
                std::slice::from_ref(&bridge),
                &calls,
                at(now),
            ));
            found
        };
        assert_eq!(found(30), []);
        let outlives = |id: &str| Violation::ChannelOutlivesCall {
            channel: id.into(),
            call: over.id,
        };
        let nobodys = Violation::ChannelWithoutCall {
            channel: "c".into(),
        };
        assert_eq!(found(40), [outlives("b"), nobodys.clone()]);
        let lasting = Violation::BridgeOutlivesCall {
            bridge: "x".into(),
            call: over.id,
        };
        assert_eq!(found(41), [outlives("a"), outlives("b"), nobodys, lasting]);
    }

    #[test]
    fn recordings_and_who_listens_end_with_the_call() {
        let (over, live) = (call("a", Some(10)), call("b", None));
        let recording = |of: &Call| Recording {
            id: RecordingId::random(),
            reference_type: RecordingReference::Call,
            reference_id: of.id.0.into(),
            tm_create: Some(at(0)),
            ..Recording::default()
        };
        let listener = |id: &str, of: &Call| {
            let mut channel = channel(id, None);
            let told = [
                (stasis_key::CONTEXT, context::CALL_RECORD.to_owned()),
                (stasis_key::REFERENCE_ID, of.id.to_string()),
            ];
            channel.stasis_data = told.map(|(key, value)| (key.to_owned(), value)).into();
            channel
        };
        let channels = [listener("x", &over), listener("y", &live)];
        let recorded = [
            recording(&over),
            recording(&live),
            recording(&call("c", None)),
        ];
        let calls = [over.clone(), live];
        let lasting = |it: &Recording| Violation::RecordingOutlivesCall { recording: it.id };
        assert_eq!(lasting_channels(&channels, &calls, at(40)), []);
        assert_eq!(lasting_recordings(&recorded, &calls, at(30)), []);
        let outlives = Violation::ChannelOutlivesCall {
            channel: "x".into(),
            call: over.id,
        };
        assert_eq!(lasting_channels(&channels, &calls, at(41)), [outlives]);
        assert_eq!(
            lasting_recordings(&recorded, &calls, at(41)),
            [lasting(&recorded[0]), lasting(&recorded[2])]
        );
    }

    #[test]
    fn answered_call_needs_a_channel_and_an_ended_one_its_time() {
        let calls = [
            call("there", None),
            call("ended", None),
            call("never", None),
        ];
        let channels = [channel("there", None), channel("ended", Some(20))];
        let without = |call: &Call| Violation::CallWithoutChannel { call: call.id };
        assert_eq!(calls_without_channel(&calls, &channels, at(30)), []);
        assert_eq!(
            calls_without_channel(&calls, &channels, at(31)),
            [without(&calls[2])]
        );
        assert_eq!(
            calls_without_channel(&calls, &channels, at(51)),
            [without(&calls[1]), without(&calls[2])]
        );
        let half = Call {
            status: Status::Hangup,
            ..calls[0].clone()
        };
        assert_eq!(
            half_ended([&calls[1], &half]),
            [Violation::HalfEnded { call: half.id }]
        );
    }

    #[test]
    fn history_knows_revivals_and_events_that_are_doubled_or_missing() {
        let mut history = History::default();
        let ended = call("a", Some(10));
        assert_eq!(history.see_calls(std::slice::from_ref(&ended)), []);
        assert_eq!(history.see_calls(std::slice::from_ref(&ended)), []);
        let again = Call {
            tm_hangup: Some(at(11)),
            ..ended.clone()
        };
        let alive = Call {
            status: Status::Progressing,
            tm_hangup: None,
            ..ended.clone()
        };
        let revived = Violation::Revived { call: ended.id };
        assert_eq!(
            history.see_calls(&[again, alive]),
            [revived.clone(), revived]
        );

        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(history.see_event(first, "call_hangup", ended.id), None);
        assert_eq!(history.see_event(first, "call_hangup", ended.id), None);
        assert_eq!(history.see_event(first, "call_updated", ended.id), None);
        assert_eq!(history.see_event(second, "call_updated", ended.id), None);
        let kind = || "call_hangup".to_owned();
        assert_eq!(
            history.see_event(second, "call_hangup", ended.id),
            Some(Violation::EventTwice {
                call: ended.id,
                kind: kind()
            })
        );
        let unheard = Violation::EventMissing {
            call: ended.id,
            kind: "call_progressing".to_owned(),
        };
        assert_eq!(history.missing(&[ended]), [unheard]);
    }
}
