//! Which voice speaks a language: the engine's names are not the languages'.

use super::config::Config;

/// Longest name of a language or a voice.
const LONGEST: usize = 64;

/// Whether it may stand among an engine's arguments: a plain word, so that it is
/// neither an option nor a path.
pub(super) fn is_plain(word: &str) -> bool {
    word.len() <= LONGEST
        && word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
}

/// The voices to be tried, in this order: the one that was asked for, the one of
/// the language, the one of the language without its country, the fallback.
pub(super) fn candidates(config: &Config, voice_id: &str, language: &str) -> Vec<String> {
    let mut voices: Vec<String> = Vec::new();
    let mut add = |voice: String| {
        if !voice.is_empty() && !voices.contains(&voice) {
            voices.push(voice);
        }
    };
    let configured = |word: &str| config.voices.get(word).cloned();
    add(configured(voice_id).unwrap_or_else(|| voice_id.to_owned()));
    let language = language.replace('_', "-");
    let own = configured(&language);
    add(own.unwrap_or_else(|| language.to_ascii_lowercase()));
    if let Some((main, _)) = language.split_once('-') {
        add(configured(main).unwrap_or_else(|| main.to_ascii_lowercase()));
    }
    add(config.fallback_voice.clone());
    voices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_found_for_every_language() {
        let mut config = Config::default();
        let voices = [("sv-SE", "mb-sw1"), ("nb", "no")];
        config.voices = voices
            .map(|(language, voice)| (language.to_owned(), voice.to_owned()))
            .into();
        for (voice_id, language, expected) in [
            ("", "en-US", vec!["en-us", "en"]),
            ("", "de_DE", vec!["de-de", "de", "en-us"]),
            ("", "sv-SE", vec!["mb-sw1", "sv", "en-us"]),
            ("", "nb-NO", vec!["nb-no", "no", "en-us"]),
            ("en-us+f3", "en-US", vec!["en-us+f3", "en-us", "en"]),
            ("", "", vec!["en-us"]),
        ] {
            assert_eq!(candidates(&config, voice_id, language), expected);
        }
    }

    #[test]
    fn a_voice_is_a_plain_word() {
        for word in ["en-us", "en-us+f3", "mb_de1", "de"] {
            assert!(is_plain(word), "{word}");
        }
        let long = "a".repeat(65);
        for word in [
            "",
            "-w",
            "--path=/tmp",
            "../de",
            "/etc/passwd",
            "a b",
            "de;x",
            &long,
        ] {
            assert!(!is_plain(word), "{word}");
        }
    }
}
