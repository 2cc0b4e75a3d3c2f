//! The HTTP API as the commands use it, and what to do when it says no.

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use trunkline_node::Environment;

/// Where the API of a program with default options is.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Variable that holds the address.
const URL: &str = "TRUNKLINE_URL";

/// Variable that holds the token.
const TOKEN: &str = "TRUNKLINE_TOKEN";

/// Which API, and who asks.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// Address of the HTTP API [variable: TRUNKLINE_URL] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,

    /// Token of the HTTP API; better kept in the variable, which other users of this
    /// machine do not see [variable: TRUNKLINE_TOKEN]
    #[arg(long, value_name = "TOKEN", global = true)]
    token: Option<String>,

    /// Prints the API's JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A connection to the API.
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
    token: String,
}

impl Api {
    /// Takes address and token from the flags, else from the variables.
    pub(crate) fn new(args: &ApiArgs, environment: &Environment) -> Result<Self> {
        let given = |flag: &Option<String>, variable| {
            let flag = flag.as_deref().filter(|text| !text.is_empty());
            flag.or_else(|| environment.get(variable))
                .map(str::to_owned)
        };
        let Some(token) = given(&args.token, TOKEN) else {
            bail!(
                "a token of the API is wanted: set the variable {TOKEN}, or give --token; \
                 the first start of `trunkline serve` shows one"
            );
        };
        let text = given(&args.url, URL).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let base: Url = text
            .parse()
            .with_context(|| format!("`{text}` is no address such as {DEFAULT_URL}"))?;
        let mut http = reqwest::Client::builder();
        if is_this_machine(&base) {
            // A proxy of the network has no way to this machine's own ports.
            http = http.no_proxy();
        }
        let http = http.build().context("no HTTP client can be made")?;
        Ok(Self { http, base, token })
    }

    /// Sends a request without a body and returns the answer's JSON.
    pub(crate) async fn send(&self, method: Method, path: &str) -> Result<Value> {
        let url = self.base.join(path)?;
        let request = self.http.request(method, url).bearer_auth(&self.token);
        let answer = request.send().await.map_err(|error| self.away(error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.away(error))?;
        if status.is_success() {
            let base = &self.base;
            return serde_json::from_str(&text)
                .with_context(|| format!("what answers at {base} is no Trunkline"));
        }
        Err(self.refused(status, &text))
    }

    fn away(&self, error: reqwest::Error) -> anyhow::Error {
        let what = format!(
            "cannot reach the API at {}; does `trunkline serve` run there? --url or {URL} names another address",
            self.base
        );
        anyhow::Error::from(error.without_url()).context(what)
    }

    /// What the API says, and what to do about it.
    fn refused(&self, status: StatusCode, text: &str) -> anyhow::Error {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let said = body.pointer("/error/message").and_then(Value::as_str);
        let said = said.map_or_else(|| format!("it answered {status}"), str::to_owned);
        match status {
            StatusCode::UNAUTHORIZED => anyhow!(
                "the API at {} does not take the token: {said}; set {TOKEN} to one that `trunkline serve` has shown",
                self.base
            ),
            _ => anyhow!("the API refuses it: {said}"),
        }
    }
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
