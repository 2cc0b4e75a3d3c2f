//! One attempt: posting a body to a customer's server.

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use trunkline_model::Timestamp;
use trunkline_model::customer::Secret;
use trunkline_store::webhook_delivery::Delivery;

use super::Config;
use super::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// Why a server has not taken a webhook. Says nothing of the body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The address cannot be used.
    #[error("`{0}` is not an http or https address")]
    Address(String),
    /// There was no answer.
    #[error("the server did not answer: {0}")]
    Request(#[from] reqwest::Error),
    /// The answer is not in the two hundreds.
    #[error("the server answered with status {0}")]
    Status(u16),
}

/// Posts webhooks.
pub(super) struct Poster {
    client: Client,
}

impl Poster {
    /// Redirects are not followed: they would take a signed body to a server
    /// that nobody named. Nor are proxies taken from the environment, which is
    /// not read here.
    pub(super) fn new(config: &Config) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(config.timeout())
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// Posts one body, signed when the customer has a secret.
    pub(super) async fn post(
        &self,
        delivery: &Delivery,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let address = Url::parse(&delivery.uri)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(address) = address else {
            return Err(Failure::Address(delivery.uri.clone()));
        };
        let id = delivery.id.hyphenated().to_string();
        let seconds = now.as_micros().div_euclid(1_000_000);
        let mut request = self
            .client
            .request(method(&delivery.method), address)
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, &id)
            .header(TIMESTAMP_HEADER, seconds)
            .body(delivery.body.clone());
        if !secret.0.is_empty() {
            request = request.header(SIGNATURE_HEADER, sign(secret, &id, seconds, &delivery.body));
        }
        // The error's own text names the whole address, which may hold a token.
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(Failure::Status(answer.status().as_u16()))
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
