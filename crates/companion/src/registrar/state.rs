//! How registrations and endpoints stand, as the Asterisks tell it: over ARI the
//! endpoints, over AMI the registrations. Asked when somebody wants to know, and not
//! more often than is worth it.

use std::collections::BTreeMap;

use serde::Deserialize;
use tokio::time::Instant;
use trunkline_ari::{AsteriskTarget, Error as AriError};
use trunkline_domain::registrar::words;
use trunkline_model::Timestamp;
use trunkline_model::id::AsteriskId;
use trunkline_model::trunk::{Mode, Registration, Trunk};

use super::Registrar;

/// What was last seen.
#[derive(Default)]
pub(super) struct Seen {
    looked: Option<Instant>,
    at: Option<Timestamp>,
    asterisks: BTreeMap<AsteriskId, OneSeen>,
}

/// What one Asterisk told.
struct OneSeen {
    /// State by endpoint; none when it did not answer.
    endpoints: Option<BTreeMap<String, String>>,
    /// Status by registration, or why there is none.
    registrations: Result<BTreeMap<String, String>, String>,
}

/// One packet of the list of registrations.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Packet {
    #[serde(rename = "Event")]
    event: String,
    #[serde(rename = "ObjectName")]
    name: String,
    #[serde(rename = "Status")]
    status: String,
}

impl Registrar {
    /// Looks how registrations and endpoints stand, unless somebody has just done so.
    pub(super) async fn look(&self, at_once: bool) {
        let mut seen = self.seen.lock().await;
        let fresh = |looked: Instant| looked.elapsed() < self.config.state_fresh();
        if !at_once && seen.looked.is_some_and(fresh) {
            return;
        }
        let mut asterisks = BTreeMap::new();
        for asterisk in self.asterisks.connected() {
            let to = AsteriskTarget::from(&asterisk);
            let endpoints = self.ari.endpoints(&to).await.ok().map(|endpoints| {
                endpoints
                    .into_iter()
                    .map(|endpoint| (endpoint.resource, endpoint.state))
                    .collect()
            });
            let registrations = self.registrations(&to).await;
            asterisks.insert(
                asterisk,
                OneSeen {
                    endpoints,
                    registrations,
                },
            );
        }
        seen.asterisks = asterisks;
        seen.looked = Some(Instant::now());
        seen.at = self.state.ledger.now().await.ok();
    }

    async fn registrations(&self, to: &AsteriskTarget) -> Result<BTreeMap<String, String>, String> {
        let action = BTreeMap::from([("Action", "PJSIPShowRegistrationsOutbound")]);
        let answer = match self.ari.ami(to, &action).await {
            Ok(answer) => answer,
            Err(AriError::Refused { message, .. }) => return Err(message),
            Err(AriError::Unreachable(_) | AriError::Gone { .. } | AriError::Answer(_)) => {
                return Err("AMI of this Asterisk does not answer.".to_owned());
            }
        };
        let Some(events) = answer.get("Events") else {
            let said = answer.get("Message").map_or("", String::as_str);
            // An Asterisk without any registration says so with an error.
            if said.contains("No ") || said.contains("not found") {
                return Ok(BTreeMap::new());
            }
            return Err(format!("AMI does not list the registrations: {said}"));
        };
        let packets: Vec<Packet> = serde_json::from_str(events)
            .map_err(|error| format!("AMI's list of registrations cannot be read: {error}"))?;
        Ok(packets
            .into_iter()
            .filter(|packet| packet.event == "OutboundRegistrationDetail")
            .map(|packet| (packet.name, packet.status))
            .collect())
    }

    /// How a trunk's registration stands, and whether the carrier answers.
    pub(super) async fn trunk_state(&self, trunk: &Trunk) -> (Registration, String) {
        let name = trunk.endpoint();
        let reachable = if trunk.qualify == 0 {
            "unknown".to_owned()
        } else {
            self.endpoint_state(&name).await
        };
        let seen = self.seen.lock().await;
        let (state, detail) = registration(trunk, &name, &seen);
        let registration = Registration {
            state: state.to_owned(),
            detail,
            tm_checked: seen.at,
        };
        (registration, reachable)
    }

    /// Whether an endpoint is online: `yes`, `no` or `unknown`.
    pub(super) async fn endpoint_state(&self, name: &str) -> String {
        let seen = self.seen.lock().await;
        let mut answer = "unknown";
        for one in seen.asterisks.values() {
            match one.endpoints.as_ref().and_then(|all| all.get(name)) {
                Some(state) if state == "online" => return "yes".to_owned(),
                Some(_) => answer = "no",
                None => {}
            }
        }
        answer.to_owned()
    }
}

/// The worst of what the Asterisks tell of a registration.
fn registration(trunk: &Trunk, name: &str, seen: &Seen) -> (&'static str, String) {
    if trunk.mode != Mode::Registration {
        return ("none", "The carrier knows our address.".to_owned());
    }
    if !trunk.enabled {
        return ("none", "The trunk is switched off.".to_owned());
    }
    let mut found = Vec::new();
    for (asterisk, one) in &seen.asterisks {
        let (state, detail) = match &one.registrations {
            Ok(all) => words::registration(trunk, all.get(name).map(String::as_str)),
            Err(why) => ("unknown", why.clone()),
        };
        let detail = if seen.asterisks.len() > 1 {
            format!("Asterisk {asterisk}: {detail}")
        } else {
            detail
        };
        found.push((state, detail));
    }
    let worst = ["rejected", "unregistered", "unknown", "registered"]
        .iter()
        .find_map(|state| found.iter().find(|(it, _)| it == state));
    worst
        .cloned()
        .unwrap_or(("unknown", "No Asterisk is connected.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(all: &[(&str, Result<&str, &str>)]) -> Seen {
        let one = |status: &Result<&str, &str>| OneSeen {
            endpoints: None,
            registrations: status
                .map(|status| BTreeMap::from([("t".to_owned(), status.to_owned())]))
                .map_err(str::to_owned),
        };
        Seen {
            asterisks: all
                .iter()
                .map(|(id, status)| (AsteriskId::from(*id), one(status)))
                .collect(),
            ..Seen::default()
        }
    }

    #[test]
    fn the_worst_of_all_asterisks_is_told() {
        let trunk = Trunk {
            host: "h".to_owned(),
            enabled: true,
            ..Trunk::default()
        };
        for (all, state) in [
            (&[][..], "unknown"),
            (&[("a", Ok("Registered"))], "registered"),
            (
                &[("a", Ok("Registered")), ("b", Ok("Rejected"))],
                "rejected",
            ),
            (&[("a", Ok("Unregistered"))], "unregistered"),
            (&[("a", Err("set asterisk.ami"))], "unknown"),
        ] {
            let (found, detail) = registration(&trunk, "t", &seen(all));
            assert_eq!(found, state, "{detail}");
        }
        let (_, detail) = registration(&trunk, "t", &seen(&[("a", Err("set asterisk.ami"))]));
        assert_eq!(detail, "set asterisk.ami");
    }
}
