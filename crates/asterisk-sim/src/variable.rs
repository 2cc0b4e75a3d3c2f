//! Channel variables, and the few functions that are read or written like them.

use crate::answer::{Answer, Parameters};
use crate::channel::{Channel, Party};
use crate::sim::AsteriskSim;

impl AsteriskSim {
    /// `GET /channels/{id}/variable`.
    pub(crate) fn get_variable(&self, id: &str, p: &Parameters) -> Answer {
        let Some(name) = p.filled("variable") else {
            return Answer::refused(400, "Variable name is required");
        };
        let Some(channel) = self.channels.get(id) else {
            return Answer::refused(404, "Provided channel was not found");
        };
        match read(channel, &name) {
            Some(value) => Answer::ok(serde_json::json!({ "value": value }).to_string()),
            None => Answer::refused(404, "Provided variable was not found"),
        }
    }

    /// `POST /channels/{id}/variable`.
    pub(crate) fn set_variable(&mut self, id: &str, p: &Parameters) -> Answer {
        let Some(name) = p.filled("variable") else {
            return Answer::refused(400, "Variable name is required");
        };
        if !self.channels.contains_key(id) {
            return Answer::no_channel();
        }
        self.assign(id, &name, &p.text("value").unwrap_or_default());
        Answer::done()
    }

    /// Sets a variable, or calls a function. A function makes no ChannelVarset.
    pub(crate) fn assign(&mut self, id: &str, name: &str, value: &str) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if name.ends_with(')') {
            let caller = called(&channel.caller, name, value);
            channel.variables.insert(name.to_owned(), value.to_owned());
            if let Some(caller) = caller {
                self.set_caller(id, caller);
            }
            return;
        }
        // One or two underscores hand a variable down to other channels.
        let plain = name.trim_start_matches('_').to_owned();
        if value.is_empty() {
            channel.variables.remove(&plain);
        } else {
            channel.variables.insert(plain, value.to_owned());
        }
        self.tell_variable(id, name, value);
    }
}

/// The caller after `CALLERID(…)` was set; none for other functions.
fn called(caller: &Party, name: &str, value: &str) -> Option<Party> {
    let mut caller = caller.clone();
    match name {
        "CALLERID(num)" => caller.number = value.to_owned(),
        "CALLERID(name)" => caller.name = value.to_owned(),
        "CALLERID(all)" => caller = Party::parse(value),
        _ => return None,
    }
    Some(caller)
}

fn read(channel: &Channel, name: &str) -> Option<String> {
    let value = match name {
        "CHANNEL(name)" => &channel.name,
        "CHANNEL(state)" => return Some(channel.state.name().to_owned()),
        "CHANNEL(pjsip,call-id)" => &channel.protocol_id,
        "CALLERID(num)" => &channel.caller.number,
        "CALLERID(name)" => &channel.caller.name,
        _ => return channel.variables.get(name).cloned(),
    };
    Some(value.clone())
}
