//! Comparing what Asterisk has with what the rows say (architecture decision
//! 14). Takes both, returns what has to be repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::call::{Call, Direction, Status};
use trunkline_model::channel::State;
use trunkline_model::id::{BridgeId, CallId, ChannelId, RecordingId, ReferenceId};
use trunkline_model::recording::{Recording, Status as RecordingStatus};

use super::action::{Step, step};
use super::hangup::cause;
use super::recording::is_wanted;
use super::status::{Change, is_live, on_channel_state, runs_early};

/// How long an event is usually on its way, and much longer.
const PROMPT: Duration = Duration::from_secs(2);

/// A live channel as Asterisk lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub state: State,
    /// Whether the row knows a call of ours with this channel that has ended, or
    /// the channel is inside Stasis of our application without any call.
    pub orphan: bool,
    /// Whether it is inside Stasis of our application.
    pub entered: bool,
    /// Whether it is in its call's bridge.
    pub joined: bool,
    /// When Asterisk created it.
    pub tm_create: Option<Timestamp>,
}

/// What there is to compare.
#[derive(Debug)]
pub struct Picture<'a> {
    /// The calls that live on this Asterisk, as the rows say.
    pub calls: &'a [Call],
    /// The channels that it has.
    pub channels: &'a BTreeMap<ChannelId, Listed>,
    /// Bridges that it has and that were made for a call which has ended or has
    /// another one.
    pub unwanted_bridges: &'a [BridgeId],
    /// Channels without a live call whose rows have not ended, and that it does
    /// not have; with the time of the row's last change.
    pub vanished: &'a [(ChannelId, Option<Timestamp>)],
    /// The recordings that live on it, as the rows say.
    pub recordings: &'a [Recording],
    /// Since when a channel of a live call, or of a live recording, has not been
    /// listed, where an earlier comparison found that out.
    pub missing: &'a BTreeMap<ChannelId, Timestamp>,
    /// Since when a channel of a live call has been outside of the call's bridge,
    /// where an earlier comparison found that out.
    pub outside: &'a BTreeMap<ChannelId, Timestamp>,
}

/// What has to be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The call's channel is gone and its end was missed.
    FinishCall(CallId),
    /// The call's channel has moved on and the event was missed.
    ChannelState(CallId, ChannelId, State),
    /// The call's channel waits and was not dialed: its entry into Stasis was
    /// missed. Where the call has a bridge somebody dialed, or was about to:
    /// nobody dials again.
    Dial(CallId, ChannelId),
    /// The call has a bridge and its channel is not in it: whoever was about to dial
    /// died before, because only what is in its bridge is dialed. Another channel
    /// takes its place. One that is in its bridge may have been dialed, which
    /// Asterisk does not tell: its time for dialing runs out.
    Replace(CallId, ChannelId),
    /// Nothing is going to bring the call's next action: whoever walked through
    /// the flow died on the way.
    Resume(CallId),
    /// The call's playback may have ended unheard: Asterisk is asked.
    AskPlayback(CallId),
    /// The call is ending, and its channel was never told; or it waits for an
    /// answer for longer than it may.
    EndChannel(CallId, ChannelId, i64),
    /// A channel of ours has no live call.
    HangupChannel(ChannelId),
    /// A bridge of ours has no live call.
    RemoveBridge(BridgeId),
    /// A channel without a live call is gone and its end was missed: a refused
    /// caller's, or one of an earlier dial route.
    CloseChannel(ChannelId),
    /// Nobody listens for the recording any more, and its end was missed.
    EndRecording(RecordingId),
    /// The recording's channels are there, and nobody has told them to record.
    BeginRecording(RecordingId),
}

/// How long things may take before they are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls and channels that changed less than this ago are left alone: a
    /// request or an event may be on the way.
    pub grace: Duration,
    /// How long a channel may be dialed.
    pub dial_timeout: Duration,
    /// How long an Asterisk may be away before its calls count as lost.
    pub asterisk_lost_after: Duration,
}

/// An Asterisk that may have the channel of a call that none has reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// When it was last known to be there; nobody knows for one that only rows name.
    pub seen: Option<Timestamp>,
    /// Whether its channels were just listed, or it counts as lost.
    pub heard: bool,
}

/// The live calls whose rows name no Asterisk.
#[derive(Debug)]
pub struct Unplaced<'a> {
    pub calls: &'a [Call],
    /// The channels of all Asterisks that were listed.
    pub listed: &'a BTreeSet<ChannelId>,
    /// When the first of them was asked: what began later need not be in the lists.
    pub listed_at: Timestamp,
    pub witnesses: &'a [Witness],
}

/// Which calls have a channel on no Asterisk: those that died before it was
/// created. A call is judged when every Asterisk has been heard on which its channel
/// may be; who has just started may know one of several only. While none is known
/// its time runs as if one were away.
#[must_use]
pub fn never_placed(unplaced: &Unplaced<'_>, now: Timestamp, limits: Limits) -> Vec<Repair> {
    let is_over = |call: &&Call| {
        let mut possible = unplaced
            .witnesses
            .iter()
            .filter(|it| may_have(it, call, limits))
            .peekable();
        let patience = match possible.peek() {
            None => limits.asterisk_lost_after,
            Some(_) => limits.grace,
        };
        possible.all(|witness| witness.heard)
            && changed(call).is_none_or(|at| at < unplaced.listed_at && now.since(at) >= patience)
    };
    let calls = unplaced.calls.iter().filter(|call| is_live(&call.status));
    calls
        .filter(|call| !unplaced.listed.contains(&call.channel_id))
        .filter(is_over)
        .map(|call| Repair::FinishCall(call.id))
        .collect()
}

/// Whether this Asterisk was there when the call's channel was asked for, or not
/// long enough before to be taken as lost.
#[must_use]
pub fn may_have(witness: &Witness, call: &Call, limits: Limits) -> bool {
    let (Some(seen), Some(created)) = (witness.seen, call.tm_create) else {
        return true;
    };
    seen >= created || created.since(seen) < limits.asterisk_lost_after
}

/// Compares the live calls of one Asterisk with its channels.
#[must_use]
pub fn compare(picture: &Picture<'_>, now: Timestamp, limits: Limits) -> Vec<Repair> {
    let mut repairs = Vec::new();
    let mut used = BTreeSet::new();
    for call in picture.calls.iter().filter(|call| is_live(&call.status)) {
        used.insert(&call.channel_id);
        let settled = changed(call).is_none_or(|at| now.since(at) >= limits.grace);
        match picture.channels.get(&call.channel_id) {
            None => {
                // A flow that walks on changes its call all the time.
                let missing = picture.missing.get(&call.channel_id);
                if settled || missing.is_some_and(|at| now.since(*at) >= limits.grace) {
                    repairs.push(Repair::FinishCall(call.id));
                }
            }
            Some(_) if is_outside(picture, call, now, limits) => {
                repairs.push(Repair::Replace(call.id, call.channel_id.clone()));
            }
            Some(channel) => repairs.extend(of_listed(call, channel, settled, now, limits)),
        }
    }
    for (id, channel) in picture.channels {
        let young = channel
            .tm_create
            .is_some_and(|at| now.since(at) < limits.grace);
        if channel.orphan && !used.contains(id) && !young {
            repairs.push(Repair::HangupChannel(id.clone()));
        }
    }
    let unwanted = picture.unwanted_bridges.iter().cloned();
    repairs.extend(unwanted.map(Repair::RemoveBridge));
    for (id, changed) in picture.vanished {
        if changed.is_none_or(|at| now.since(at) >= limits.grace) {
            repairs.push(Repair::CloseChannel(id.clone()));
        }
    }
    let live = live(picture.calls, picture.recordings);
    for recording in picture.recordings {
        repairs.extend(of_recording(picture, recording, &live, now, limits));
    }
    repairs
}

/// The channels that are to go on listening: those of recordings that nobody has
/// stopped, of calls that live. Others of recordings are orphans.
#[must_use]
pub fn listeners<'a>(recordings: &'a [Recording], calls: &[Call]) -> BTreeSet<&'a ChannelId> {
    let live = live(calls, recordings);
    recordings
        .iter()
        .filter(|it| is_wanted(&it.status) && live.contains(&it.reference_id))
        .flat_map(|recording| &recording.channel_ids)
        .collect()
}

/// The calls that live, as recordings name them; where there are no recordings
/// nobody asks.
fn live(calls: &[Call], recordings: &[Recording]) -> BTreeSet<ReferenceId> {
    if recordings.is_empty() {
        return BTreeSet::new();
    }
    let live = calls.iter().filter(|call| is_live(&call.status));
    live.map(|call| ReferenceId(call.id.0)).collect()
}

/// A recording ends with the channels that listen, and they with their call. Where
/// the call goes on their end has to be missed for a while: it may be on the way.
fn of_recording(
    picture: &Picture<'_>,
    recording: &Recording,
    live: &BTreeSet<ReferenceId>,
    now: Timestamp,
    limits: Limits,
) -> Option<Repair> {
    let has_call = live.contains(&recording.reference_id);
    let changed = recording.tm_update.or(recording.tm_create);
    let settled = changed.is_none_or(|at| now.since(at) >= limits.grace);
    let mut channels = recording.channel_ids.iter();
    if channels.any(|id| picture.channels.contains_key(id)) {
        let waits = settled && has_call && recording.status == RecordingStatus::Initiating;
        return waits.then_some(Repair::BeginRecording(recording.id));
    }
    let missed = |id: &ChannelId| {
        let since = picture.missing.get(id);
        since.is_some_and(|at| now.since(*at) >= limits.grace)
    };
    let ended = !has_call || recording.channel_ids.iter().any(missed);
    (settled && ended).then_some(Repair::EndRecording(recording.id))
}

/// When the row changed last; a failover makes a new channel for an old call.
fn changed(call: &Call) -> Option<Timestamp> {
    call.tm_update.or(call.tm_create)
}

/// Whether the call's channel was placed and never dialed. It has to be so in two
/// comparisons: a channel that is just ending leaves its bridge as well.
fn is_outside(picture: &Picture<'_>, call: &Call, now: Timestamp, limits: Limits) -> bool {
    let Some(channel) = picture.channels.get(&call.channel_id) else {
        return false;
    };
    let since = picture.outside.get(&call.channel_id);
    // Where placing fails again and again the time for dialing runs out.
    let in_time = |at| now.since(at) < limits.dial_timeout + limits.grace;
    is_undialed(call, channel)
        && since.is_some_and(|at| now.since(*at) >= limits.grace)
        && call.tm_create.is_none_or(in_time)
}

/// Whether a channel looks as if nobody had dialed it since it was given its bridge.
#[must_use]
pub fn is_undialed(call: &Call, channel: &Listed) -> bool {
    call.direction == Direction::Outgoing
        && call.status == Status::Dialing
        && channel.state == State::Down
        && !call.bridge_id.is_empty()
        && !channel.joined
}

/// Whether a channel waits for somebody who takes it. Whoever stores the call's
/// bridge does, so that nobody has to be waited for who may be about to; only as
/// long as an event is usually on its way.
fn is_waiting(call: &Call, channel: &Listed, now: Timestamp, limits: Limits) -> bool {
    let prompt = PROMPT.min(limits.grace);
    call.direction == Direction::Outgoing
        && call.status == Status::Dialing
        && channel.state == State::Down
        && channel.entered
        && call.bridge_id.is_empty()
        && changed(call).is_none_or(|at| now.since(at) >= prompt)
}

fn of_listed(
    call: &Call,
    channel: &Listed,
    settled: bool,
    now: Timestamp,
    limits: Limits,
) -> Option<Repair> {
    let state = &channel.state;
    if !matches!(on_channel_state(call, state), Change::None) {
        return Some(Repair::ChannelState(
            call.id,
            call.channel_id.clone(),
            state.clone(),
        ));
    }
    if !settled {
        let waiting = is_waiting(call, channel, now, limits);
        return waiting.then(|| Repair::Dial(call.id, call.channel_id.clone()));
    }
    match call.status {
        Status::Progressing => stalled(call),
        Status::Terminating | Status::Canceling => Some(Repair::EndChannel(
            call.id,
            call.channel_id.clone(),
            cause::NORMAL,
        )),
        // The caller waits for the flow, however long it lets him.
        Status::Dialing | Status::Ringing if call.direction != Direction::Outgoing => stalled(call),
        Status::Dialing | Status::Ringing => {
            let longest = limits.dial_timeout + limits.grace;
            let overdue = changed(call).is_some_and(|at| now.since(at) >= longest);
            if overdue {
                let channel = call.channel_id.clone();
                return Some(Repair::EndChannel(call.id, channel, cause::NO_RESPONSE));
            }
            // A channel that is being dialed and has not rung is down as well; it
            // must not be dialed twice (asterisk-sim, `dial`).
            if *state == State::Down && call.bridge_id.is_empty() {
                return Some(Repair::Dial(call.id, call.channel_id.clone()));
            }
            runs_early(call).then(|| stalled(call)).flatten()
        }
        Status::None | Status::Hangup | Status::Other(_) => None,
    }
}

/// Whether nothing will bring the next action of a call whose flow runs.
fn stalled(call: &Call) -> Option<Repair> {
    if call.action_next_hold {
        return Some(Repair::Resume(call.id));
    }
    match step(&call.action) {
        // A due row brings it.
        Step::Wait { .. } | Step::ReceiveDigits { .. } | Step::SendDigits(_) | Step::Echo(_) => {
            None
        }
        playing @ (Step::Play { .. } | Step::Talk(_)) if playing.plays() => {
            Some(Repair::AskPlayback(call.id))
        }
        Step::Play { .. }
        | Step::Talk(_)
        | Step::Answer
        | Step::StartRecording(_)
        | Step::StopRecording
        | Step::Hangup(_)
        | Step::HangupAs(_)
        | Step::Skip { .. } => Some(Repair::Resume(call.id)),
    }
}

#[cfg(test)]
mod tests {
    use trunkline_model::Action;
    use trunkline_model::action::Kind;
    use trunkline_model::id::ActionId;

    use super::*;

    const LIMITS: Limits = Limits {
        grace: Duration::from_secs(15),
        dial_timeout: Duration::from_secs(60),
        asterisk_lost_after: Duration::from_secs(600),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn call(channel: &str, status: Status, created: i64) -> Call {
        Call {
            id: CallId::random(),
            channel_id: channel.into(),
            status,
            action: sleeping(),
            direction: Direction::Outgoing,
            tm_create: Some(at(created)),
            ..Call::default()
        }
    }

    fn sleeping() -> Action {
        Action {
            id: ActionId::random(),
            kind: Kind::Sleep,
            ..Action::default()
        }
    }

    fn listed(state: State, orphan: bool, created: i64) -> Listed {
        Listed {
            state,
            orphan,
            entered: true,
            joined: true,
            tm_create: Some(at(created)),
        }
    }

    #[test]
    fn missed_end_finishes_the_call_and_an_orphan_is_hung_up() {
        let calls = [
            call("gone", Status::Progressing, 0),
            call("young", Status::Dialing, 95),
            call("there", Status::Progressing, 0),
        ];
        let channels = BTreeMap::from([
            ("there".into(), listed(State::Up, false, 0)),
            ("orphan".into(), listed(State::Up, true, 0)),
            ("young-orphan".into(), listed(State::Up, true, 95)),
            ("foreign".into(), listed(State::Up, false, 0)),
        ]);
        let unwanted = ["b".into()];
        // At the end of the grace, just before it, and without a time.
        let vanished = [
            ("refused".into(), Some(at(85))),
            ("young-refused".into(), Some(at(86))),
            ("timeless".into(), None),
        ];
        let picture = Picture {
            calls: &calls,
            channels: &channels,
            unwanted_bridges: &unwanted,
            vanished: &vanished,
            recordings: &[],
            missing: &BTreeMap::new(),
            outside: &BTreeMap::new(),
        };
        assert_eq!(
            compare(&picture, at(100), LIMITS),
            [
                Repair::FinishCall(calls[0].id),
                Repair::HangupChannel("orphan".into()),
                Repair::RemoveBridge("b".into()),
                Repair::CloseChannel("refused".into()),
                Repair::CloseChannel("timeless".into()),
            ]
        );
    }

    #[test]
    fn call_that_keeps_changing_ends_when_its_channel_was_missed_for_long() {
        let walks = Call {
            tm_update: Some(at(99)),
            ..call("gone", Status::Progressing, 0)
        };
        let repairs = |since: i64| {
            let missing = BTreeMap::from([("gone".into(), at(since))]);
            let picture = Picture {
                calls: std::slice::from_ref(&walks),
                channels: &BTreeMap::new(),
                unwanted_bridges: &[],
                vanished: &[],
                recordings: &[],
                missing: &missing,
                outside: &BTreeMap::new(),
            };
            compare(&picture, at(100), LIMITS)
        };
        assert_eq!(repairs(86), []);
        assert_eq!(repairs(85), [Repair::FinishCall(walks.id)]);
    }

    fn witness(seen: i64, heard: bool) -> Witness {
        Witness {
            seen: Some(at(seen)),
            heard,
        }
    }

    fn is_finished(call: &Call, listed: &[&str], witnesses: &[Witness], now: i64) -> bool {
        let listed = listed.iter().map(|id| ChannelId::from(*id)).collect();
        let unplaced = Unplaced {
            calls: std::slice::from_ref(call),
            listed: &listed,
            listed_at: at(now - 1),
            witnesses,
        };
        let repairs = never_placed(&unplaced, at(now), LIMITS);
        let at_once = Limits {
            grace: Duration::ZERO,
            ..LIMITS
        };
        let later = Unplaced {
            listed_at: at(1_000),
            ..unplaced
        };
        assert_eq!(never_placed(&later, at(now), at_once), [], "it began later");
        assert!(repairs.iter().all(|it| *it == Repair::FinishCall(call.id)));
        !repairs.is_empty()
    }

    #[test]
    fn call_without_a_place_is_judged_when_every_asterisk_that_may_have_it_was_heard() {
        let unplaced = call("c", Status::Dialing, 1_000);
        let (here, silent) = (witness(1_100, true), witness(1_000, false));
        assert!(is_finished(&unplaced, &[], &[here], 1_100));
        assert!(
            !is_finished(&unplaced, &["c"], &[here], 1_100),
            "it is there"
        );
        assert!(!is_finished(&unplaced, &[], &[here], 1_014), "it may come");
        // Two Asterisks, and the process that has just started knows one.
        assert!(!is_finished(&unplaced, &[], &[here, silent], 1_100));
        assert!(!is_finished(&unplaced, &[], &[here, silent], 9_000));
        let lost = Witness {
            heard: true,
            ..silent
        };
        assert!(is_finished(&unplaced, &[], &[here, lost], 1_100));
        // One that had been away for long enough before did not get the request.
        assert!(!is_finished(
            &unplaced,
            &[],
            &[here, witness(401, false)],
            1_100
        ));
        assert!(is_finished(
            &unplaced,
            &[],
            &[here, witness(400, false)],
            1_100
        ));
        let nobody_knows = Witness {
            seen: None,
            heard: false,
        };
        assert!(!is_finished(&unplaced, &[], &[here, nobody_knows], 9_000));
    }

    #[test]
    fn while_no_asterisk_is_known_a_call_without_a_place_waits_as_for_one_that_is_away() {
        let unplaced = call("c", Status::Dialing, 1_000);
        assert!(!is_finished(&unplaced, &[], &[], 1_599));
        assert!(is_finished(&unplaced, &[], &[], 1_600));
        let ended = call("c", Status::Hangup, 1_000);
        assert!(!is_finished(&ended, &[], &[], 1_600));
    }

    #[test]
    fn recordings_end_with_who_listens_and_begin_when_nobody_told_them_to() {
        let live = call("c", Status::Progressing, 0);
        let recording = |status: &str, of: &Call| Recording {
            id: RecordingId::random(),
            reference_id: ReferenceId(of.id.0),
            status: status.into(),
            channel_ids: vec!["in".into(), "out".into()],
            tm_update: Some(at(50)),
            ..Recording::default()
        };
        let gone = call("d", Status::Hangup, 0);
        let begin = |it: &Recording| Repair::BeginRecording(it.id);
        let end = |it: &Recording| Repair::EndRecording(it.id);
        let (fresh, runs) = (
            recording("initiating", &live),
            recording("recording", &live),
        );
        let (stops, orphaned) = (recording("stopping", &live), recording("recording", &gone));
        type Wanted = Option<fn(&Recording) -> Repair>;
        let rows: [(&Recording, bool, Option<i64>, i64, Wanted); 11] = [
            (&fresh, true, None, 60, None),
            (&fresh, true, None, 65, Some(begin)),
            (&runs, true, None, 100, None),
            (&stops, true, None, 100, None),
            (&runs, false, None, 100, None),
            (&runs, false, Some(90), 100, None),
            (&runs, false, Some(85), 100, Some(end)),
            (&stops, false, Some(85), 100, Some(end)),
            (&orphaned, false, None, 64, None),
            (&orphaned, false, None, 65, Some(end)),
            (&orphaned, true, None, 100, None),
        ];
        for (recording, listens, missed, now, wanted) in rows {
            let channel = if listens { "out" } else { "another" };
            let channels = BTreeMap::from([
                ("c".into(), listed(State::Up, false, 0)),
                (channel.into(), listed(State::Up, false, 0)),
            ]);
            let missing = missed.map(|since| ("in".into(), at(since)));
            let picture = Picture {
                calls: std::slice::from_ref(&live),
                channels: &channels,
                unwanted_bridges: &[],
                vanished: &[],
                recordings: std::slice::from_ref(recording),
                missing: &missing.into_iter().collect(),
                outside: &BTreeMap::new(),
            };
            let wanted: Vec<Repair> = wanted.map(|of| of(recording)).into_iter().collect();
            let status = &recording.status;
            assert_eq!(
                compare(&picture, at(now), LIMITS),
                wanted,
                "{status} {listens} {now}"
            );
        }
        let all = [fresh, stops, orphaned];
        let wanted = listeners(&all[..1], std::slice::from_ref(&live));
        assert_eq!(wanted.len(), 2);
        assert!(listeners(&all[1..], &[live, gone]).is_empty());
    }

    fn repairs_of(call: Call, state: State, now: i64) -> Vec<Repair> {
        let channels = BTreeMap::from([("c".into(), listed(state, false, 0))]);
        let picture = Picture {
            calls: &[call],
            channels: &channels,
            unwanted_bridges: &[],
            vanished: &[],
            recordings: &[],
            missing: &BTreeMap::new(),
            outside: &BTreeMap::new(),
        };
        compare(&picture, at(now), LIMITS)
    }

    #[test]
    fn channel_that_nobody_dialed_is_dialed_until_its_time_is_up() {
        let dialing = call("c", Status::Dialing, 0);
        assert_eq!(
            repairs_of(dialing.clone(), State::Down, 1),
            [],
            "on its way"
        );
        let dial = Repair::Dial(dialing.id, "c".into());
        for now in [2, 14, 15] {
            let repairs = repairs_of(dialing.clone(), State::Down, now);
            assert_eq!(repairs, std::slice::from_ref(&dial), "{now}");
        }
        assert_eq!(repairs_of(dialing.clone(), State::Down, 74), [dial]);
        let end = Repair::EndChannel(dialing.id, "c".into(), 18);
        let begun = Call {
            bridge_id: "b".into(),
            ..dialing.clone()
        };
        assert_eq!(repairs_of(begun.clone(), State::Down, 74), []);
        assert_eq!(
            repairs_of(begun, State::Down, 75),
            std::slice::from_ref(&end)
        );
        assert_eq!(repairs_of(dialing, State::Down, 75), [end]);
        let ringing = call("c", Status::Ringing, 0);
        assert_eq!(repairs_of(ringing, State::Ringing, 30), []);
    }

    #[test]
    fn channel_that_was_placed_and_never_dialed_is_replaced() {
        let placed = Call {
            bridge_id: "b".into(),
            ..call("c", Status::Dialing, 0)
        };
        let repairs = |call: &Call, channel: Listed, since: Option<i64>, now: i64| {
            let outside = since.map(|since| ("c".into(), at(since)));
            let picture = Picture {
                calls: std::slice::from_ref(call),
                channels: &BTreeMap::from([("c".into(), channel)]),
                unwanted_bridges: &[],
                vanished: &[],
                recordings: &[],
                missing: &BTreeMap::new(),
                outside: &outside.into_iter().collect(),
            };
            compare(&picture, at(now), LIMITS)
        };
        let outside = Listed {
            joined: false,
            ..listed(State::Down, false, 0)
        };
        let replace = [Repair::Replace(placed.id, "c".into())];
        assert_eq!(repairs(&placed, outside.clone(), Some(5), 20), replace);
        // It may be just ending, or on its way into its bridge.
        assert_eq!(repairs(&placed, outside.clone(), None, 40), []);
        assert_eq!(repairs(&placed, outside.clone(), Some(6), 20), []);
        let again = Call {
            tm_update: Some(at(70)),
            ..placed.clone()
        };
        assert_eq!(repairs(&again, outside.clone(), Some(5), 75), []);
        // It may have been dialed.
        let joined = listed(State::Down, false, 0);
        assert_eq!(repairs(&placed, joined, Some(5), 40), []);
        let rings = Listed {
            state: State::Ringing,
            ..outside
        };
        let caught_up = repairs(&placed, rings, Some(5), 40);
        assert!(matches!(caught_up[..], [Repair::ChannelState(..)]));
        let canceled = Call {
            status: Status::Canceling,
            ..placed.clone()
        };
        let ended = repairs(&canceled, outside.clone(), Some(5), 40);
        assert!(matches!(ended[..], [Repair::EndChannel(..)]));
        let incoming = Call {
            direction: Direction::Incoming,
            ..placed
        };
        assert_eq!(repairs(&incoming, outside, Some(5), 40), []);
    }

    #[test]
    fn missed_change_of_state_is_caught_up_at_once() {
        let ringing = call("c", Status::Ringing, 0);
        let expected = Repair::ChannelState(ringing.id, "c".into(), State::Up);
        assert_eq!(repairs_of(ringing, State::Up, 1), [expected]);
    }

    #[test]
    fn walk_that_died_goes_on_and_an_action_that_waits_is_left_alone() {
        let answered = |action: Action, hold| Call {
            action,
            action_next_hold: hold,
            ..call("c", Status::Progressing, 0)
        };
        let waits = answered(sleeping(), false);
        assert_eq!(repairs_of(waits, State::Up, 100), []);
        for stuck in [
            answered(sleeping(), true),
            answered(Action::reserved(ActionId::START), false),
        ] {
            let id = stuck.id;
            assert_eq!(
                repairs_of(stuck.clone(), State::Up, 10),
                [],
                "it may be on its way"
            );
            assert_eq!(repairs_of(stuck, State::Up, 100), [Repair::Resume(id)]);
        }
        let option = serde_json::json!({"stream_urls": ["hello"]})
            .as_object()
            .cloned();
        let plays = answered(
            Action {
                kind: Kind::Play,
                option,
                ..sleeping()
            },
            false,
        );
        let id = plays.id;
        assert_eq!(repairs_of(plays, State::Up, 100), [Repair::AskPlayback(id)]);
    }

    #[test]
    fn caller_who_waits_is_led_on_and_never_hung_up() {
        let incoming = |action: Action| Call {
            direction: Direction::Incoming,
            action,
            ..call("c", Status::Ringing, 0)
        };
        assert_eq!(
            repairs_of(incoming(sleeping()), State::Ring, 1_000),
            [],
            "a duty brings the next action"
        );
        let left = incoming(Action::reserved(ActionId::START));
        let expected = Repair::Resume(left.id);
        assert_eq!(repairs_of(left, State::Ring, 100), [expected]);
    }

    #[test]
    fn channel_that_was_never_told_to_end_is_told_again() {
        let ending = call("c", Status::Terminating, 0);
        let expected = Repair::EndChannel(ending.id, "c".into(), 16);
        assert_eq!(repairs_of(ending, State::Up, 100), [expected]);
    }
}
