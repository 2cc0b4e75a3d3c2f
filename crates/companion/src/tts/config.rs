//! Which engine speaks, and what it may cost.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Stands for the file that holds the text.
pub(super) const TEXT: &str = "{text}";
/// Stands for the file that the engine is to write.
pub(super) const OUTPUT: &str = "{output}";

/// How texts become sounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Requests worked on at the same time.
    pub workers: usize,
    /// The engine as a program and its arguments; no shell reads them. `{text}` and
    /// `{output}` are files, `{voice}` and `{language}` words.
    pub command: Vec<String>,
    /// Further arguments when the text is SSML.
    pub ssml_arguments: Vec<String>,
    /// Variables of this process's environment that the engine gets.
    pub environment: Vec<String>,
    /// The engine as a server that takes JSON and answers with a WAV; empty for the
    /// command.
    pub url: String,
    /// The engine's voice for a language or a voice id, where it has another name.
    pub voices: BTreeMap<String, String>,
    /// The voice of the languages that the engine does not know.
    pub fallback_voice: String,
    /// Longest text, characters.
    pub max_text_chars: usize,
    /// Longest time for one text, the wait for its turn included, milliseconds.
    pub timeout_ms: u64,
    /// Texts that are spoken at the same time.
    pub concurrent: usize,
    /// Texts that are spoken or wait for their turn; further ones are refused.
    pub max_waiting: usize,
    /// Largest sound that an engine may give, bytes.
    pub max_output_bytes: u64,
    /// Size of all sounds that are kept, bytes.
    pub cache_max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            workers: 256,
            command: texts(&["espeak-ng", "-v", "{voice}", "-f", TEXT, "-w", OUTPUT]),
            ssml_arguments: texts(&["-m"]),
            environment: texts(&[
                "PATH",
                "HOME",
                "LANG",
                "LC_ALL",
                "TMPDIR",
                "ESPEAK_DATA_PATH",
                "TRUNKLINE_ASTERISK_DIR",
            ]),
            url: String::new(),
            voices: BTreeMap::new(),
            fallback_voice: "en-us".to_owned(),
            max_text_chars: 5_000,
            timeout_ms: 8_000,
            concurrent: 4,
            max_waiting: 256,
            max_output_bytes: 32 << 20,
            cache_max_bytes: 256 << 20,
        }
    }
}

impl Config {
    /// What is wrong with it: the option and why.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if self.url.is_empty() {
            let program = self.command.first().map_or("", String::as_str);
            if program.is_empty() {
                let why = "is empty; name a program, such as [\"espeak-ng\", \"-v\", \"{voice}\", \"-f\", \"{text}\", \"-w\", \"{output}\"]";
                return Some(("tts.command", why.to_owned()));
            }
            if program.contains('{') {
                let why = format!("begins with `{program}`; a program cannot be a placeholder");
                return Some(("tts.command", why));
            }
        } else if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            let why = "must begin with http:// or https://; leave it empty for `tts.command`";
            return Some(("tts.url", why.to_owned()));
        }
        if self.fallback_voice.is_empty() {
            return Some(("tts.fallback_voice", "is empty; such as en-us".to_owned()));
        }
        None
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}
