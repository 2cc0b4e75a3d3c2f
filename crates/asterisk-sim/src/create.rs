//! Channels come to be, and enter their application.

use crate::answer::{Answer, Parameters};
use crate::callee::endpoint_and_number;
use crate::channel::{Channel, Entry, Origin, Party, State};
use crate::json;
use crate::sim::AsteriskSim;
use crate::timer::Due;

/// Asterisk keeps no more of an id.
const LONGEST_ID: usize = 149;

impl AsteriskSim {
    pub(crate) fn list_channels(&self) -> Answer {
        Answer::ok(json::list(self.channels.values().map(Channel::json)))
    }

    pub(crate) fn get_channel(&self, id: &str) -> Answer {
        match self.channels.get(id) {
            Some(channel) => Answer::ok(channel.json()),
            None => Answer::no_channel(),
        }
    }

    /// `POST /channels/create`: the channel exists, nobody is called yet.
    pub(crate) fn create(&mut self, p: &Parameters) -> Answer {
        let id = match self.allocate(None, p, Origin::Created) {
            Ok(id) => id,
            Err(answer) => return answer,
        };
        let application = p.text("app").unwrap_or_default();
        self.applications.subscribe_channel(&application, &id);
        for (name, value) in &p.variables {
            self.assign(&id, name, value);
        }
        let answer = self.get_channel(&id);
        let args = p.text("appArgs").unwrap_or_default();
        self.enter_later(&id, application, args, self.config.delays.start_ms);
        answer
    }

    /// `POST /channels`: creates and dials; the channel enters its application
    /// when it is answered.
    pub(crate) fn originate(&mut self, id: Option<&str>, p: &Parameters) -> Answer {
        let application = p.text("app").unwrap_or_default();
        if p.filled("endpoint").is_some() && application.is_empty() {
            return Answer::refused(400, "Application or extension must be specified");
        }
        let id = match self.allocate(id, p, Origin::Originated) {
            Ok(id) => id,
            Err(answer) => return answer,
        };
        self.applications.subscribe_channel(&application, &id);
        let caller = Party::parse(&p.text("callerId").unwrap_or_default());
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.connected = caller.clone();
            channel.caller = caller;
            channel.show_first_application();
            channel.entry = Some(Entry {
                application,
                args: p.text("appArgs").unwrap_or_default(),
                timer: None,
            });
        }
        for (name, value) in &p.variables {
            self.assign(&id, name, value);
        }
        let answer = self.get_channel(&id);
        self.call(&id, p.number("timeout").unwrap_or(30));
        answer
    }

    /// Makes the channel, or says why not.
    fn allocate(
        &mut self,
        id: Option<&str>,
        p: &Parameters,
        origin: Origin,
    ) -> Result<String, Answer> {
        let Some(endpoint) = p.filled("endpoint") else {
            return Err(Answer::refused(400, "Endpoint must be specified"));
        };
        let Some((technology, dial_string)) = endpoint.split_once('/') else {
            return Err(Answer::refused(400, "Invalid endpoint specified"));
        };
        if p.filled("originator").is_some() && p.filled("formats").is_some() {
            return Err(Answer::refused(
                400,
                "Originator and formats can't both be specified",
            ));
        }
        let id = id.map(str::to_owned).or_else(|| p.filled("channelId"));
        let id: String = id
            .unwrap_or_else(|| self.own_id())
            .chars()
            .take(LONGEST_ID)
            .collect();
        if self.channels.contains_key(&id) {
            return Err(Answer::duplicate_channel());
        }
        let (endpoint, number) = endpoint_and_number(dial_string);
        if !technology.eq_ignore_ascii_case("pjsip") || !self.reachable(endpoint, number) {
            return Err(Answer::allocation_failed());
        }
        let mut channel = self.sip_channel(id.clone(), endpoint, origin);
        channel.dial_string = dial_string.to_owned();
        channel.number = number.to_owned();
        self.channels.insert(id.clone(), channel);
        self.tell("ChannelCreated", &id, |event| event);
        Ok(id)
    }

    fn reachable(&self, endpoint: &str, number: &str) -> bool {
        let known = self.config.endpoints.iter().any(|name| name == endpoint);
        !number.is_empty() && (known || self.pushed_endpoints().any(|name| name == endpoint))
    }

    pub(crate) fn sip_channel(&mut self, id: String, endpoint: &str, origin: Origin) -> Channel {
        let name = format!("PJSIP/{endpoint}-{:08x}", self.named);
        self.named = self.named.wrapping_add(1);
        let mut channel = Channel::new(id, name, origin, self.now);
        channel.protocol_id = self.random.uuid();
        channel.endpoint = endpoint.to_owned();
        channel.context = "call-in".to_owned();
        channel
    }

    pub(crate) fn enter_later(&mut self, id: &str, application: String, args: String, ms: u64) {
        let timer = Some(self.timers.set(self.in_ms(ms), Due::Enters(id.to_owned())));
        if let Some(channel) = self.channels.get_mut(id) {
            channel.entry = Some(Entry {
                application,
                args,
                timer,
            });
        }
    }

    /// The dialplan's `Stasis(…)`.
    pub(crate) fn enters(&mut self, id: &str) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let Some(Entry {
            application, args, ..
        }) = channel.entry.take()
        else {
            return;
        };
        let data = if args.is_empty() {
            application.clone()
        } else {
            format!("{application},{args}")
        };
        let origin = channel.origin;
        channel.app_name = "Stasis".to_owned();
        channel.app_data = data.clone();
        // Others do not come through the dialplan.
        if matches!(origin, Origin::Created | Origin::Incoming) {
            self.tell("ChannelDialplan", id, |event| {
                event
                    .set("dialplan_app", "Stasis")
                    .set("dialplan_app_data", &data)
            });
        }
        self.tell_variable(id, "STASISSTATUS", "");
        if !self.applications.is_active(&application) {
            return self.nobody_serves(id);
        }
        if let Some(channel) = self.channels.get_mut(id) {
            channel
                .variables
                .insert("STASISSTATUS".to_owned(), String::new());
            channel.application = Some(application.clone());
        }
        self.applications.subscribe_channel(&application, id);
        let args: Vec<&str> = args.split(',').filter(|_| !args.is_empty()).collect();
        self.tell("StasisStart", id, |event| event.set("args", &args));
    }

    /// The dialplan goes on after `Stasis(…)`, and its end is near.
    fn nobody_serves(&mut self, id: &str) {
        self.tell_variable(id, "STASISSTATUS", "FAILED");
        let state = self.channels.get(id).map(|channel| channel.state);
        // A caller who was not answered is declined.
        let cause = if state == Some(State::Up) { 16 } else { 21 };
        self.destroy(id, cause, None);
    }
}
