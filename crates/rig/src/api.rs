//! A client of Trunkline's HTTP API, as an operator's script would be.

use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Requests with one bearer token.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// For the API at `base`, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.into(),
            token: token.into(),
        }
    }

    /// Where the API is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a request with a body (none for `null`) and returns status and
    /// answer, whatever they are.
    ///
    /// # Errors
    ///
    /// When there is no answer, or it is not JSON.
    pub async fn send(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let (status, value) = self
            .raw(
                method.parse()?,
                path,
                Some(body).filter(|body| !body.is_null()),
            )
            .await?;
        Ok((status.as_u16(), value))
    }

    async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("failed to reach {}{path}", self.base))?;
        let status = answer.status();
        let text = answer.text().await?;
        let value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text)?
        };
        Ok((status, value))
    }

    async fn done(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, value) = self.raw(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path} was answered with {status}: {value}");
        }
        Ok(value)
    }

    /// Reads a resource.
    ///
    /// # Errors
    ///
    /// When it is not answered with success.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.done(Method::GET, path, None).await
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it is not answered with success.
    pub async fn file(&self, path: &str) -> Result<Vec<u8>> {
        let request = self.http.get(format!("{}{path}", self.base));
        let answer = request.bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&bytes);
            bail!("GET {path} was answered with {status}: {text}");
        }
        Ok(bytes.into())
    }

    /// Reads a list to its end, page by page.
    ///
    /// # Errors
    ///
    /// When a page is not answered with success.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self
                .get(&format!("{path}{joint}page_size=1000&page_token={token}"))
                .await?;
            let rows = page["result"].as_array().cloned().unwrap_or_default();
            let next = page["next_page_token"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            all.extend(rows);
            if next.is_empty() {
                return Ok(all);
            }
            token = next;
        }
    }

    /// Creates or does something.
    ///
    /// # Errors
    ///
    /// When it is not answered with success.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.done(Method::POST, path, Some(body)).await
    }

    /// Changes something.
    ///
    /// # Errors
    ///
    /// When it is not answered with success.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.done(Method::PUT, path, Some(body)).await
    }

    /// Deletes something.
    ///
    /// # Errors
    ///
    /// When it is not answered with success.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.done(Method::DELETE, path, None).await
    }
}
