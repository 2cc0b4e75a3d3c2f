//! One of the two: what it is asked, what it answers, what it tells.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;

use trunkline_rig::{Process, Tools, callers};

use super::normal;

/// How long anything may take; generous, because nothing is measured.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who calls from outside, and hangs up.
pub(super) enum Far {
    /// SIPp: scripts, a folder, and where Asterisk takes calls.
    Callers(Tools, PathBuf, String),
    /// The simulated Asterisk is told over HTTP.
    Simulated,
}

/// What was seen, in a form that can be compared.
pub(super) struct Seen {
    /// Each request with its answer, in order.
    pub(super) answers: Vec<String>,
    /// The events of each thing, in order.
    pub(super) events: BTreeMap<String, Vec<String>>,
}

pub(super) struct Side {
    http: reqwest::Client,
    url: String,
    account: (String, String),
    callees: String,
    far: Far,
    /// Callers that are still calling.
    calling: Vec<Process>,
    events: Arc<Mutex<Vec<Value>>>,
    count: watch::Receiver<usize>,
    answers: Vec<(String, String)>,
    /// Ids that Asterisk made, and what they are called here.
    names: Vec<(String, String)>,
}

impl Side {
    pub(super) async fn connect(url: &str, account: &str, callees: &str, far: Far) -> Result<Self> {
        let (user, password) = account.split_once(':').context("no account")?;
        let events = Arc::new(Mutex::new(Vec::new()));
        let count = listen(url, account, Arc::clone(&events)).await?;
        Ok(Self {
            // Asterisk remembers a duplicate on a connection: each request has its own.
            http: reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .build()?,
            url: url.to_owned(),
            account: (user.to_owned(), password.to_owned()),
            callees: callees.to_owned(),
            far,
            calling: Vec::new(),
            events,
            count,
            answers: Vec::new(),
            names: Vec::new(),
        })
    }

    /// The dial string of a callee.
    pub(super) fn callee(&self, number: &str) -> String {
        format!("pjsip/call-out/sip:{number}@{};transport=udp", self.callees)
    }

    /// The dial string of a call that comes back to the same Asterisk.
    pub(super) fn loop_to(&self, name: &str) -> String {
        let address = match &self.far {
            Far::Callers(_, _, address) => address.clone(),
            Far::Simulated => format!("{}:5060", Ipv4Addr::LOCALHOST),
        };
        format!("PJSIP/conf-join/sip:{name}@{address}")
    }

    /// Asks; the answer is remembered for the comparison.
    pub(super) async fn ask(&mut self, method: Method, path: &str, body: Value) -> Result<Value> {
        let (status, answer) = self.quietly(method.clone(), path, &body).await?;
        let asked = format!("{method} {path} {body}");
        self.answers.push((asked, format!("{status} {answer}")));
        Ok(answer)
    }

    /// Asks without remembering.
    pub(super) async fn quietly(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<(u16, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        request = request.basic_auth(&self.account.0, Some(&self.account.1));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&text).unwrap_or(Value::Null)))
    }

    /// Puts or gets an object of the dynamic configuration. Of the fields that are
    /// answered those are compared that are named: the real one has many more.
    pub(super) async fn object(
        &mut self,
        method: Method,
        path: &str,
        named: &[(&str, &str)],
    ) -> Result<()> {
        let path = format!("/ari/asterisk/config/dynamic/res_pjsip/{path}");
        let fields = named
            .iter()
            .map(|(name, value)| json!({"attribute": name, "value": value}));
        let body = match method {
            Method::PUT => json!({"fields": fields.collect::<Vec<_>>()}),
            _ => Value::Null,
        };
        let (status, answer) = self.quietly(method.clone(), &path, &body).await?;
        let answer = match answer.as_array() {
            Some(all) => {
                let mut shown: Vec<String> = all
                    .iter()
                    .filter(|field| named.iter().any(|(name, _)| field["attribute"] == *name))
                    .map(ToString::to_string)
                    .collect();
                shown.sort();
                shown.join(" ")
            }
            None => answer.to_string(),
        };
        let asked = format!("{method} {path} {body}");
        self.answers.push((asked, format!("{status} {answer}")));
        Ok(())
    }

    /// A file that it has.
    pub(super) async fn file(&self, path: &str) -> Result<Vec<u8>> {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = request.basic_auth(&self.account.0, Some(&self.account.1));
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, Value::Null).await
    }

    pub(super) async fn post(&mut self, path: &str, body: Value) -> Result<Value> {
        self.ask(Method::POST, path, body).await
    }

    pub(super) async fn delete(&mut self, path: &str, body: Value) -> Result<Value> {
        self.ask(Method::DELETE, path, body).await
    }

    /// Waits for an event of a kind whose text contains all these pieces.
    pub(super) async fn hear(&mut self, kind: &str, pieces: &[&str]) -> Result<Value> {
        let mut at = 0;
        let hearing = async {
            loop {
                let known = self.count.borrow_and_update().to_owned();
                if let Some(event) = self.find(at, known, kind, pieces) {
                    return Ok(event);
                }
                at = known;
                if self.count.changed().await.is_err() {
                    bail!("the websocket broke off");
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, hearing).await;
        found.with_context(|| format!("no {kind} with {pieces:?}"))?
    }

    fn find(&self, from: usize, to: usize, kind: &str, pieces: &[&str]) -> Option<Value> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = events.get(from..to)?.iter();
        let fits = |event: &&Value| {
            let text = event.to_string();
            event["type"] == kind && pieces.iter().all(|piece| text.contains(piece))
        };
        new.find(fits).cloned()
    }

    /// Somebody calls; gives the channel, which is called `name` here.
    pub(super) async fn incoming(&mut self, name: &str, number: &str) -> Result<String> {
        self.dial_in(number).await?;
        let arrival = format!("\"exten\":\"{number}\"");
        let event = self.hear("StasisStart", &[&arrival]).await?;
        self.call_it(&event, name)
    }

    /// Gives a channel that Asterisk named itself a name of ours.
    pub(super) fn call_it(&mut self, event: &Value, name: &str) -> Result<String> {
        let id = event["channel"]["id"].as_str().context("no channel")?;
        self.names.push((id.to_owned(), name.to_owned()));
        Ok(id.to_owned())
    }

    async fn dial_in(&mut self, number: &str) -> Result<()> {
        match &self.far {
            Far::Callers(tools, dir, address) => {
                let process = callers(tools, dir, address, "+491701234", number, 1)?;
                self.calling.push(process);
            }
            Far::Simulated => {
                let body = json!({"from": "+491701234", "from_name": "Caller", "to": number, "domain": "pstn.trunkline.localhost"});
                self.quietly(Method::POST, "/sim/incoming", &body).await?;
            }
        }
        Ok(())
    }

    /// The caller hangs up; SIPp's do by themselves.
    pub(super) async fn caller_hangs_up(&self, id: &str) -> Result<()> {
        if matches!(self.far, Far::Simulated) {
            let body = json!({ "channel_id": id });
            self.quietly(Method::POST, "/sim/hangup", &body).await?;
        }
        Ok(())
    }

    /// A text that is chance, and what it is called here.
    pub(super) fn also_known(&mut self, text: &str, name: &str) {
        self.names.push((text.to_owned(), name.to_owned()));
    }

    /// Everything that was seen.
    pub(super) fn seen(&self) -> Seen {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = self.answers.iter().map(|(asked, answer)| {
            let made = asked.starts_with("POST");
            let line = format!("{asked}\n      → {}", normal::text(answer, made));
            self.renamed(&line)
        });
        let mut by_thing: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in events.iter() {
            if let Some(line) = normal::line(event) {
                let thing = self.renamed(&normal::thing(event));
                by_thing.entry(thing).or_default().push(self.renamed(&line));
            }
        }
        by_thing.values_mut().for_each(|lines| normal::order(lines));
        Seen {
            answers: answers.collect(),
            events: by_thing,
        }
    }

    fn renamed(&self, text: &str) -> String {
        let mut text = text.replace(&self.callees, "CALLEES");
        if let Far::Callers(_, _, address) = &self.far {
            text = text.replace(address, "127.0.0.1:5060");
        }
        for (id, name) in &self.names {
            text = text.replace(id, name);
        }
        text
    }
}

async fn listen(
    url: &str,
    account: &str,
    events: Arc<Mutex<Vec<Value>>>,
) -> Result<watch::Receiver<usize>> {
    let url = url.replacen("http", "ws", 1);
    let uri = format!("{url}/ari/events?app=voipbin&subscribeAll=false&api_key={account}");
    let mut request = uri.into_client_request()?;
    request.headers_mut().remove(AUTHORIZATION);
    let (mut socket, _) = connect_async(request).await?;
    let (told, count) = watch::channel(0);
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            let event = serde_json::from_str(&text).unwrap_or(Value::Null);
            let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push(event);
            told.send_replace(events.len());
        }
    });
    Ok(count)
}
