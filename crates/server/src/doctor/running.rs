//! The program that runs, if one does: its parts, and what only it knows.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use trunkline_cli::{Api, ApiArgs, Error, Settings};
use trunkline_node::{Config, Role};

use super::asterisk::reason;
use super::broker;
use super::finding::{Finding, Findings, Level};
use super::told::Told;

/// What to do when nothing better is known.
const LOG: &str = "the server's log says more";

/// Looks at it. What it tells of parts at which doctor may look itself is not
/// among the findings yet.
pub(super) async fn look(
    findings: &mut Findings,
    http: &Client,
    args: &ApiArgs,
    config: Option<&Config>,
) -> Told {
    let mut told = Told::default();
    let settings = match Settings::of_process() {
        Ok(settings) => settings,
        Err(error) => {
            findings.fail("command line", error.to_string(), error.next_step());
            return told;
        }
    };
    let own = config.map(|config| format!("http://{}", config.gateway.listen));
    let (url, named) = match settings.named_url(args) {
        Some(url) => (url, true),
        None => (own.clone().unwrap_or_else(|| settings.url(args)), false),
    };
    let Some(parts) = ready(findings, http, &url, named).await else {
        return told;
    };
    told.set_ours(own.is_none_or(|own| same_port(&own, &url)));
    broker::told(&mut told, &parts);
    let args = ApiArgs {
        url: Some(url.clone()),
        ..args.clone()
    };
    let api = settings
        .choose(&args)
        .and_then(|(url, token)| Api::new(&url, &token));
    match api {
        Ok(api) => inside(findings, &mut told, &api, &parts).await,
        Err(error) => {
            self::parts(findings, &mut told, &parts);
            findings.warn(
                "API",
                format!("doctor has no token, so it cannot ask the running program: {error}"),
                error.next_step(),
            );
        }
    }
    told
}

/// Looks at the process of one role, which has no API: at its health.
pub(super) async fn of_role(
    findings: &mut Findings,
    http: &Client,
    config: &Config,
    role: Role,
) -> Told {
    const ABOUT: &str = "server";
    let mut told = Told::default();
    let mut address = config.metrics.listen;
    if address.port() == 0 {
        return told;
    }
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let url = format!("http://{address}/health");
    let Ok(answer) = http.get(&url).send().await else {
        findings.ok(
            ABOUT,
            format!("no {role} of Trunkline answers at {url}; start it with `trunkline {role}`"),
        );
        return told;
    };
    let status = answer.status();
    let report: Value = answer.json().await.unwrap_or_default();
    // Whoever else it is has the port, and that is told where the ports are.
    if report["roles"].get(role.name()).is_none() {
        return told;
    }
    told.set_ours(true);
    if status == StatusCode::OK {
        findings.ok(
            ABOUT,
            format!("a {role} of Trunkline runs ({url}) and is ready"),
        );
    } else {
        findings.fail(
            ABOUT,
            format!("a {role} of Trunkline runs ({url}) and is not ready"),
            "the findings below say which part is away; its log says why",
        );
    }
    broker::told(&mut told, &report);
    parts(findings, &mut told, &report);
    told
}

/// Both lead to one program, as far as that can be told: the port decides.
fn same_port(own: &str, url: &str) -> bool {
    let port = |text: &str| {
        let url: reqwest::Url = text.parse().ok()?;
        url.port_or_known_default()
    };
    port(own).is_some_and(|own| own == 0 || Some(own) == port(url))
}

/// What `/readyz` says, if anybody does.
async fn ready(findings: &mut Findings, http: &Client, url: &str, named: bool) -> Option<Value> {
    const ABOUT: &str = "server";
    let path = format!("{}/readyz", url.trim_end_matches('/'));
    let answer = match http.get(&path).send().await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() && !named => {
            findings.ok(
                ABOUT,
                format!("no Trunkline runs at {url}; start it with `trunkline serve`"),
            );
            return None;
        }
        Err(error) => {
            let why = reason(&error);
            findings.fail(
                ABOUT,
                format!("no Trunkline answers at {url}: {why}"),
                "start it with `trunkline serve`, or name its address with --url",
            );
            return None;
        }
    };
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    if body.get("parts").is_none() {
        findings.fail(
            ABOUT,
            format!("what answers at {url} is no Trunkline: {status}"),
            "name the address of Trunkline's API with --url, or give it another port (option `gateway.listen`)",
        );
        return None;
    }
    if status == StatusCode::OK {
        findings.ok(ABOUT, format!("a Trunkline runs at {url} and is ready"));
    } else {
        findings.fail(
            ABOUT,
            format!("a Trunkline runs at {url} and is not ready"),
            "the findings below say which part is away; its log says why",
        );
    }
    Some(body["parts"].clone())
}

fn parts(findings: &mut Findings, told: &mut Told, parts: &Value) {
    const ABOUT: &str = "server";
    if parts["store"] == false {
        findings.fail(
            ABOUT,
            "its database does not answer",
            "look at the disk, then at the server's log",
        );
    }
    for (role, _) in parts["roles"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, up)| **up != true)
    {
        findings.fail(
            ABOUT,
            format!("its role {role} does not answer"),
            "the server's log says why",
        );
    }
    for asterisk in parts["asterisks"].as_array().into_iter().flatten() {
        let url = text(asterisk, "url");
        if asterisk["connected"] == true {
            continue;
        }
        let why = match text(asterisk, "last_error") {
            "" => "it is not connected, and does not say why",
            why => why,
        };
        told.add(Finding::new(
            Level::Fail,
            &format!("Asterisk {url}"),
            why,
            "it tries again by itself; its log and docs/asterisk-setup.md say more",
        ));
    }
    let parked = parts["parked_waiting"].as_i64().unwrap_or(0);
    if parked > 0 {
        findings.warn(
            ABOUT,
            format!("{parked} messages could not be handled and are parked"),
            "`trunkline parked list` shows them (docs/operations.md)",
        );
    }
}

/// What the API tells to whoever has a token.
async fn inside(findings: &mut Findings, told: &mut Told, api: &Api, parts: &Value) {
    const ABOUT: &str = "API";
    match api.list("/v1/outbound_configs", &[], 1).await {
        Ok(found) => {
            findings.ok(ABOUT, "it takes the token");
            let countries = found
                .rows
                .first()
                .map(|row| row["destination_whitelist"].clone());
            if countries
                .and_then(|list| list.as_array().map(Vec::len))
                .unwrap_or(0)
                == 0
            {
                findings.warn(
                    "calling",
                    "no country may be called",
                    "trunkline allow countries de",
                );
            }
        }
        Err(error) => {
            self::parts(findings, told, parts);
            findings.fail(ABOUT, error.to_string(), error.next_step());
            return;
        }
    }
    missing(
        findings,
        api,
        "/v1/routes",
        "no route leads anywhere",
        "trunkline route create --target all --trunk NAME",
    )
    .await;
    missing(
        findings,
        api,
        "/v1/numbers",
        "there is no number that could call",
        "trunkline number create +NUMBER",
    )
    .await;
    // The roles know more of the parts and trunks than can be seen from here.
    if !diagnostics(findings, told, api).await {
        self::parts(findings, told, parts);
        trunks(findings, api).await;
    }
}

async fn missing(findings: &mut Findings, api: &Api, path: &str, found: &str, next: &str) {
    match api.list(path, &[], 1).await {
        Ok(rows) if rows.rows.is_empty() => findings.warn("calling", found, next),
        Ok(_) => {}
        Err(error) => findings.warn("calling", error.to_string(), error.next_step()),
    }
}

async fn trunks(findings: &mut Findings, api: &Api) {
    let found = match api.list("/v1/trunks", &[], 0).await {
        Ok(found) => found,
        Err(error) if is_unknown(&error) => return,
        Err(error) => return findings.warn("trunks", error.to_string(), error.next_step()),
    };
    for trunk in &found.rows {
        let about = format!("trunk {}", text(trunk, "name"));
        let registration = &trunk["registration"];
        let (state, detail) = (text(registration, "state"), text(registration, "detail"));
        let next = format!("trunkline trunk test {}", text(trunk, "id"));
        match (state, text(trunk, "state")) {
            ("rejected" | "unregistered", _) => {
                findings.fail(
                    &about,
                    format!("its registration is {state}: {detail}"),
                    next,
                );
            }
            (_, pushed @ ("failed" | "waiting")) => {
                findings.warn(
                    &about,
                    format!("it is not in every Asterisk: {pushed}"),
                    next,
                );
            }
            _ if text(trunk, "reachable") == "no" => {
                findings.warn(&about, "the carrier does not answer OPTIONS", next);
            }
            ("registered", _) => findings.ok(&about, "it is registered"),
            _ => findings.ok(&about, "it is in every Asterisk"),
        }
    }
}

/// What the roles find out about themselves. Whether they were asked.
async fn diagnostics(findings: &mut Findings, told: &mut Told, api: &Api) -> bool {
    let answer = match api.get("/v1/diagnostics").await {
        Ok(answer) => answer,
        Err(error) => {
            if !is_unknown(&error) {
                findings.warn("server", error.to_string(), error.next_step());
            }
            return false;
        }
    };
    for part in answer["parts"].as_array().into_iter().flatten() {
        let level = match text(part, "state") {
            "ok" => Level::Ok,
            "failed" => Level::Fail,
            _ => Level::Warn,
        };
        let next = match text(part, "what_to_do") {
            "" if level != Level::Ok => LOG,
            next => next,
        };
        told.add(Finding::new(
            level,
            text(part, "part"),
            text(part, "detail"),
            next,
        ));
    }
    true
}

/// Whether the server is one that does not have this route.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Refused(refusal) if refusal.code == "NO_SUCH_ROUTE")
}

fn text<'v>(row: &'v Value, field: &str) -> &'v str {
    row[field].as_str().unwrap_or_default()
}
