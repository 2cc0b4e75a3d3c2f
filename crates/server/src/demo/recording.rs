//! The recording of a call: fetched over HTTP, and listened to.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use trunkline_rig::{Api, Sound, tone_of};

use super::example::Heard;

/// How long a recording may take from the end of its call until it can be fetched.
const PATIENCE: Duration = Duration::from_secs(30);

/// Decibels below the loudest there is, under which nobody is heard: a line of
/// G.711 that carries silence has less.
const SILENCE: f64 = -60.0;

/// How much of what is heard of a callee with a tone of his own is that tone, at
/// least: the rest is the key, and whoever else would be heard.
const OWN_VOICE: f64 = 0.5;

/// Both directions of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Recording {
    /// What the person said, and what he heard.
    sounds: Option<(Sound, Sound)>,
}

impl Recording {
    /// Waits until it is there and fetches it.
    ///
    /// # Errors
    ///
    /// When it is not there in time, or is no WAV file.
    pub(super) async fn fetch(api: &Api, id: &str) -> Result<Self> {
        let path = format!("/v1/recordings/{id}");
        // Its file is fetched from Asterisk after its end.
        let ready = async |api: &Api| {
            let (status, recording) = api.send("GET", &path, &Value::Null).await?;
            if status != 200 || recording["status"] != "ended" {
                return Ok(false);
            }
            Ok(api.file(&format!("{path}/file?channel=out")).await.is_ok()
                && api.file(&format!("{path}/file?channel=in")).await.is_ok())
        };
        let what = format!("recording {id} can be fetched");
        api.until(PATIENCE, &what, ready).await?;
        let sound = async |direction: &str| {
            let file = api
                .file(&format!("{path}/file?channel={direction}"))
                .await?;
            Sound::parse(&file).with_context(|| format!("recording {id}, {direction}"))
        };
        let sounds = Some((sound("in").await?, sound("out").await?));
        Ok(Self { sounds })
    }

    pub(super) fn is_there(&self) -> bool {
        self.sounds.is_some()
    }

    pub(super) fn seconds(&self) -> f64 {
        self.sounds.as_ref().map_or(0.0, |(said, _)| said.seconds())
    }

    /// Its length, and how loud the person is.
    pub(super) fn describe(&self) -> String {
        match &self.sounds {
            None => "-".to_owned(),
            Some((said, _)) if said.loudness() < SILENCE => {
                format!("{:.1} s, silent", said.seconds())
            }
            Some((said, _)) => format!("{:.1} s, {:.0} dB", said.seconds(), said.loudness()),
        }
    }

    /// Why it is not what was expected; nothing when it is. Who presses `digits` is
    /// known by his voice.
    pub(super) fn problem(&self, expected: Heard, digits: &str) -> Option<String> {
        let Some((said, played)) = &self.sounds else {
            return match expected {
                Heard::None | Heard::Any => None,
                Heard::Speaks | Heard::Silent => Some("there is no recording".to_owned()),
            };
        };
        let speaks = said.loudness() >= SILENCE;
        match expected {
            Heard::None => Some("there is a recording".to_owned()),
            Heard::Any => None,
            Heard::Speaks if !speaks => Some("the person is not heard".to_owned()),
            Heard::Speaks if !is_own_voice(said, digits) => {
                Some("somebody else is heard".to_owned())
            }
            Heard::Silent if speaks => Some("the person is heard".to_owned()),
            Heard::Speaks | Heard::Silent if played.loudness() < SILENCE => {
                Some("what was played is not heard".to_owned())
            }
            Heard::Speaks | Heard::Silent => None,
        }
    }
}

/// Callees that press a key speak with its tone (`asterisk/callees/README.md`).
fn is_own_voice(said: &Sound, digits: &str) -> bool {
    let digit = digits.chars().next().and_then(|key| key.to_digit(10));
    digit.is_none_or(|digit| said.share_of(tone_of(digit)) > OWN_VOICE)
}
