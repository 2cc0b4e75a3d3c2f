//! A file as an answer: ranges, conditions, and a body that is read while it is
//! sent (RFC 9110 §13–14).

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use trunkline_media::{Entry, Folder, MediaFolder};

use crate::api_error::ApiError;

/// Bytes that are read at once.
const PIECE: u64 = 64 << 10;

/// A file that is there, and how it is answered.
pub(crate) struct Served<'a> {
    pub(crate) entry: Entry,
    /// Value of `Cache-Control`.
    pub(crate) cache: String,
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    /// One of the downloads that may run at the same time.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Answers with the file, or the part of it that is wanted.
pub(crate) async fn serve(folder: &MediaFolder, served: Served<'_>) -> Result<Response, ApiError> {
    let Served {
        entry,
        cache,
        method,
        headers,
        permit,
    } = served;
    let (size, tag) = (entry.bytes, tag(&entry));
    let common = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, cache),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|tags| matches(tags, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let may_be_part = text(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let wanted = text(header::RANGE).filter(|_| may_be_part);
    let (status, part) = match wanted.map_or(Wanted::Whole, |range| parse(range, size)) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => {
            let message = format!("the file has {size} bytes; the range is outside of it");
            let error = ApiError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "RANGE_NOT_SATISFIABLE",
                message,
            );
            let range = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((range, error.into_response()).into_response());
        }
    };
    let length = part.end - part.start;
    let mut own = vec![
        (
            header::CONTENT_TYPE,
            content_type(entry.name.file()).to_owned(),
        ),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        own.push((header::CONTENT_RANGE, range));
    }
    if entry.name.folder() == Folder::Recording {
        let disposition = format!("attachment; filename=\"{}\"", entry.name.file());
        own.push((header::CONTENT_DISPOSITION, disposition));
    }
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let path = folder.path(&entry.name);
        let start = part.start;
        let opened = tokio::task::spawn_blocking(move || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(start))?;
            Ok::<_, std::io::Error>(file)
        });
        let opened = opened.await.map_err(std::io::Error::other);
        let file = opened.and_then(|file| file).map_err(|error| gone(&error))?;
        body(file, length, permit)
    };
    let mut response = (status, common, body).into_response();
    for (name, value) in own {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// It was there a moment ago.
fn gone(error: &std::io::Error) -> ApiError {
    tracing::debug!(%error, "a file cannot be opened");
    ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such file")
}

/// What is spoken is named after its content; anything else by size and time.
fn tag(entry: &Entry) -> String {
    match entry.name.folder() {
        Folder::Speech => format!("\"{}\"", entry.name.file()),
        Folder::Recording => {
            let written = entry.used.duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("\"{:x}-{:x}\"", entry.bytes, written.as_micros())
        }
    }
}

fn matches(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .map(|one| one.trim())
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

fn content_type(file: &str) -> &'static str {
    if file.ends_with(".wav") {
        "audio/wav"
    } else {
        "application/octet-stream"
    }
}

/// What of a file is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A range that is outside of it.
    Nothing,
}

/// One range; whatever else is asked for gets the whole file, as RFC 9110 allows.
fn parse(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Wanted::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(last)) if first.is_empty() => size.saturating_sub(last)..size,
        _ => return Wanted::Whole,
    };
    if part.start >= part.end {
        return Wanted::Nothing;
    }
    Wanted::Part(part)
}

/// Reads a piece when the one before was taken.
fn body(file: File, length: u64, permit: OwnedSemaphorePermit) -> Body {
    let pieces = stream::unfold(Some((file, length)), move |state| {
        let _held = &permit;
        async move {
            let (file, left) = state.filter(|(_, left)| *left > 0)?;
            let read = tokio::task::spawn_blocking(move || read(file, left)).await;
            match read.map_err(std::io::Error::other).and_then(|read| read) {
                Ok((file, piece)) => {
                    let left = left - piece.len() as u64;
                    Some((Ok(piece), Some((file, left))))
                }
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    Body::from_stream(pieces)
}

fn read(mut file: File, left: u64) -> std::io::Result<(File, Bytes)> {
    let mut piece = Vec::new();
    let wanted = left.min(PIECE);
    (&mut file).take(wanted).read_to_end(&mut piece)?;
    if piece.is_empty() {
        // Its length was promised.
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok((file, piece.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_understood() {
        for (range, wanted) in [
            ("bytes=0-99", Wanted::Part(0..100)),
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=40-", Wanted::Part(40..100)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("pages=1-2", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(parse(range, 100), wanted, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn a_tag_is_found_among_others() {
        assert!(matches("\"a\", W/\"b\"", "\"b\"") && matches("*", "\"x\""));
        assert!(!matches("\"a\"", "\"b\"") && !matches("", "\"b\""));
    }
}
