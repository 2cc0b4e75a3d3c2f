//! Applications, endpoints, and Asterisk itself.

use serde_json::{Value, json};

use crate::answer::{Answer, Parameters};
use crate::application::Application;
use crate::json;
use crate::route::not_allowed;
use crate::sim::AsteriskSim;
use crate::stamp::stamp;

impl AsteriskSim {
    pub(crate) fn asterisk_route(&mut self, method: &str, rest: &[&str], p: &Parameters) -> Answer {
        match (method, rest) {
            ("GET", ["info"]) => self.info(),
            ("GET", ["ping"]) => self.ping(),
            ("GET", ["variable"]) => Answer::ok(json!({ "value": "" }).to_string()),
            ("GET", ["modules"]) => self.list_modules(),
            ("GET", ["modules", name]) => self.get_module(name),
            (_, ["config", "dynamic", class, kind, id]) => {
                self.object_route(method, class, kind, id, p)
            }
            (_, ["info" | "ping" | "variable"]) => not_allowed(),
            _ => Answer::refused(404, "Resource not found"),
        }
    }

    fn info(&self) -> Answer {
        let started = stamp(self.started);
        let system = format!("asterisk-{}", self.config.entity_id.replace(':', ""));
        let info = json!({
            "build": {"os": "Linux", "kernel": "unknown", "machine": "unknown", "options": "", "date": "", "user": "nobody"},
            "system": {"version": "22.10.1-simulated", "entity_id": self.config.entity_id},
            "config": {"name": system, "default_language": "en", "setid": {"user": "", "group": ""}},
            "status": {"startup_time": started, "last_reload_time": started},
        });
        Answer::ok(info.to_string())
    }

    fn ping(&self) -> Answer {
        let entity = &self.config.entity_id;
        let ping = json!({"ping": "pong", "timestamp": stamp(self.now), "asterisk_id": entity});
        Answer::ok(ping.to_string())
    }

    /// Those of the checkout's `modules.conf`; nothing is known of them but that
    /// they run.
    fn list_modules(&self) -> Answer {
        Answer::ok(json::list(modules().map(module)))
    }

    fn get_module(&self, name: &str) -> Answer {
        match modules().find(|known| *known == name) {
            Some(name) => Answer::ok(module(name)),
            None => Answer::refused(404, "Module could not be found in running modules"),
        }
    }

    pub(crate) fn endpoint_route(&self, method: &str, rest: &[&str]) -> Answer {
        match (method, rest) {
            ("GET", [] | ["PJSIP"]) => {
                Answer::ok(json::list(self.endpoints().map(|name| self.endpoint(name))))
            }
            ("GET", [technology, name]) => {
                let known = self.endpoints().any(|known| known == *name);
                if !technology.eq_ignore_ascii_case("pjsip") || !known {
                    return Answer::refused(404, "Endpoint not found");
                }
                Answer::ok(self.endpoint(name))
            }
            _ => Answer::refused(404, "Resource not found"),
        }
    }

    fn endpoints(&self) -> impl Iterator<Item = &str> {
        let of_file = self.config.endpoints.iter().map(String::as_str);
        of_file.chain(self.pushed_endpoints())
    }

    fn endpoint(&self, name: &str) -> String {
        let of_it = self
            .channels
            .values()
            .filter(|channel| channel.endpoint == name);
        let ids: Vec<&str> = of_it.map(|channel| channel.id.as_str()).collect();
        let state = if self.has_contact(name) {
            "online"
        } else {
            "offline"
        };
        let endpoint =
            json!({"technology": "PJSIP", "resource": name, "state": state, "channel_ids": ids});
        endpoint.to_string()
    }

    pub(crate) fn list_applications(&self) -> Answer {
        let all = self.applications.by_name.iter();
        Answer::ok(json::list(
            all.map(|(name, application)| application.json(name)),
        ))
    }

    pub(crate) fn get_application(&self, name: &str) -> Answer {
        match self.applications.by_name.get(name) {
            Some(application) => Answer::ok(application.json(name)),
            None => no_application(),
        }
    }

    /// `PUT /applications/{name}/eventFilter`. A list that is not given stays as it
    /// was; when none is given there is no filter.
    pub(crate) fn filter_events(&mut self, name: &str, p: &Parameters) -> Answer {
        let list = |key: &str| {
            let filters = p.body()?.get(key)?.as_array();
            Some(filters.cloned().unwrap_or_default())
        };
        let (allowed, disallowed) = (list("allowed"), list("disallowed"));
        let typed = |filter: &Value| filter["type"].is_string();
        let Some(application) = self.applications.by_name.get_mut(name) else {
            return no_application();
        };
        if !allowed.iter().chain(&disallowed).flatten().all(typed) {
            return Answer::refused(400, "Invalid format definition");
        }
        let none = allowed.is_none() && disallowed.is_none();
        if none || allowed.is_some() {
            application.allowed = allowed.unwrap_or_default();
        }
        if none || disallowed.is_some() {
            application.disallowed = disallowed.unwrap_or_default();
        }
        Answer::ok(application.json(name))
    }

    pub(crate) fn subscribe(&mut self, name: &str, p: &Parameters) -> Answer {
        self.change_subscriptions(name, p, true)
    }

    pub(crate) fn unsubscribe(&mut self, name: &str, p: &Parameters) -> Answer {
        self.change_subscriptions(name, p, false)
    }

    fn change_subscriptions(&mut self, name: &str, p: &Parameters, more: bool) -> Answer {
        let sources = p.texts("eventSource");
        if sources.is_empty() {
            return Answer::refused(400, "Missing parameter eventSource");
        }
        if !self.applications.by_name.contains_key(name) {
            return no_application();
        }
        for source in &sources {
            let changed = match source.split_once(':') {
                Some(("channel", id)) => self.change_channel(name, id, more),
                Some(("bridge", id)) => self.change_bridge(name, id, more),
                // Nothing happens to endpoints and devices here.
                Some(("endpoint" | "deviceState", _)) => true,
                _ => return Answer::refused(400, "Invalid event source URI scheme"),
            };
            if !changed {
                return Answer::refused(422, unknown_source(more));
            }
        }
        self.get_application(name)
    }

    fn change_channel(&mut self, name: &str, id: &str, more: bool) -> bool {
        if more {
            if !self.channels.contains_key(id) {
                return false;
            }
            self.applications.subscribe_channel(name, id);
            return true;
        }
        let subscribed = |application: &Application| application.channels.contains_key(id);
        let had = self.applications.by_name.get(name).is_some_and(subscribed);
        self.applications.unsubscribe_channel(name, id);
        had
    }

    fn change_bridge(&mut self, name: &str, id: &str, more: bool) -> bool {
        if more {
            if !self.bridges.contains_key(id) {
                return false;
            }
            self.applications.subscribe_bridge(name, id);
            return true;
        }
        let subscribed = |application: &Application| application.bridges.contains_key(id);
        let had = self.applications.by_name.get(name).is_some_and(subscribed);
        self.applications.unsubscribe_bridge(name, id);
        had
    }
}

/// The modules of the checkout's Asterisk.
fn modules() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../../../asterisk/etc/modules.conf").lines();
    lines.filter_map(|line| {
        let (key, module) = line.split_once('=')?;
        let module = module.split(';').next()?.trim();
        (key.trim() == "load" && !module.is_empty()).then_some(module)
    })
}

fn module(name: &str) -> String {
    let module = json!({"name": name, "description": "", "use_count": 0, "status": "Running", "support_level": "core"});
    module.to_string()
}

fn unknown_source(more: bool) -> &'static str {
    if more {
        "Event source does not exist"
    } else {
        "Event source was not subscribed to"
    }
}

fn no_application() -> Answer {
    Answer::refused(404, "Application not found")
}
