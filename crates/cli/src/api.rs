//! A client of the HTTP API: requests, pages, and what is sent again.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, Response, StatusCode, Url, header};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Refusal};
use crate::settings::DEFAULT_URL;

/// Longest time that connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time that an answer may take: the test of a trunk waits for a call.
const ANSWER: Duration = Duration::from_secs(120);

/// Pauses before what is sent again.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Longest pause that the API may ask for and that is waited for here.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Header under which a creation is done once, however often it arrives.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Most rows of one page.
const PAGE: usize = 100;

/// What an id may hold as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What may be done with a request whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Twice is like once: reading, and setting to a value.
    Free,
    /// It carries a key under which the API does it once.
    Keyed,
    /// Not at all.
    Never,
}

/// A connection to the API, with one token.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    base: Url,
    token: String,
}

/// Rows of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    pub rows: Vec<Value>,
    /// Whether there are more.
    pub more: bool,
}

impl Api {
    /// For the API at `url`.
    ///
    /// # Errors
    ///
    /// When the address is none.
    pub fn new(url: &str, token: &str) -> Result<Self, Error> {
        let none = || Error::usage(format!("`{url}` is no address such as {DEFAULT_URL}"));
        let base: Url = url.parse().map_err(|_| none())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(none());
        }
        let mut http = Client::builder()
            .connect_timeout(CONNECT)
            .user_agent(concat!("trunkline-cli/", env!("CARGO_PKG_VERSION")));
        if is_this_machine(&base) {
            // A proxy of the network has no way to this machine's own ports.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|source| Error::Away {
            base: base.to_string(),
            source,
        })?;
        Ok(Self {
            http,
            base,
            token: token.to_owned(),
        })
    }

    /// Where the API is.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The bulk route for people of lists.
    #[must_use]
    pub fn lists(&self) -> trunkline_lists::Http {
        trunkline_lists::Http::new(self.http.clone(), self.base.as_str(), &self.token)
    }

    /// Reads something.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(Method::GET, path, None, Repeat::Free).await
    }

    /// Creates something, once.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn create(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(Method::POST, path, Some(body), Repeat::Keyed)
            .await
    }

    /// Does something that must not be done twice.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn act(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(Method::POST, path, Some(body), Repeat::Never)
            .await
    }

    /// Sets something to a value.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(Method::PUT, path, Some(body), Repeat::Free).await
    }

    /// Removes something.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn delete(&self, path: &str) -> Result<Value, Error> {
        self.send(Method::DELETE, path, None, Repeat::Never).await
    }

    /// Reads a list, page by page, until it has `limit` rows (0: all).
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Rows, Error> {
        let mut all = Rows::default();
        let mut token = String::new();
        loop {
            let size = match limit {
                0 => PAGE,
                limit => PAGE.min(limit - all.rows.len()),
            };
            let size = size.to_string();
            let mut asked = query.to_vec();
            asked.extend([("page_size", size.as_str()), ("page_token", token.as_str())]);
            let page = self.get(&with_query(path, &asked)).await?;
            let rows = page["result"].as_array().cloned().unwrap_or_default();
            all.rows.extend(rows);
            let next = page["next_page_token"].as_str().unwrap_or_default();
            all.more = !next.is_empty();
            if !all.more || (limit > 0 && all.rows.len() >= limit) {
                return Ok(all);
            }
            next.clone_into(&mut token);
        }
    }

    /// Sends a request and returns the answer's JSON; null if it has none.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Value, Error> {
        let key = Uuid::new_v4().to_string();
        let mut pauses = PAUSES.into_iter();
        loop {
            let mut request = self.request(method.clone(), path)?.timeout(ANSWER);
            if let Some(body) = body {
                request = request.json(body);
            }
            if repeat == Repeat::Keyed {
                request = request.header(IDEMPOTENCY_KEY, &key);
            }
            let outcome = self.once(request).await;
            let again = match &outcome {
                Ok(_) => None,
                Err((Error::Broken { .. }, _)) if repeat != Repeat::Never => pauses.next(),
                Err((Error::Refused(refusal), asked)) if is_passing(refusal) => {
                    pauses.next().map(|pause| asked.unwrap_or(pause))
                }
                Err(_) => None,
            };
            match again.filter(|pause| *pause <= LONGEST_PAUSE) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return outcome.map_err(|(error, _)| error),
            }
        }
    }

    /// Opens an answer that is read as it comes, such as a file or events.
    ///
    /// # Errors
    ///
    /// When the API cannot be reached or refuses.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        let mut request = self.request(Method::GET, path)?;
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.map_err(|error| self.lost(error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (status, id) = (answer.status(), request_id(&answer));
        let text = answer.text().await.map_err(|error| self.lost(error))?;
        Err(Error::Refused(Refusal::read(status, &text, &id)))
    }

    fn request(&self, method: Method, path: &str) -> Result<reqwest::RequestBuilder, Error> {
        // The API may be below a path of a server in front of it.
        let base = self.base.as_str().trim_end_matches('/');
        let url: Url = format!("{base}{path}")
            .parse()
            .map_err(|_| Error::usage(format!("`{base}{path}` is no address")))?;
        Ok(self.http.request(method, url).bearer_auth(&self.token))
    }

    /// One try; with a refusal comes the pause that the API asks for.
    async fn once(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Value, (Error, Option<Duration>)> {
        let lost = |error| (self.lost(error), None);
        let answer = request.send().await.map_err(lost)?;
        let (status, id) = (answer.status(), request_id(&answer));
        let asked = answer.headers().get(header::RETRY_AFTER);
        let asked = asked
            .and_then(|seconds| seconds.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let text = answer.text().await.map_err(lost)?;
        if !status.is_success() {
            return Err((Error::Refused(Refusal::read(status, &text, &id)), asked));
        }
        if status == StatusCode::NO_CONTENT || text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| {
            let strange = Error::Strange {
                base: self.base.to_string(),
                detail: error.to_string(),
            };
            (strange, None)
        })
    }

    /// Why there is no answer.
    pub(crate) fn lost(&self, error: reqwest::Error) -> Error {
        let base = self.base.to_string();
        let never_left = error.is_connect() || error.is_builder();
        let source = error.without_url();
        if never_left {
            Error::Away { base, source }
        } else {
            Error::Broken { base, source }
        }
    }
}

/// Whether the same request may be let through in a moment: it was not carried out,
/// or it is being carried out under the same key.
fn is_passing(refusal: &Refusal) -> bool {
    matches!(
        refusal.code.as_str(),
        "RATE_LIMITED" | "TOO_MANY_REQUESTS_AT_ONCE" | "IDEMPOTENCY_IN_PROGRESS"
    )
}

fn request_id(answer: &Response) -> String {
    let id = answer.headers().get("x-request-id");
    id.and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// A path with one more piece, whatever was typed for it.
pub(crate) fn below(path: &str, id: &str) -> String {
    format!("{path}/{}", utf8_percent_encode(id, SEGMENT))
}

/// A path with a query; what is empty is left out.
pub(crate) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut all = path.to_owned();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        let joint = if all.contains('?') { '&' } else { '?' };
        all.push(joint);
        all.push_str(name);
        all.push('=');
        all.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    all
}

/// Whether the address is one of the loopback.
fn is_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stays_one_piece_of_the_path() {
        assert_eq!(below("/v1/calls", "a-1"), "/v1/calls/a-1");
        assert_eq!(
            below("/v1/calls", "../tokens?x=1"),
            "/v1/calls/..%2Ftokens%3Fx%3D1"
        );
        assert_eq!(
            with_query("/v1/calls", &[("a", ""), ("name", "x & y"), ("b", "2")]),
            "/v1/calls?name=x%20%26%20y&b=2"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_as_such() {
        for url in ["", "nonsense", "ftp://127.0.0.1", "127.0.0.1:8080"] {
            let error = Api::new(url, "tl_x").unwrap_err();
            assert_eq!(error.exit_status(), 2, "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn an_api_below_a_path_is_asked_there() {
        let api = Api::new("http://127.0.0.1:1/trunkline/", "tl_x").unwrap();
        let request = api.request(Method::GET, "/v1/calls").unwrap();
        assert_eq!(
            request.build().unwrap().url().as_str(),
            "http://127.0.0.1:1/trunkline/v1/calls"
        );
        let error = api.get("/v1/calls").await.unwrap_err();
        assert_eq!(error.exit_status(), 3);
    }
}
