//! `play`: files, URLs or names of Asterisk's own sounds, one after the other.

use serde::Deserialize;
use trunkline_model::Action;

use super::{Step, option, skip};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    stream_urls: Vec<String>,
}

pub(super) fn step(action: &Action) -> Step {
    let options: Options = match option(action) {
        Ok(options) => options,
        Err(because) => return skip(because),
    };
    if options.stream_urls.is_empty() {
        return skip("`play` has no stream_urls".to_owned());
    }
    match media_uris(&options.stream_urls) {
        Some(media) => Step::Play { media },
        None => skip("`play` takes http(s) URLs, absolute paths and names of sounds".to_owned()),
    }
}

/// The media URIs of what is to be played; none when Asterisk would start one of
/// them and never finish it.
#[must_use]
pub fn media_uris(urls: &[String]) -> Option<Vec<String>> {
    urls.iter().map(|url| media_uri(url)).collect()
}

/// The media URI for Asterisk. A scheme that Asterisk does not know would be
/// started and never finished, so only known ones pass.
fn media_uri(url: &str) -> Option<String> {
    let name = url.strip_prefix("sound:").unwrap_or(url);
    if name.is_empty() {
        return None;
    }
    if name.starts_with("http://") || name.starts_with("https://") {
        return Some(format!("sound:{name}"));
    }
    if name.contains(':') {
        return None;
    }
    // Asterisk looks for a file by its name without the format.
    Some(format!("sound:{}", without_format(name)))
}

fn without_format(path: &str) -> &str {
    const FORMATS: [&str; 9] = [
        ".wav", ".wav16", ".ulaw", ".alaw", ".gsm", ".sln", ".sln16", ".g722", ".pcm",
    ];
    FORMATS
        .iter()
        .find_map(|format| path.strip_suffix(format))
        .unwrap_or(path)
}
