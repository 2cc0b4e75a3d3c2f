//! A simulated Asterisk under a virtual clock, with one websocket.

use serde_json::{Value, json};
use trunkline_asterisk_sim::{AsteriskSim, Config, Request, SocketId};

/// When the tests begin: any time will do.
pub(crate) const START: i64 = 1_795_265_735_159_000;

pub(crate) struct World {
    pub(crate) sim: AsteriskSim,
    pub(crate) socket: SocketId,
    pub(crate) now: i64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut sim = AsteriskSim::new(config, 1);
        let socket = sim.connect(START, "voipbin", false);
        Self {
            sim,
            socket,
            now: START,
        }
    }

    pub(crate) fn ask(&mut self, method: &str, uri: &str, body: Value) -> (u16, Value) {
        let request = Request {
            method: method.to_owned(),
            uri: uri.to_owned(),
            body: (!body.is_null()).then(|| body.to_string()),
        };
        let answer = self.sim.request(self.now, &request);
        let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        (answer.status, body)
    }

    pub(crate) fn get(&mut self, uri: &str) -> (u16, Value) {
        self.ask("GET", uri, Value::Null)
    }

    pub(crate) fn post(&mut self, uri: &str, body: Value) -> (u16, Value) {
        self.ask("POST", uri, body)
    }

    pub(crate) fn delete(&mut self, uri: &str, body: Value) -> (u16, Value) {
        self.ask("DELETE", uri, body)
    }

    /// Creates a channel that would call the number, and waits until it is in
    /// its application.
    pub(crate) fn created(&mut self, id: &str, number: &str) {
        let body = json!({
            "endpoint": format!("pjsip/call-out/sip:{number}@127.0.0.1:5070;transport=udp"),
            "app": "voipbin",
            "channelId": id,
        });
        assert_eq!(self.post("/ari/channels/create", body).0, 200);
        self.run(2);
    }

    /// … puts it into a bridge and dials.
    pub(crate) fn dialed(&mut self, id: &str, bridge: &str, number: &str, dial: Value) {
        self.created(id, number);
        let path = format!("/ari/bridges/{bridge}");
        assert_eq!(self.post(&path, json!({"type": "mixing,video_sfu"})).0, 200);
        let add = json!({ "channel": id });
        assert_eq!(self.post(&format!("{path}/addChannel"), add).0, 204);
        assert_eq!(self.post(&format!("/ari/channels/{id}/dial"), dial).0, 204);
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn run(&mut self, ms: i64) {
        self.now += ms * 1_000;
        self.sim.advance(self.now);
    }

    /// The events since the last time, each as one line.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        self.events().iter().map(line).collect()
    }

    /// The events since the last time.
    pub(crate) fn events(&mut self) -> Vec<Value> {
        let texts = self.sim.events(self.socket);
        texts
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }
}

/// Type, state of the channel, and what distinguishes events of the type.
pub(crate) fn line(event: &Value) -> String {
    let mut words = vec![event["type"].as_str().unwrap().to_owned()];
    let channel = if event["peer"].is_object() {
        &event["peer"]
    } else {
        &event["channel"]
    };
    words.extend(channel["state"].as_str().map(str::to_owned));
    match event["variable"].as_str() {
        Some("STASISSTATUS") => {
            words.push(format!("STASISSTATUS={}", event["value"].as_str().unwrap()));
        }
        Some(name) => words.push(name.to_owned()),
        None => {}
    }
    match event["dialstatus"].as_str() {
        Some("") => words.push("\"\"".to_owned()),
        Some(status) => words.push(status.to_owned()),
        None => {}
    }
    for key in ["cause", "tech_cause", "digit"] {
        if !event[key].is_null() {
            words.push(event[key].to_string());
        }
    }
    if event["soft"] == true {
        words.push("soft".to_owned());
    }
    for key in ["playback", "recording"] {
        words.extend(event[key]["state"].as_str().map(str::to_owned));
    }
    words.join(" ")
}
