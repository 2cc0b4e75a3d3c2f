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
            ("PUT", ["config", "dynamic", path @ ..]) => self.put_object(&path.join("/"), p),
            ("GET", ["config", "dynamic", path @ ..]) => self.get_object(&path.join("/")),
            ("DELETE", ["config", "dynamic", path @ ..]) => self.delete_object(&path.join("/")),
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

    /// Dynamic configuration is kept and given back; an endpoint can be called
    /// from then on.
    fn put_object(&mut self, path: &str, p: &Parameters) -> Answer {
        let fields = p.body().and_then(|body| body.get("fields"));
        let fields = fields.cloned().unwrap_or_else(|| json!([]));
        let text = fields.to_string();
        self.objects.insert(path.to_owned(), text.clone());
        Answer::ok(text)
    }

    fn get_object(&self, path: &str) -> Answer {
        match self.objects.get(path) {
            Some(fields) => Answer::ok(fields.clone()),
            None => Answer::refused(404, "Object not found"),
        }
    }

    fn delete_object(&mut self, path: &str) -> Answer {
        match self.objects.remove(path) {
            Some(_) => Answer::done(),
            None => Answer::refused(404, "Object not found"),
        }
    }

    pub(crate) fn endpoint_route(&self, method: &str, rest: &[&str]) -> Answer {
        let ("GET", [technology, name]) = (method, rest) else {
            return Answer::refused(404, "Resource not found");
        };
        let pushed = format!("res_pjsip/endpoint/{name}");
        let known = self.config.endpoints.iter().any(|known| known == name);
        if !technology.eq_ignore_ascii_case("pjsip")
            || !(known || self.objects.contains_key(&pushed))
        {
            return Answer::refused(404, "Endpoint not found");
        }
        let of_it = self
            .channels
            .values()
            .filter(|channel| channel.endpoint == *name);
        let ids: Vec<&str> = of_it.map(|channel| channel.id.as_str()).collect();
        let endpoint = json!({"technology": "PJSIP", "resource": name, "state": "offline", "channel_ids": ids});
        Answer::ok(endpoint.to_string())
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
