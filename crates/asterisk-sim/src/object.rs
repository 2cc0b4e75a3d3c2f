//! Dynamic configuration: PJSIP's objects in memory, beside those of the file.

use serde_json::{Value, json};

use crate::answer::{Answer, Parameters};
use crate::route::not_allowed;
use crate::sim::AsteriskSim;

/// What can be kept in memory (the checkout's `sorcery.conf`).
const KINDS: [&str; 5] = ["auth", "aor", "endpoint", "identify", "registration"];

impl AsteriskSim {
    /// `/asterisk/config/dynamic/{class}/{kind}/{id}`.
    pub(crate) fn object_route(
        &mut self,
        method: &str,
        class: &str,
        kind: &str,
        id: &str,
        p: &Parameters,
    ) -> Answer {
        if class != "res_pjsip" {
            return Answer::refused(404, &format!("configClass '{class}' not found"));
        }
        if !KINDS.contains(&kind) {
            return Answer::refused(404, &format!("objectType '{kind}' not found"));
        }
        match method {
            "PUT" => self.put_object(kind, id, p),
            "GET" => self.get_object(kind, id),
            "DELETE" => self.delete_object(kind, id),
            _ => not_allowed(),
        }
    }

    /// Endpoints that were put here; they can be called.
    pub(crate) fn pushed_endpoints(&self) -> impl Iterator<Item = &str> {
        let kept = self.objects.keys();
        kept.filter_map(|path| path.strip_prefix("endpoint/"))
    }

    /// Whether it says itself where it is: it need not register.
    pub(crate) fn has_contact(&self, endpoint: &str) -> bool {
        let field = |path: &str, name: &str| {
            let fields = self.objects.get(path)?;
            let mut fields = fields.iter().filter(|(field, _)| field == name);
            fields.next().map(|(_, value)| value.clone())
        };
        let aors = field(&format!("endpoint/{endpoint}"), "aors").unwrap_or_default();
        let mut aors = aors.split(',').map(|aor| format!("aor/{}", aor.trim()));
        aors.any(|aor| field(&aor, "contact").is_some_and(|contact| !contact.is_empty()))
    }

    /// The fields of an object that exists are changed, those that are not named
    /// stay. The real one also gives those that nobody named.
    fn put_object(&mut self, kind: &str, id: &str, p: &Parameters) -> Answer {
        if self.is_of_file(kind, id) {
            let message = format!("Cannot update sorcery objects of type '{kind}'");
            return Answer::refused(403, &message);
        }
        let path = format!("{kind}/{id}");
        let known = self.objects.get(&path);
        let new = fields(p).filter(|new| known.is_some() || is_enough(kind, new));
        let Some(new) = new else {
            let message = if known.is_some() {
                format!("Fields must be provided to update object '{id}'")
            } else {
                format!("Creation of object '{id}' failed field value validation")
            };
            return Answer::refused(400, &message);
        };
        let mut all = known.cloned().unwrap_or_default();
        for (name, value) in new {
            match all.iter_mut().find(|(old, _)| *old == name) {
                Some((_, old)) => *old = value,
                None => all.push((name, value)),
            }
        }
        let answer = Answer::ok(listed(&all));
        self.objects.insert(path, all);
        answer
    }

    fn get_object(&self, kind: &str, id: &str) -> Answer {
        if self.is_of_file(kind, id) {
            return Answer::ok(listed(&[]));
        }
        match self.objects.get(&format!("{kind}/{id}")) {
            Some(fields) => Answer::ok(listed(fields)),
            None => no_object(id),
        }
    }

    fn delete_object(&mut self, kind: &str, id: &str) -> Answer {
        if self.is_of_file(kind, id) {
            let message = format!("Could not delete object with id '{id}'");
            return Answer::refused(403, &message);
        }
        match self.objects.remove(&format!("{kind}/{id}")) {
            Some(_) => Answer::done(),
            None => no_object(id),
        }
    }

    /// Only endpoints are in the file.
    fn is_of_file(&self, kind: &str, id: &str) -> bool {
        kind == "endpoint" && self.config.endpoints.iter().any(|name| name == id)
    }
}

/// Attributes and values; none when there are none that could be read.
fn fields(p: &Parameters) -> Option<Vec<(String, String)>> {
    let fields = p.body()?.get("fields")?.as_array()?;
    let text = |field: &Value, key: &str| field.get(key)?.as_str().map(str::to_owned);
    fields
        .iter()
        .map(|field| Some((text(field, "attribute")?, text(field, "value")?)))
        .collect()
}

/// Fields without which an object cannot be made.
fn is_enough(kind: &str, fields: &[(String, String)]) -> bool {
    let has = |name: &str| fields.iter().any(|(field, _)| field == name);
    match kind {
        "identify" => has("match") || has("match_header") || has("match_request_uri"),
        "auth" => has("auth_type") || has("username"),
        _ => true,
    }
}

fn listed(fields: &[(String, String)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| json!({"attribute": name, "value": value}));
    Value::Array(fields.collect()).to_string()
}

fn no_object(id: &str) -> Answer {
    Answer::refused(404, &format!("Object with id '{id}' not found"))
}
