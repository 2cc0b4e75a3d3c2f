//! From a text to a file: kept already, being made, or made now.
//!
//! ```text
//! text ─ checked ─ kept? ─ being made? ─ its turn ─ engine ─ 8 kHz ─ kept
//! ```
//!
//! The same text asked for twice at once is spoken once. Whoever asks may give up;
//! the sound is made all the same, for the next one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use trunkline_egress::Client;
use trunkline_media::wav::Sound;
use trunkline_media::{Folder, MediaFolder, Name};
use trunkline_model::speech::SpeechRequest;

use super::cache::Cache;
use super::command::{self, Job};
use super::config::Config;
use super::failure::Failure;
use super::metrics::Metrics;
use super::{remote, voice};

/// The beginning of a text that is SSML.
const SSML: &str = "<speak";
/// Bytes of the hash that names a sound: 40 digits.
const NAME_BYTES: usize = 20;

/// A text that may be spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) text: String,
    pub(super) language: String,
    pub(super) voice_id: String,
    pub(super) provider: String,
}

impl Wanted {
    /// Checks what was asked for.
    pub(super) fn of(asked: SpeechRequest, config: &Config) -> Result<Self, Failure> {
        let refuse = |why: &str| Err(Failure::Asked(why.to_owned()));
        // What cannot be seen cannot be spoken.
        let text: String = asked
            .text
            .chars()
            .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
            .collect();
        let text = text.trim().to_owned();
        if text.is_empty() {
            return refuse("The text is empty.");
        }
        let length = text.chars().count();
        if length > config.max_text_chars {
            return Err(Failure::Asked(format!(
                "The text has {length} characters; {} are allowed (option `tts.max_text_chars`).",
                config.max_text_chars
            )));
        }
        if !asked.language.is_empty() && !voice::is_plain(&asked.language.replace('_', "-")) {
            return refuse("The language is a word such as en-US.");
        }
        if !asked.voice_id.is_empty() && !voice::is_plain(&asked.voice_id) {
            return refuse("The voice is a word of letters, digits and `_ + -`.");
        }
        if asked.provider.len() > 64 || asked.provider.chars().any(char::is_control) {
            return refuse("The provider is a word of at most 64 characters.");
        }
        Ok(Self {
            text,
            language: asked.language,
            voice_id: asked.voice_id,
            provider: asked.provider,
        })
    }
}

type Flight = Shared<BoxFuture<'static, Result<(), Failure>>>;

/// Speaks.
pub(super) struct Speaker {
    config: Config,
    cache: Arc<Cache>,
    client: Client,
    metrics: Metrics,
    turns: Semaphore,
    flights: Mutex<HashMap<Name, Flight>>,
    /// What everything about the engine comes to: another engine speaks otherwise.
    engine: String,
    tasks: TaskTracker,
}

impl Speaker {
    pub(super) fn new(config: Config, folder: MediaFolder, metrics: Metrics) -> Arc<Self> {
        let engine = format!(
            "{:?} {:?} {} {:?} {}",
            config.command, config.ssml_arguments, config.url, config.voices, config.fallback_voice
        );
        Arc::new(Self {
            cache: Arc::new(Cache::new(folder, config.cache_max_bytes)),
            client: remote::client(),
            turns: Semaphore::new(config.concurrent.max(1)),
            flights: Mutex::default(),
            tasks: TaskTracker::new(),
            engine,
            metrics,
            config,
        })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The file with the sound of a text.
    pub(super) async fn speak(self: &Arc<Self>, wanted: Wanted) -> Result<Name, Failure> {
        let name = self.name(&wanted)?;
        let (cache, looked_for) = (Arc::clone(&self.cache), name.clone());
        if aside(move || cache.has(&looked_for)).await? {
            self.metrics.kept.inc();
            return Ok(name);
        }
        self.flight(&name, wanted)?.await?;
        Ok(name)
    }

    /// Waits for what is being spoken.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Speaks without keeping it, to see whether the engine is there.
    pub(super) async fn try_engine(&self) -> Result<(), Failure> {
        let wanted = Wanted {
            text: "1".to_owned(),
            language: String::new(),
            voice_id: String::new(),
            provider: String::new(),
        };
        let deadline = Instant::now() + self.config.timeout();
        let wav = self.sound(&wanted, deadline).await?;
        Sound::read(&wav)?;
        Ok(())
    }

    fn name(&self, wanted: &Wanted) -> Result<Name, Failure> {
        let Wanted {
            text,
            language,
            voice_id,
            provider,
        } = wanted;
        let mut hash = Sha256::new();
        for piece in [&self.engine, text, language, voice_id, provider] {
            hash.update((piece.len() as u64).to_le_bytes());
            hash.update(piece.as_bytes());
        }
        let digits: String = hash.finalize()[..NAME_BYTES]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Name::new(Folder::Speech, &format!("{digits}.wav"))?)
    }

    /// Whoever is making it, or a new one.
    fn flight(self: &Arc<Self>, name: &Name, wanted: Wanted) -> Result<Flight, Failure> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(name) {
            return Ok(flight.clone());
        }
        if self.tasks.is_closed() {
            return Err(Failure::Stopping);
        }
        if flights.len() >= self.config.max_waiting {
            self.metrics.failed("SPEECH_BUSY");
            return Err(Failure::Busy);
        }
        let (speaker, own) = (Arc::clone(self), name.clone());
        let task = self.tasks.spawn(async move {
            let made = speaker.make(&own, &wanted).await;
            speaker.flights().remove(&own);
            made
        });
        let flight = task.map(|made| made.unwrap_or(Err(Failure::Stopping)));
        let flight = flight.boxed().shared();
        flights.insert(name.clone(), flight.clone());
        Ok(flight)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Name, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make(&self, name: &Name, wanted: &Wanted) -> Result<(), Failure> {
        let started = Instant::now();
        let made = self.make_counted(name, wanted, started).await;
        match &made {
            Ok(()) => self.metrics.spoken(started.elapsed()),
            Err(failure) => {
                self.metrics.failed(failure.label());
                tracing::warn!(language = wanted.language, voice_id = wanted.voice_id, error = %failure, "a text was not spoken");
            }
        }
        made
    }

    async fn make_counted(
        &self,
        name: &Name,
        wanted: &Wanted,
        started: Instant,
    ) -> Result<(), Failure> {
        let deadline = started + self.config.timeout();
        let turn = timeout_at(deadline, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Failure::Busy);
        };
        // Whoever made it may have been done just before this one began.
        let (cache, name) = (Arc::clone(&self.cache), name.clone());
        let (looks, looked_for) = (Arc::clone(&cache), name.clone());
        if aside(move || looks.has(&looked_for)).await? {
            return Ok(());
        }
        let wav = self.sound(wanted, deadline).await?;
        aside(move || {
            let sound = Sound::read(&wav)?.for_asterisk();
            cache.keep(&name, &sound.write())
        })
        .await
    }

    /// What the engine gives.
    async fn sound(&self, wanted: &Wanted, deadline: Instant) -> Result<Vec<u8>, Failure> {
        if !self.config.url.is_empty() {
            return remote::speak(&self.client, &self.config, wanted, deadline).await;
        }
        let voices = voice::candidates(&self.config, &wanted.voice_id, &wanted.language);
        let mut first = None;
        for voice in &voices {
            let job = Job {
                text: &wanted.text,
                is_ssml: wanted.text.starts_with(SSML),
                language: &wanted.language,
                voice,
            };
            match command::speak(&self.config, self.cache.folder(), &job, deadline).await {
                Ok(wav) => {
                    if let Some(failure) = &first {
                        tracing::info!(language = wanted.language, voice, error = %failure, "another voice speaks than the one that was meant");
                    }
                    return Ok(wav);
                }
                Err(failure) if failure.may_be_the_voice() => {
                    first.get_or_insert(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(first.unwrap_or(Failure::Stopping))
    }
}

/// Work that blocks, off the runtime's threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(Failure::Stopping))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> SpeechRequest {
        SpeechRequest {
            text: text.to_owned(),
            language: "en-US".to_owned(),
            ..SpeechRequest::default()
        }
    }

    #[test]
    fn what_cannot_be_spoken_is_refused_with_its_reason() {
        let config = Config::default();
        let long = "a".repeat(config.max_text_chars + 1);
        let with = |change: fn(&mut SpeechRequest)| {
            let mut asked = asked("Hello.");
            change(&mut asked);
            asked
        };
        for (request, word) in [
            (asked(""), "empty"),
            (asked(" \u{7}\n\t"), "empty"),
            (asked(&long), "max_text_chars"),
            (with(|it| it.language = "--path".to_owned()), "language"),
            (with(|it| it.language = "../../x".to_owned()), "language"),
            (with(|it| it.voice_id = "-w".to_owned()), "voice"),
            (with(|it| it.voice_id = "a/b".to_owned()), "voice"),
            (with(|it| it.provider = "x".repeat(65)), "provider"),
        ] {
            let refused = Wanted::of(request, &config).unwrap_err().to_string();
            assert!(refused.contains(word), "{refused}");
        }
        let wanted = Wanted::of(asked("-w /etc/passwd\0\u{1b}[1m"), &config).unwrap();
        assert_eq!(wanted.text, "-w /etc/passwd  [1m");
    }

    #[test]
    fn a_sound_is_named_after_everything_that_it_depends_on() {
        let root = tempfile::tempdir().unwrap();
        let folder = MediaFolder::open(root.path(), 0).unwrap();
        let speaker = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            Speaker::new(config, folder.clone(), Metrics::default())
        };
        let wanted = |change: fn(&mut SpeechRequest)| {
            let mut asked = asked("Hello.");
            change(&mut asked);
            Wanted::of(asked, &Config::default()).unwrap()
        };
        let same = wanted(|_| {});
        let first = speaker(|_| {}).name(&same).unwrap();
        assert_eq!(first.file().len(), 44);
        assert_eq!(speaker(|_| {}).name(&same).unwrap(), first);
        for other in [
            wanted(|it| it.text.push('!')),
            wanted(|it| it.language = "en-GB".to_owned()),
            wanted(|it| it.voice_id = "f3".to_owned()),
            wanted(|it| it.provider = "p".to_owned()),
        ] {
            assert_ne!(speaker(|_| {}).name(&other).unwrap(), first);
        }
        for other in [
            speaker(|it| it.url = "http://x".to_owned()),
            speaker(|it| it.command.push("-s".to_owned())),
            speaker(|it| it.fallback_voice = "de".to_owned()),
        ] {
            assert_ne!(other.name(&same).unwrap(), first);
        }
    }
}
