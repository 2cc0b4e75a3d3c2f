//! Channels without a phone: those that listen to another one, and streams of
//! media.

use crate::answer::{Answer, Parameters};
use crate::channel::{Channel, Origin, Spies, State};
use crate::json::Object;
use crate::sim::AsteriskSim;

impl AsteriskSim {
    /// `POST /channels/{id}/snoop`.
    pub(crate) fn snoop(&mut self, spied: &str, id: Option<&str>, p: &Parameters) -> Answer {
        if let Err(message) = direction(p) {
            return Answer::refused(400, message);
        }
        let Some(application) = p.filled("app") else {
            return Answer::refused(400, "Application name is required");
        };
        if !self.channels.contains_key(spied) {
            return Answer::refused(404, "Provided channel was not found");
        }
        let id = id.map(str::to_owned).or_else(|| p.filled("snoopId"));
        let id = id.unwrap_or_else(|| self.own_id());
        if self.channels.contains_key(&id) {
            return Answer::refused(500, "Snoop channel could not be created");
        }
        let name = format!("Snoop/{spied}-{:08x}", self.snooped);
        self.snooped = self.snooped.wrapping_add(1);
        let mut channel = Channel::new(id.clone(), name, Origin::Snoop, self.now);
        channel.state = State::Up;
        let spy = p.filled("spy").unwrap_or_default();
        channel.spies = Some(Spies {
            on: spied.to_owned(),
            says: matches!(spy.as_str(), "in" | "both"),
            hears: matches!(spy.as_str(), "out" | "both"),
            remembered: Vec::new(),
        });
        let answer = Answer::ok(channel.json());
        self.channels.insert(id.clone(), channel);
        self.tell("ChannelCreated", &id, |event| event);
        if let Some(spied) = self.channels.get_mut(spied) {
            spied.snoops.push(id.clone());
        }
        let args = p.text("appArgs").unwrap_or_default();
        self.enter_later(&id, application, args, self.config.delays.start_ms);
        answer
    }

    /// `POST /channels/externalMedia`.
    pub(crate) fn external_media(&mut self, p: &Parameters) -> Answer {
        let incoming = p.text("connection_type").as_deref() == Some("server");
        let host = p.text("external_host").unwrap_or_default();
        let websocket = p.text("transport").as_deref() == Some("websocket");
        if let Err(message) = acceptable(p, &host, websocket, incoming) {
            return Answer::refused(400, message);
        }
        let id = p.filled("channelId").unwrap_or_else(|| self.own_id());
        if self.channels.contains_key(&id) {
            let message = "An internal error prevented this request from being handled";
            return Answer::refused(500, message);
        }
        let audio_socket = p.text("encapsulation").as_deref() == Some("audiosocket");
        self.named = self.named.wrapping_add(1);
        let number = self.named;
        let name = match (audio_socket, websocket) {
            (true, _) => format!("AudioSocket/{host}-{number:08x}"),
            (_, true) => format!("WebSocket/{host}/0x{number:012x}"),
            _ => format!("UnicastRTP/{host}-0x{number:012x}"),
        };
        let mut channel = Channel::new(id.clone(), name, Origin::External, self.now);
        channel.show_first_application();
        let format = p.text("format").unwrap_or_default();
        channel.dial_string = match (audio_socket, websocket) {
            (false, false) => format!("{host}/c({format})"),
            _ => host,
        };
        let reported = self.reported(audio_socket, websocket);
        let answer = channel.write(Object::new());
        let answer = Answer::ok(answer.set("channelvars", &reported).end());
        self.channels.insert(id.clone(), channel);
        self.tell("ChannelCreated", &id, |event| event);
        self.answer_media(&id, p, incoming, audio_socket);
        answer
    }

    /// Who is asked for media answers at once; who is to come is waited for.
    fn answer_media(&mut self, id: &str, p: &Parameters, incoming: bool, audio_socket: bool) {
        let application = p.text("app").unwrap_or_default();
        self.applications.subscribe_channel(&application, id);
        let dial_string = self
            .channels
            .get(id)
            .map(|channel| channel.dial_string.clone());
        let dial_string = dial_string.unwrap_or_default();
        self.tell_dial(id, "", &dial_string);
        if incoming {
            return;
        }
        self.set_state(id, State::Up);
        self.tell_dial(id, "ANSWER", &dial_string);
        let args = if audio_socket { p.text("data") } else { None };
        self.enter_later(
            id,
            application,
            args.unwrap_or_default(),
            self.config.delays.start_ms,
        );
    }

    /// Told once, with the answer.
    fn reported(
        &mut self,
        audio_socket: bool,
        websocket: bool,
    ) -> std::collections::BTreeMap<&'static str, String> {
        let port = 10_000 + 2 * self.random.up_to(2_499);
        let pairs = match (audio_socket, websocket) {
            (true, _) => vec![],
            (_, true) => vec![
                ("MEDIA_WEBSOCKET_CONNECTION_ID", self.random.uuid()),
                ("MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE", "320".to_owned()),
            ],
            _ => vec![
                ("UNICASTRTP_LOCAL_ADDRESS", "127.0.0.1".to_owned()),
                ("UNICASTRTP_LOCAL_PORT", port.to_string()),
            ],
        };
        pairs.into_iter().collect()
    }
}

fn direction(p: &Parameters) -> Result<(), &'static str> {
    let word = |key: &str| p.filled(key).unwrap_or_else(|| "none".to_owned());
    let known = |word: &str| matches!(word, "none" | "both" | "in" | "out");
    let (spy, whisper) = (word("spy"), word("whisper"));
    if !known(&spy) {
        return Err("Invalid direction specified for spy");
    }
    if !known(&whisper) {
        return Err("Invalid direction specified for whisper");
    }
    if spy == "none" && whisper == "none" {
        return Err("Direction must be specified for at least spy or whisper");
    }
    Ok(())
}

fn acceptable(
    p: &Parameters,
    host: &str,
    websocket: bool,
    incoming: bool,
) -> Result<(), &'static str> {
    if p.filled("app").is_none() {
        return Err("app cannot be empty");
    }
    if host.is_empty() && !(websocket && incoming) {
        return Err("external_host is required for all but websocket server connections");
    }
    if p.filled("format").is_none() {
        return Err("format cannot be empty");
    }
    if !websocket && !host.contains(':') {
        return Err("external_host must be <host>:<port> for all transports other than websocket");
    }
    Ok(())
}
