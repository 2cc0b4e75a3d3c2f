//! The bulk route of the HTTP API.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, StatusCode, header};
use serde::{Deserialize, Serialize};
use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::{NewTarget, NewTargetsReply};

use crate::person::plain;
use crate::retry::{Failure, Recipient};

/// Longest time that an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// The API at an address, with a token.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    base: String,
    token: String,
}

impl Http {
    /// At `base`, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(client: Client, base: &str, token: &str) -> Self {
        Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        }
    }
}

#[derive(Serialize)]
struct Body<'p> {
    targets: &'p [NewTarget],
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reason {
    code: String,
    message: String,
    field: String,
}

impl Recipient for Http {
    async fn add(&self, list: OutdialId, people: &[NewTarget]) -> Result<NewTargetsReply, Failure> {
        let body = serde_json::to_vec(&Body { targets: people })
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let url = format!("{}/v1/outdials/{list}/targets/bulk", self.base);
        let request = self
            .client
            .post(url)
            .timeout(ANSWER)
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body));
        let answer = request.send().await.map_err(lost)?;
        let (status, after) = (answer.status(), pause(answer.headers()));
        let text = answer.bytes().await.map_err(lost)?;
        if status.is_success() {
            return serde_json::from_slice(&text)
                .map_err(|error| Failure::Refused(format!("the answer cannot be read: {error}")));
        }
        Err(refused(status, after, &text))
    }
}

fn lost(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    Failure::Again {
        after: None,
        why: format!("{error}{}", cause.unwrap_or_default()),
    }
}

fn pause(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn refused(status: StatusCode, after: Option<Duration>, body: &[u8]) -> Failure {
    let Reason {
        code,
        message,
        field,
    } = serde_json::from_slice::<Refusal>(body)
        .unwrap_or_default()
        .error;
    let why = match message.as_str() {
        "" => format!("the API answered {status}"),
        message => format!("{message} [{code}]"),
    };
    match status.as_u16() {
        408 | 429 | 500 | 502..=504 => Failure::Again { after, why },
        400 => match element(&field) {
            Some((at, part)) => Failure::One {
                at,
                why: format!("{}: {message}", plain(part)),
            },
            None => Failure::Refused(why),
        },
        _ => Failure::Refused(why),
    }
}

/// Which of the people, and which part of him: `targets[17].destination_0`.
fn element(field: &str) -> Option<(usize, &str)> {
    let (at, part) = field.strip_prefix("targets[")?.split_once(']')?;
    Some((at.parse().ok()?, part.trim_start_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_repeated_or_not() {
        let body = |code: &str, field: &str| {
            format!(r#"{{"error":{{"code":"{code}","message":"no","field":"{field}"}}}}"#)
        };
        let again = |why: &str| Failure::Again {
            after: None,
            why: why.to_owned(),
        };
        let one = Failure::One {
            at: 17,
            why: "number2: no".to_owned(),
        };
        let no = |why: &str| Failure::Refused(why.to_owned());
        let cases = [
            (429, body("RATE", ""), again("no [RATE]")),
            (
                503,
                String::new(),
                again("the API answered 503 Service Unavailable"),
            ),
            (504, body("TIMEOUT", ""), again("no [TIMEOUT]")),
            (
                400,
                body("INVALID_ARGUMENT", "targets[17].destination_1"),
                one,
            ),
            (
                400,
                body("INVALID_ARGUMENT", "targets"),
                no("no [INVALID_ARGUMENT]"),
            ),
            (401, body("UNAUTHENTICATED", ""), no("no [UNAUTHENTICATED]")),
            (404, body("NOT_FOUND", ""), no("no [NOT_FOUND]")),
            (413, body("BODY_TOO_LARGE", ""), no("no [BODY_TOO_LARGE]")),
        ];
        for (status, body, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refused(status, None, body.as_bytes()), expected, "{body}");
        }
    }
}
