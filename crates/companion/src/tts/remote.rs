//! An engine that is a server: a text as JSON there, a WAV back.

use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant;
use trunkline_egress::{Client, Error, Method, Redirects, Request};

use super::config::Config;
use super::failure::Failure;
use super::speaker::Wanted;

/// Makes the client. The operator names the address, so it may be any.
pub(super) fn client() -> Client {
    let everything = trunkline_egress::Config {
        allow: vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
        ..trunkline_egress::Config::default()
    };
    Client::new(&everything).unwrap_or_default()
}

/// Asks the server.
pub(super) async fn speak(
    client: &Client,
    config: &Config,
    wanted: &Wanted,
    deadline: Instant,
) -> Result<Vec<u8>, Failure> {
    #[derive(Serialize)]
    struct Body<'a> {
        text: &'a str,
        language: &'a str,
        voice_id: &'a str,
        provider: &'a str,
    }
    let body = Body {
        text: &wanted.text,
        language: &wanted.language,
        voice_id: config
            .voices
            .get(&wanted.voice_id)
            .unwrap_or(&wanted.voice_id),
        provider: &wanted.provider,
    };
    let body = serde_json::to_vec(&body).map_err(|error| Failure::Asked(error.to_string()))?;
    let request = Request {
        method: Method::POST,
        address: config.url.clone(),
        content_type: "application/json".to_owned(),
        headers: vec![("accept", "audio/wav".to_owned())],
        body: Bytes::from(body),
        timeout: deadline.saturating_duration_since(Instant::now()),
        max_answer_bytes: usize::try_from(config.max_output_bytes).unwrap_or(usize::MAX),
        redirects: Redirects::Refuse,
    };
    let answer = client.send(request).await.map_err(|error| {
        if matches!(error, Error::Timeout { .. }) {
            Failure::TimedOut(config.timeout_ms)
        } else if matches!(error, Error::TooLarge { .. }) {
            Failure::TooLarge(config.max_output_bytes)
        } else {
            Failure::Away(error.to_string())
        }
    })?;
    if answer.status == 200 {
        Ok(answer.body.to_vec())
    } else {
        Err(Failure::Status(answer.status))
    }
}
