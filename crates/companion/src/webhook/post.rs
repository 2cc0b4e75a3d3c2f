//! One attempt: posting a body to a server that a customer named.

use trunkline_egress::{Client, Method, Redirects, Request};
use trunkline_model::Timestamp;
use trunkline_model::customer::Secret;
use trunkline_store::webhook_delivery::Delivery;

use super::Config;
use super::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

const JSON: &str = "application/json";

/// Why a server has not taken a webhook. Says nothing of the body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There was no answer, or the address may not be used.
    #[error(transparent)]
    Request(#[from] trunkline_egress::Error),
    /// The answer is not in the two hundreds.
    #[error("the server answered with status {0}")]
    Status(u16),
}

impl Failure {
    /// Whether trying again is of no use.
    pub(super) fn is_hopeless(&self) -> bool {
        match self {
            Self::Request(error) => error.is_permanent(),
            Self::Status(_) => false,
        }
    }
}

/// Posts webhooks.
pub(super) struct Poster {
    client: Client,
    config: Config,
}

impl Poster {
    pub(super) fn new(client: Client, config: &Config) -> Self {
        Self {
            client,
            config: config.clone(),
        }
    }

    /// Posts one body, signed when the customer has a secret. Redirects are not
    /// followed: they would take a signed body to a server that nobody named.
    pub(super) async fn post(
        &self,
        delivery: &Delivery,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let id = delivery.id.hyphenated().to_string();
        let seconds = now.as_micros().div_euclid(1_000_000);
        let mut headers = vec![
            (ID_HEADER, id.clone()),
            (TIMESTAMP_HEADER, seconds.to_string()),
        ];
        if !secret.0.is_empty() {
            let signature = sign(secret, &id, seconds, &delivery.body);
            headers.push((SIGNATURE_HEADER, signature));
        }
        let answer = self
            .client
            .send(Request {
                method: method(&delivery.method),
                address: delivery.uri.clone(),
                content_type: content_type(&delivery.data_type).to_owned(),
                headers,
                body: delivery.body.clone().into(),
                timeout: self.config.timeout(),
                max_answer_bytes: 0,
                redirects: Redirects::Refuse,
            })
            .await?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(Failure::Status(status)),
        }
    }
}

/// A customer that names no method, or none of HTTP's, gets POST.
fn method(text: &str) -> Method {
    match text {
        "PUT" => Method::PUT,
        "GET" => Method::GET,
        "DELETE" => Method::DELETE,
        "PATCH" => Method::PATCH,
        _ => Method::POST,
    }
}

/// What is no media type is sent as JSON: a text with a line break would be a
/// header of its own.
fn content_type(data_type: &str) -> &str {
    let good = data_type.contains('/')
        && data_type
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if good { data_type } else { JSON }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_media_type_is_sent_as_one() {
        for (given, sent) in [
            ("", JSON),
            ("application/json", JSON),
            ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
            ("text", JSON),
            ("text/plain\r\nx-evil: 1", JSON),
            ("text/pläin", JSON),
        ] {
            assert_eq!(content_type(given), sent, "{given:?}");
        }
    }
}
