//! Making every Asterisk have what the rows say (`asterisk.md`: delete, then put).
//!
//! A comparison reads the list of an Asterisk's endpoints: what is missing is pushed
//! (its memory is empty after a restart), what is of another version is pushed anew,
//! what carries our mark and is not wanted is taken away. Everything may be repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use trunkline_ari::client::{Attribute, Endpoint};
use trunkline_ari::{AsteriskTarget, Error as AriError};
use trunkline_domain::registrar::objects::{self, DOMAIN, REMOVAL, VERSION, Wanted};
use trunkline_model::Timestamp;
use trunkline_model::id::AsteriskId;
use trunkline_model::trunk::Placement;
use trunkline_store::{phone, trunk};

use super::Registrar;

/// What this process knows of what Asterisks have; it may be forgotten at any time.
#[derive(Default)]
pub(super) struct Placed(Mutex<BTreeMap<AsteriskId, BTreeMap<String, Known>>>);

/// One name in one Asterisk.
#[derive(Debug, Clone)]
enum Known {
    /// It has this version.
    Has {
        version: String,
        looked: Instant,
        at: Option<Timestamp>,
    },
    /// It did not take this version.
    Failed {
        version: String,
        why: String,
        at: Option<Timestamp>,
    },
    /// It is not ours.
    Foreign,
}

impl Placed {
    pub(super) fn forget(&self, asterisk: &AsteriskId) {
        self.lock().remove(asterisk);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AsteriskId, BTreeMap<String, Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, asterisk: &AsteriskId, name: &str) -> Option<Known> {
        self.lock().get(asterisk)?.get(name).cloned()
    }

    fn note(&self, asterisk: &AsteriskId, name: &str, known: Option<Known>) {
        let mut placed = self.lock();
        let names = placed.entry(asterisk.clone()).or_default();
        match known {
            Some(known) => names.insert(name.to_owned(), known),
            None => names.remove(name),
        };
    }
}

/// Compares until `stop` is cancelled.
pub(super) async fn run(registrar: Arc<Registrar>, stop: CancellationToken) {
    let mut compared: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = registrar.wake.notified() => compared = None,
            () = sleep(registrar.config.look_interval()) => {}
        }
        let work = async {
            let changed = registrar.look_for_asterisks().await;
            let due = |at: Instant| at.elapsed() >= registrar.config.compare_interval();
            if !changed && !compared.is_none_or(due) {
                return;
            }
            if let Err(error) = registrar.compare_all().await {
                tracing::warn!(%error, "trunks and phones cannot be compared with Asterisk");
            }
            compared = Some(Instant::now());
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = work => {}
        }
    }
}

impl Registrar {
    async fn compare_all(&self) -> Result<(), trunkline_store::Error> {
        for asterisk in self.asterisks.connected() {
            let _held = self.pushing.lock().await;
            // Read under the lock: nobody pushes an older version over a newer one.
            let wanted = self.wanted().await?;
            self.compare(&asterisk, &wanted).await?;
        }
        Ok(())
    }

    /// What every Asterisk is to have.
    async fn wanted(&self) -> Result<Vec<Wanted>, trunkline_store::Error> {
        let (limit, base) = (self.config.max_objects, self.base_domain.as_str());
        let trunks = trunk::enabled(self.db(), limit).await?;
        let phones = phone::enabled(self.db(), limit).await?;
        for (what, number) in [("trunks", trunks.len()), ("phones", phones.len())] {
            if number >= limit as usize {
                tracing::warn!(
                    what,
                    limit,
                    "there are more than are pushed: raise registrar.max_objects"
                );
            }
        }
        let trunks = trunks.iter().map(|trunk| objects::of_trunk(trunk, base));
        let phones = phones.iter().map(|phone| objects::of_phone(phone, base));
        Ok(trunks.chain(phones).collect())
    }

    async fn compare(
        &self,
        asterisk: &AsteriskId,
        wanted: &[Wanted],
    ) -> Result<(), trunkline_store::Error> {
        let to = AsteriskTarget::from(asterisk);
        let there = match self.ari.endpoints(&to).await {
            Ok(endpoints) => endpoints,
            Err(error) => {
                self.placed.forget(asterisk);
                if wanted.is_empty() {
                    tracing::debug!(asterisk_id = %asterisk, %error, "an Asterisk does not tell what endpoints it has");
                } else {
                    tracing::warn!(asterisk_id = %asterisk, %error, "an Asterisk does not tell what endpoints it has");
                }
                return Ok(());
            }
        };
        let names: BTreeSet<&str> = there.iter().map(|it| it.resource.as_str()).collect();
        for it in wanted {
            if !(names.contains(it.name.as_str()) && self.has(asterisk, &to, it).await) {
                self.push(asterisk, it).await?;
            }
        }
        let kept: BTreeSet<&str> = wanted.iter().map(|it| it.name.as_str()).collect();
        for Endpoint { resource: name, .. } in &there {
            if !kept.contains(name.as_str()) && self.is_ours(asterisk, &to, name).await {
                self.remove(asterisk, name).await;
            }
        }
        Ok(())
    }

    /// Whether an Asterisk that has the endpoint has this version of it.
    async fn has(&self, asterisk: &AsteriskId, to: &AsteriskTarget, it: &Wanted) -> bool {
        if let Some(Known::Has {
            version, looked, ..
        }) = self.placed.get(asterisk, &it.name)
            && version == it.version
            && looked.elapsed() < self.config.verify_interval()
        {
            return true;
        }
        let Ok(found) = self.ari.config_get(to, "endpoint", &it.name).await else {
            return false;
        };
        let domain = format!("pstn.{}", self.base_domain);
        let same = value(&found, VERSION) == Some(it.version.as_str())
            && value(&found, DOMAIN) == Some(domain.as_str());
        if same {
            let at = self.state.ledger.now().await.ok();
            let known = Known::Has {
                version: it.version.clone(),
                looked: Instant::now(),
                at,
            };
            self.placed.note(asterisk, &it.name, Some(known));
        }
        same
    }

    /// Whether an endpoint that nobody wants carries our mark.
    async fn is_ours(&self, asterisk: &AsteriskId, to: &AsteriskTarget, name: &str) -> bool {
        match self.placed.get(asterisk, name) {
            Some(Known::Foreign) => return false,
            Some(Known::Has { .. }) => return true,
            Some(Known::Failed { .. }) | None => {}
        }
        let Ok(found) = self.ari.config_get(to, "endpoint", name).await else {
            return false;
        };
        let ours = value(&found, VERSION).is_some();
        if !ours {
            self.placed.note(asterisk, name, Some(Known::Foreign));
        }
        ours
    }

    /// Pushes one, and notes how it went.
    async fn push(&self, asterisk: &AsteriskId, it: &Wanted) -> Result<(), trunkline_store::Error> {
        let to = AsteriskTarget::from(asterisk);
        let outcome = self.put(&to, it).await;
        let at = Some(self.state.ledger.now().await?);
        let version = it.version.clone();
        let known = match outcome {
            Ok(()) => {
                self.metrics.pushed("pushed");
                tracing::info!(asterisk_id = %asterisk, name = it.name, "Asterisk has a trunk or phone anew");
                Known::Has {
                    version,
                    looked: Instant::now(),
                    at,
                }
            }
            Err(why) => {
                self.metrics.pushed("failed");
                tracing::warn!(asterisk_id = %asterisk, name = it.name, why, "Asterisk does not take a trunk or phone");
                Known::Failed { version, why, at }
            }
        };
        self.placed.note(asterisk, &it.name, Some(known));
        Ok(())
    }

    /// Takes away what there is, then puts what is wanted, the endpoint last.
    async fn put(&self, to: &AsteriskTarget, it: &Wanted) -> Result<(), String> {
        self.delete(to, &it.name).await?;
        for object in &it.objects {
            let fields = object
                .fields
                .iter()
                .map(|(name, value)| (*name, value.as_str()));
            if let Err(error) = self.ari.config_put(to, object.kind, &it.name, fields).await {
                return Err(in_words(object.kind, &error));
            }
        }
        Ok(())
    }

    async fn delete(&self, to: &AsteriskTarget, name: &str) -> Result<(), String> {
        for kind in REMOVAL {
            self.ari
                .config_delete(to, kind, name)
                .await
                .map_err(|error| in_words(kind, &error))?;
        }
        Ok(())
    }

    async fn remove(&self, asterisk: &AsteriskId, name: &str) {
        match self.delete(&asterisk.into(), name).await {
            Ok(()) => {
                self.metrics.pushed("removed");
                self.placed.note(asterisk, name, None);
                tracing::info!(asterisk_id = %asterisk, name, "a trunk or phone was taken from Asterisk");
            }
            Err(why) => {
                self.metrics.pushed("failed");
                tracing::warn!(asterisk_id = %asterisk, name, why, "a trunk or phone stays in Asterisk for now");
            }
        }
    }

    /// Has every Asterisk get one that has changed, or lose it; waits for that a
    /// moment. The next comparison does what is left.
    pub(super) async fn push_now(&self, it: &Wanted, enabled: bool) {
        let pushing = async {
            // One may have come since the last look.
            self.look_for_asterisks().await;
            let _held = self.pushing.lock().await;
            for asterisk in self.asterisks.connected() {
                if enabled {
                    self.push(&asterisk, it).await?;
                } else {
                    self.remove(&asterisk, &it.name).await;
                }
            }
            Ok::<(), trunkline_store::Error>(())
        };
        if timeout(self.config.push_wait(), pushing).await.is_err() {
            tracing::debug!(name = it.name, "Asterisk gets a change a little later");
        }
        self.wake.notify_one();
    }

    /// How one stands in every Asterisk, and the worst of it in a word.
    pub(super) fn placements(&self, it: &Wanted, enabled: bool) -> (String, Vec<Placement>) {
        if !enabled {
            return ("disabled".to_owned(), Vec::new());
        }
        let mut placements = Vec::new();
        for asterisk in self.asterisks.connected() {
            let (state, detail, at) = match self.placed.get(&asterisk, &it.name) {
                Some(Known::Has { version, at, .. }) if version == it.version => {
                    ("pushed", String::new(), at)
                }
                Some(Known::Failed { version, why, at }) if version == it.version => {
                    ("failed", why, at)
                }
                _ => (
                    "waiting",
                    "Asterisk gets it within seconds.".to_owned(),
                    None,
                ),
            };
            placements.push(Placement {
                asterisk_id: asterisk,
                state: state.to_owned(),
                detail,
                tm_update: at,
            });
        }
        let worst = ["failed", "waiting", "pushed"]
            .into_iter()
            .find(|state| placements.iter().any(|it| it.state == *state));
        (worst.unwrap_or("waiting").to_owned(), placements)
    }
}

fn value<'a>(found: &'a [Attribute], name: &str) -> Option<&'a str> {
    let found = found.iter().find(|it| it.attribute == name)?;
    Some(found.value.as_str())
}

/// Why Asterisk did not take an object, for people.
fn in_words(kind: &str, error: &AriError) -> String {
    match error {
        AriError::Refused { status: 400, .. } if kind == "identify" => {
            "its host, or an entry of `matches`, cannot be resolved by Asterisk.".to_owned()
        }
        AriError::Refused { status: 403, .. } => {
            "an object of the same name stands in its pjsip.conf, or sorcery.conf does not name `memory`.".to_owned()
        }
        AriError::Refused { status, message } => {
            format!("it refuses the {kind} with status {status}: {message}.")
        }
        AriError::Gone { .. } => {
            format!("it has no dynamic configuration for {kind}: a module of PJSIP is not loaded.")
        }
        AriError::Unreachable(_) | AriError::Answer(_) => "it does not answer.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_words() {
        let refused = |status| AriError::Refused {
            status,
            message: "Creation of object failed".to_owned(),
        };
        for (kind, error, word) in [
            ("identify", refused(400), "resolved"),
            ("endpoint", refused(400), "status 400"),
            ("auth", refused(403), "pjsip.conf"),
            (
                "registration",
                AriError::Gone {
                    message: String::new(),
                },
                "module",
            ),
        ] {
            let words = in_words(kind, &error);
            assert!(words.contains(word), "{words}");
        }
    }
}
