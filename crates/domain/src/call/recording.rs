//! Recordings: what may be recorded and how, names, and what an event means
//! (chapter 04 §6).

use std::collections::BTreeMap;
use std::fmt;

use trunkline_model::Timestamp;
use trunkline_model::channel::{Channel, context, context_type, stasis_key};
use trunkline_model::id::{FlowId, RecordingId, ReferenceId};
use trunkline_model::recording::{Recording, ReferenceType, StartRequest, Status, WAV};

/// Keys that may end a recording.
const END_KEYS: [&str; 5] = ["", "none", "any", "*", "#"];

/// What is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// What the call's party says.
    In,
    /// What it hears.
    Out,
}

impl Side {
    /// In the order of the files.
    pub const BOTH: [Self; 2] = [Self::In, Self::Out];

    /// Its spelling, here and in ARI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// A recording that may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub format: String,
    /// Seconds; 0 is "no limit".
    pub end_of_silence: i64,
    pub end_of_key: String,
    /// Seconds; 0 is "no limit".
    pub duration: i64,
    pub on_end_flow_id: FlowId,
}

/// Why a recording cannot be made as it is asked for: the field, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid {
    pub field: &'static str,
    pub takes: &'static str,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of a recording takes {}", self.field, self.takes)
    }
}

/// Checks how a recording is to be made.
///
/// # Errors
///
/// The first field that does not fit.
pub fn wanted(asked: &StartRequest) -> Result<Wanted, Invalid> {
    let invalid = |field, takes| Err(Invalid { field, takes });
    if !asked.format.is_empty() && asked.format != WAV {
        return invalid("format", "`wav`");
    }
    if !END_KEYS.contains(&asked.end_of_key.as_str()) {
        return invalid("end_of_key", "`none`, `any`, `*` or `#`");
    }
    if asked.end_of_silence < 0 {
        return invalid("end_of_silence", "seconds, 0 for no limit");
    }
    if asked.duration < 0 {
        return invalid("duration", "seconds, 0 for no limit");
    }
    Ok(Wanted {
        format: WAV.to_owned(),
        end_of_silence: asked.end_of_silence,
        end_of_key: asked.end_of_key.clone(),
        duration: asked.duration,
        on_end_flow_id: asked.on_end_flow_id,
    })
}

/// The name of a recording: it has seconds only.
#[must_use]
pub fn name(kind: &ReferenceType, id: ReferenceId, at: Timestamp) -> String {
    let fixed = at.fixed();
    let seconds = fixed.split('.').next().unwrap_or_default();
    format!("{kind}_{id}_{seconds}Z")
}

/// What Asterisk calls one side of it.
#[must_use]
pub fn live_name(name: &str, side: Side) -> String {
    format!("{name}_{}", side.as_str())
}

/// The files of a call's recording.
#[must_use]
pub fn filenames(name: &str, format: &str) -> Vec<String> {
    Side::BOTH
        .map(|side| format!("{}.{format}", live_name(name, side)))
        .into()
}

/// The recording that a name in an event of Asterisk's is a side of.
#[must_use]
pub fn of_live_name(live: &str) -> Option<(&str, Side)> {
    Side::BOTH.into_iter().find_map(|side| {
        let name = live.strip_suffix(side.as_str())?.strip_suffix('_')?;
        Some((name, side))
    })
}

/// The Stasis arguments of a channel that listens to one side.
#[must_use]
pub fn arguments(
    recording: &Recording,
    wanted: &Wanted,
    side: Side,
) -> Vec<(&'static str, String)> {
    vec![
        (stasis_key::CONTEXT_TYPE, context_type::CALL.to_owned()),
        (stasis_key::CONTEXT, context::CALL_RECORD.to_owned()),
        (
            stasis_key::REFERENCE_TYPE,
            recording.reference_type.to_string(),
        ),
        (stasis_key::REFERENCE_ID, recording.reference_id.to_string()),
        (stasis_key::RECORDING_ID, recording.id.to_string()),
        (stasis_key::RECORDING_NAME, recording.recording_name.clone()),
        (stasis_key::RECORDING_DIRECTION, side.as_str().to_owned()),
        (stasis_key::RECORDING_FORMAT, wanted.format.clone()),
        (
            stasis_key::RECORDING_END_OF_SILENCE,
            wanted.end_of_silence.to_string(),
        ),
        (stasis_key::RECORDING_END_OF_KEY, wanted.end_of_key.clone()),
        (stasis_key::RECORDING_DURATION, wanted.duration.to_string()),
    ]
}

/// One side of a recording, as the arguments of the channel that listens say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub recording: RecordingId,
    /// What Asterisk is to call it.
    pub live_name: String,
    pub format: String,
    pub end_of_silence: i64,
    pub end_of_key: String,
    pub duration: i64,
}

/// Reads [`arguments`] again; none when they name no recording.
#[must_use]
pub fn part(arguments: &BTreeMap<String, String>) -> Option<Part> {
    let text = |key: &str| arguments.get(key).map(String::as_str).unwrap_or_default();
    let seconds = |key| text(key).parse().unwrap_or(0);
    let recording: RecordingId = text(stasis_key::RECORDING_ID).parse().ok()?;
    let side = Side::BOTH
        .into_iter()
        .find(|side| side.as_str() == text(stasis_key::RECORDING_DIRECTION))?;
    (!recording.is_nil()).then(|| Part {
        recording,
        live_name: live_name(text(stasis_key::RECORDING_NAME), side),
        format: text(stasis_key::RECORDING_FORMAT).to_owned(),
        end_of_silence: seconds(stasis_key::RECORDING_END_OF_SILENCE),
        end_of_key: text(stasis_key::RECORDING_END_OF_KEY).to_owned(),
        duration: seconds(stasis_key::RECORDING_DURATION),
    })
}

/// Whether `key` ends a recording that is to end at `end_of_key`: a key, `any` of
/// them, or none (`none`, or an empty text).
#[must_use]
pub fn ends_at(end_of_key: &str, key: &str) -> bool {
    match end_of_key {
        "" | "none" => false,
        "any" => true,
        only => only == key,
    }
}

/// Which of a call's recordings end at a key that its party presses. At which they
/// are to end is in the arguments of the channels that listen for them.
///
/// One that is stopping is among them: it may be this key that stopped it, and its
/// channels may not know. Ending it once more changes nothing.
#[must_use]
pub fn ended_by_key(
    key: &str,
    recordings: Vec<Recording>,
    listeners: &[Channel],
) -> Vec<Recording> {
    let parts: Vec<Part> = listeners
        .iter()
        .filter_map(|channel| part(&channel.stasis_data))
        .collect();
    let ends = |id| {
        let mut of_it = parts.iter().filter(|part| part.recording == id);
        of_it.any(|part| ends_at(&part.end_of_key, key))
    };
    let mut ended = recordings;
    ended.retain(|recording| is_live(&recording.status) && ends(recording.id));
    ended
}

/// Whether a recording has not ended.
#[must_use]
pub fn is_live(status: &Status) -> bool {
    match status {
        Status::Initiating | Status::Recording | Status::Stopping => true,
        Status::None | Status::Ended | Status::Other(_) => false,
    }
}

/// Whether its channels are to go on listening.
#[must_use]
pub fn is_wanted(status: &Status) -> bool {
    match status {
        Status::Initiating | Status::Recording => true,
        Status::None | Status::Stopping | Status::Ended | Status::Other(_) => false,
    }
}

/// The activeflow variables of a recording (chapter 04 §6.3).
#[must_use]
pub fn variables(recording: &Recording) -> BTreeMap<String, String> {
    [
        ("id", recording.id.to_string()),
        ("reference_type", recording.reference_type.to_string()),
        ("reference_id", recording.reference_id.to_string()),
        ("format", recording.format.clone()),
        ("recording_name", recording.recording_name.clone()),
        ("filenames", recording.filenames.join(",")),
    ]
    .map(|(key, value)| (format!("voipbin.recording.{key}"), value))
    .into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_wav_is_made_and_an_empty_format_is_wav() {
        let asked = |format: &str, key: &str, duration, silence| StartRequest {
            format: format.to_owned(),
            end_of_key: key.to_owned(),
            duration,
            end_of_silence: silence,
            ..StartRequest::default()
        };
        for (request, field) in [
            (asked("", "", 0, 0), None),
            (asked("wav", "any", 60, 3), None),
            (asked("wav", "#", 0, 0), None),
            (asked("mp3", "", 0, 0), Some("format")),
            (asked("WAV", "", 0, 0), Some("format")),
            (asked("", "1", 0, 0), Some("end_of_key")),
            (asked("", "", -1, 0), Some("duration")),
            (asked("", "", 0, -1), Some("end_of_silence")),
        ] {
            let outcome = wanted(&request);
            assert_eq!(
                outcome.as_ref().err().map(|it| it.field),
                field,
                "{request:?}"
            );
            if let Ok(wanted) = outcome {
                assert_eq!(wanted.format, WAV);
            }
        }
        let told = wanted(&asked("ogg", "", 0, 0)).unwrap_err().to_string();
        assert_eq!(told, "`format` of a recording takes `wav`");
    }

    fn recording() -> Recording {
        let id = ReferenceId(Uuid::from_u128(7));
        let at: Timestamp = "2023-01-05T14:58:05.999Z".parse().unwrap();
        let name = name(&ReferenceType::Call, id, at);
        Recording {
            id: RecordingId(Uuid::from_u128(1)),
            reference_type: ReferenceType::Call,
            reference_id: id,
            format: WAV.to_owned(),
            filenames: filenames(&name, WAV),
            recording_name: name,
            ..Recording::default()
        }
    }

    #[test]
    fn names_are_those_of_the_chapter() {
        let recording = recording();
        assert_eq!(
            recording.recording_name,
            "call_00000000-0000-0000-0000-000000000007_2023-01-05T14:58:05Z"
        );
        assert!(recording.filenames[0].ends_with("05Z_in.wav"));
        assert!(recording.filenames[1].ends_with("05Z_out.wav"));
        let live = live_name(&recording.recording_name, Side::Out);
        assert_eq!(
            of_live_name(&live),
            Some((recording.recording_name.as_str(), Side::Out))
        );
        assert_eq!(of_live_name("somebody-elses"), None);
        let joined = recording.filenames.join(",");
        assert_eq!(variables(&recording)["voipbin.recording.filenames"], joined);
    }

    #[test]
    fn what_a_channel_is_told_can_be_read_again() {
        let asked = StartRequest {
            end_of_key: "#".to_owned(),
            duration: 9,
            ..StartRequest::default()
        };
        let (recording, wanted) = (recording(), wanted(&asked).unwrap());
        let told = arguments(&recording, &wanted, Side::In);
        assert!(told.iter().all(|(_, value)| !value.contains([',', '='])));
        let mut told: BTreeMap<String, String> = told
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let read = part(&told).unwrap();
        assert_eq!(read.recording, recording.id);
        assert!(read.live_name.ends_with("05Z_in"));
        assert_eq!((read.duration, read.end_of_key.as_str()), (9, "#"));
        told.insert(stasis_key::RECORDING_ID.to_owned(), "nobody".to_owned());
        assert_eq!(part(&told), None);
    }

    #[test]
    fn a_recording_ends_at_its_key_only() {
        for (end_of_key, key, ends) in [
            ("", "#", false),
            ("none", "#", false),
            ("any", "5", true),
            ("any", "#", true),
            ("#", "#", true),
            ("#", "*", false),
            ("*", "*", true),
            ("*", "1", false),
        ] {
            assert_eq!(ends_at(end_of_key, key), ends, "{end_of_key:?} {key}");
        }
    }

    fn listener(recording: &Recording, end_of_key: &str) -> Channel {
        let asked = StartRequest {
            end_of_key: end_of_key.to_owned(),
            ..StartRequest::default()
        };
        let told = arguments(recording, &wanted(&asked).unwrap(), Side::Out);
        let told = told.into_iter().map(|(key, value)| (key.to_owned(), value));
        Channel {
            stasis_data: told.collect(),
            ..Channel::default()
        }
    }

    #[test]
    fn a_key_ends_those_recordings_of_a_call_that_ask_for_it() {
        let of = |n, status: &str| Recording {
            id: RecordingId(Uuid::from_u128(n)),
            status: status.into(),
            ..recording()
        };
        let recordings = vec![
            of(1, "recording"),
            of(2, "initiating"),
            of(3, "stopping"),
            of(4, "ended"),
            of(5, "recording"),
            of(6, "recording"),
        ];
        let keys = ["#", "any", "#", "#", "*"];
        let mut listeners: Vec<Channel> = recordings
            .iter()
            .zip(keys)
            .map(|(recording, key)| listener(recording, key))
            .collect();
        listeners.push(Channel::default());
        for (key, ended) in [("#", vec![1, 2, 3]), ("*", vec![2, 5]), ("1", vec![2])] {
            let found = ended_by_key(key, recordings.clone(), &listeners);
            let found: Vec<u128> = found.iter().map(|it| it.id.0.as_u128()).collect();
            assert_eq!(found, ended, "{key}");
        }
    }

    #[test]
    fn status_says_whether_it_lives_and_is_wanted() {
        for (status, live, needed) in [
            ("initiating", true, true),
            ("recording", true, true),
            ("stopping", true, false),
            ("ended", false, false),
            ("unheard", false, false),
        ] {
            let status = Status::from(status);
            assert_eq!((is_live(&status), is_wanted(&status)), (live, needed));
        }
    }
}
