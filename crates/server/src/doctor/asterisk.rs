//! Each Asterisk: whether it is there, lets us in, is new enough, and has what is
//! wanted.

use reqwest::{Client, StatusCode};
use serde_json::Value;
use trunkline_model::Timestamp;
use trunkline_node::config::Asterisk;
use trunkline_node::{Config, Role};

use super::finding::{Finding, Findings, Level};
use super::modules::{WANTED, Weight};
use super::told::Told;

/// The oldest version that is supported.
const OLDEST: u64 = 22;

/// Difference to our clock that is worth a word, seconds.
const LATE: f64 = 2.0;

/// What a transport of the shipped configuration is called.
const TRANSPORT: &str = "transport-udp";

/// An answer of Asterisk.
struct Answer {
    status: StatusCode,
    body: Value,
}

/// What one Asterisk is asked with.
struct Ari<'a> {
    http: &'a Client,
    asterisk: &'a Asterisk,
    /// What findings are about.
    about: String,
}

/// Looks at each that this process would serve.
pub(super) async fn look(findings: &mut Findings, http: &Client, config: &Config, told: &mut Told) {
    if !config.runs(Role::AsteriskProxy) {
        return;
    }
    if config.asterisk.is_empty() {
        findings.fail(
            "asterisk",
            "the configuration has none",
            "name one: --asterisk http://HOST:8088",
        );
    }
    for (at, asterisk) in config.asterisk.iter().enumerate() {
        let about = match config.asterisk.len() {
            1 => "asterisk".to_owned(),
            _ => format!("asterisk {}", at + 1),
        };
        let ari = Ari {
            http,
            asterisk,
            about,
        };
        let url = &asterisk.proxy.url;
        let link = told.take(&format!("Asterisk {url}"));
        // What keeps us away keeps the program away too.
        if !ari.is_there(findings).await {
            continue;
        }
        let since = findings.len();
        ari.clock(findings).await;
        told.settle(findings, since, &format!("clock of Asterisk {url}"));
        let since = findings.len();
        ari.modules(findings).await;
        told.settle(findings, since, &format!("modules of Asterisk {url}"));
        match link.filter(|link| link.level != Level::Ok) {
            Some(why) => ari.not_connected(findings, why),
            None => ari.application(findings, told.ours()).await,
        }
        ari.transport(findings).await;
    }
}

impl Ari<'_> {
    async fn get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        let base = self.asterisk.proxy.url.trim_end_matches('/');
        let request = self
            .http
            .get(format!("{base}/ari/{path}"))
            .header("authorization", self.asterisk.authorization());
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, body })
    }

    /// Reachable, the right account, new enough.
    async fn is_there(&self, findings: &mut Findings) -> bool {
        let (about, url) = (self.about.as_str(), &self.asterisk.proxy.url);
        let answer = match self.get("asterisk/info").await {
            Ok(answer) => answer,
            Err(error) => {
                let why = reason(&error);
                findings.fail(
                    about,
                    format!("nothing answers at {url}: {why}"),
                    "start Asterisk; its http.conf needs enabled = yes, bindaddr and bindport as in that address \
                     (docs/asterisk-setup.md); another address is the option `asterisk.url` or --asterisk (of the Go proxy ARI_ADDRESS)",
                );
                return false;
            }
        };
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                findings.fail(
                    about,
                    format!("{url} does not take the account"),
                    "set TRUNKLINE_ARI_ACCOUNT (of the Go proxy ARI_ACCOUNT; or the file of `account_file`) \
                     to user:password of a [user] in its ari.conf; there: enabled = yes, read_only = no",
                );
                return false;
            }
            status => {
                findings.fail(
                    about,
                    format!("what answers at {url} has no ARI: {status}"),
                    "load res_ari and res_ari_asterisk, and look whether another program has that port",
                );
                return false;
            }
        }
        let version = answer.body["system"]["version"]
            .as_str()
            .unwrap_or_default();
        let found = format!("{url} answers and is version {version}");
        if major(version).is_none_or(|major| major < OLDEST) {
            let next =
                format!("install Asterisk {OLDEST} or newer; calls of older ones fail in places");
            findings.fail(about, found, next);
            return true;
        }
        findings.ok(about, found);
        true
    }

    /// How far its clock is from ours.
    async fn clock(&self, findings: &mut Findings) {
        let before = Timestamp::system_now();
        let Ok(answer) = self.get("asterisk/ping").await else {
            return;
        };
        let after = Timestamp::system_now();
        let there = answer.body["timestamp"].as_str();
        let Some(there) = there.and_then(|text| text.parse::<Timestamp>().ok()) else {
            return;
        };
        let here = i64::midpoint(before.as_micros(), after.as_micros());
        #[expect(clippy::cast_precision_loss, reason = "a difference for people")]
        let late = (there.as_micros() - here) as f64 / 1e6;
        let about = &self.about;
        if late.abs() > LATE {
            findings.warn(
                about,
                format!("its clock differs from ours by {late:.1} s"),
                "let both clocks be kept by NTP: times of calls are Asterisk's",
            );
        } else {
            findings.ok(about, format!("its clock differs from ours by {late:.1} s"));
        }
    }

    async fn modules(&self, findings: &mut Findings) {
        let about = self.about.as_str();
        let Some(running) = self.running_modules().await else {
            findings.warn(
                about,
                "it does not tell its modules",
                "load res_ari_asterisk; then doctor says what is missing",
            );
            return;
        };
        let has = |name: &&str| running.iter().any(|module| module == name);
        let missing = WANTED
            .iter()
            .filter(|wanted| !wanted.any_of.iter().any(has));
        let mut whole = true;
        for wanted in missing {
            whole = false;
            let names = wanted.any_of.join(" or ");
            let found = format!("the module {names} does not run: {}", wanted.without);
            let next = "load it in modules.conf (docs/asterisk-setup.md); `asterisk -rx 'module load NAME'` says why it does not";
            match wanted.weight {
                Weight::Must => findings.fail(about, found, next),
                Weight::Should => findings.warn(about, found, next),
            }
        }
        if whole {
            findings.ok(
                about,
                format!("all {} modules that are wanted run", WANTED.len()),
            );
        }
    }

    /// Names of the modules that run, without `.so`.
    async fn running_modules(&self) -> Option<Vec<String>> {
        let answer = self.get("asterisk/modules").await.ok()?;
        let modules = answer.body.as_array()?;
        let running = modules
            .iter()
            .filter(|module| module["status"] == "Running");
        let names = running.filter_map(|module| module["name"].as_str());
        Some(
            names
                .map(|name| name.trim_end_matches(".so").to_owned())
                .collect(),
        )
    }

    /// The program says itself that it is not connected.
    fn not_connected(&self, findings: &mut Findings, why: Finding) {
        let (name, why_not) = (&self.asterisk.proxy.application, &why.found);
        let found = format!("the Trunkline that runs is not connected as `{name}`: {why_not}");
        findings.fail(&self.about, found, why.next);
    }

    /// The application is there while a program of ours is connected.
    async fn application(&self, findings: &mut Findings, ours: bool) {
        let (about, name) = (self.about.as_str(), &self.asterisk.proxy.application);
        let Ok(answer) = self.get("applications").await else {
            return;
        };
        let all = answer.body.as_array().cloned().unwrap_or_default();
        let there = all
            .iter()
            .any(|application| application["name"] == name.as_str());
        match (there, ours) {
            (true, true) => findings.ok(about, format!("Trunkline is connected as `{name}`")),
            (false, true) => findings.fail(
                about,
                format!("the Trunkline that runs is not connected as `{name}`"),
                "its log says why; `trunkline asterisk list` shows what it is connected to",
            ),
            (true, false) => findings.warn(
                about,
                format!("something is connected as `{name}` already"),
                "an application is one program's: if it is not a Trunkline of yours elsewhere, end it, \
                 or choose another name (option `asterisk.application`)",
            ),
            (false, false) => {}
        }
    }

    /// Whether SIP has a transport of the name that the endpoints have.
    async fn transport(&self, findings: &mut Findings) {
        let path = format!("asterisk/config/dynamic/res_pjsip/transport/{TRANSPORT}");
        let Ok(answer) = self.get(&path).await else {
            return;
        };
        let about = self.about.as_str();
        match answer.status {
            StatusCode::OK => findings.ok(about, format!("SIP has the transport `{TRANSPORT}`")),
            StatusCode::NOT_FOUND => findings.warn(
                about,
                format!("pjsip.conf has no transport `{TRANSPORT}`: trunks and phones name it"),
                "add it as docs/asterisk-setup.md has it, and start Asterisk anew: a reload does not make one",
            ),
            _ => {}
        }
    }
}

/// The number before the first dot, whatever stands before it (`certified/22.…`).
fn major(version: &str) -> Option<u64> {
    let number = version.rsplit('/').next()?.split(['.', '-']).next()?;
    number.parse().ok()
}

/// The innermost cause: the others say that a request failed.
pub(super) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_in_each_form() {
        let cases = [
            ("22.10.1", Some(22)),
            ("certified/22.8-cert1", Some(22)),
            ("20.5.0~dfsg", Some(20)),
            ("GIT-master-abc", None),
            ("", None),
        ];
        for (version, expected) in cases {
            assert_eq!(major(version), expected, "{version}");
        }
    }
}
