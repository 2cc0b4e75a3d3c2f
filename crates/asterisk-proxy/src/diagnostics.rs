//! What an Asterisk lacks, and whether its clock agrees with ours: for whoever
//! looks for a fault. A request of Trunkline's own.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use trunkline_model::diagnostic::{Part, State};

use crate::asterisk::Asterisk;
use crate::transport::{Ask, HttpError, Method};

/// Seconds that two clocks may be apart.
const CLOCK_TOLERANCE: f64 = 2.0;

/// What is used, and for what. `asterisk/etc/modules.conf` has everything that these
/// want themselves.
const NEEDED: &[(&str, &[&str])] = &[
    (
        "calls",
        &[
            "res_stasis.so",
            "app_stasis.so",
            "res_ari_applications.so",
            "res_ari_asterisk.so",
            "res_ari_bridges.so",
            "res_ari_channels.so",
            "res_ari_events.so",
            "bridge_simple.so",
            "bridge_softmix.so",
            "chan_pjsip.so",
            "res_pjsip_session.so",
            "res_pjsip_sdp_rtp.so",
            "res_rtp_asterisk.so",
            "codec_ulaw.so",
            "codec_alaw.so",
        ],
    ),
    (
        "sounds and speech",
        &[
            "res_stasis_playback.so",
            "res_ari_playbacks.so",
            "res_curl.so",
            "res_http_media_cache.so",
            "format_wav.so",
        ],
    ),
    (
        "recordings",
        &[
            "res_stasis_recording.so",
            "res_stasis_snoop.so",
            "res_ari_recordings.so",
        ],
    ),
    (
        "trunks and phones",
        &[
            "res_sorcery_memory.so",
            "res_ari_endpoints.so",
            "res_pjsip_authenticator_digest.so",
            "res_pjsip_outbound_authenticator_digest.so",
            "res_pjsip_outbound_registration.so",
            "res_pjsip_endpoint_identifier_ip.so",
            "res_pjsip_registrar.so",
        ],
    ),
    ("echo", &["app_echo.so"]),
    ("answering machines", &["app_amd.so"]),
];

#[derive(Deserialize)]
struct Module {
    name: String,
    #[serde(default)]
    status: String,
}

/// Every part of this Asterisk.
pub(crate) async fn parts(asterisk: &Asterisk) -> Vec<Part> {
    let url = asterisk.url();
    let (modules, clock) = tokio::join!(modules(asterisk), clock(asterisk));
    let (name, clock_name) = (
        format!("modules of Asterisk {url}"),
        format!("clock of Asterisk {url}"),
    );
    let unknown = |name: String, error: HttpError| {
        Part::not_ok(
            name,
            State::Unknown,
            format!("it does not tell: {error}"),
            "look at Asterisk's log",
        )
    };
    vec![
        match modules {
            Ok(running) => judge_modules(name, running.as_deref()),
            Err(error) => unknown(name, error),
        },
        match clock {
            Ok(difference) => judge_clock(clock_name, difference),
            Err(error) => unknown(clock_name, error),
        },
    ]
}

/// The modules that run; none when Asterisk does not list them.
async fn modules(asterisk: &Asterisk) -> Result<Option<Vec<String>>, HttpError> {
    let ask = Ask {
        method: Method::GET,
        uri: "/ari/asterisk/modules",
        content_type: "",
        body: None,
    };
    let answer = asterisk.http.ask(ask).await?;
    let Ok(modules) = serde_json::from_slice::<Vec<Module>>(&answer.body) else {
        return Ok(None);
    };
    let running = modules
        .into_iter()
        .filter(|module| module.status != "Not Running");
    Ok(Some(running.map(|module| module.name).collect()))
}

fn judge_modules(name: String, running: Option<&[String]>) -> Part {
    let Some(running) = running else {
        let detail = "it does not list its modules";
        let what = "compare its modules.conf with the table in docs/asterisk-setup.md";
        return Part::not_ok(name, State::Unknown, detail, what);
    };
    let is_missing = |module: &&&str| !running.iter().any(|running| running == **module);
    let mut lacks = Vec::new();
    let mut missing = Vec::new();
    for (what, modules) in NEEDED {
        let of_these: Vec<&str> = modules.iter().filter(is_missing).copied().collect();
        if !of_these.is_empty() {
            lacks.push(format!("{what}: {}", of_these.join(", ")));
            missing.extend(of_these);
        }
    }
    if lacks.is_empty() {
        return Part::ok(
            name,
            format!("everything that is used is among {}", running.len()),
        );
    }
    let calls_suffer = lacks[0].starts_with("calls");
    let state = if calls_suffer {
        State::Failed
    } else {
        State::Warning
    };
    let load: Vec<String> = missing
        .iter()
        .map(|module| format!("load = {module}"))
        .collect();
    Part::not_ok(
        name,
        state,
        format!("missing for {}", lacks.join("; ")),
        format!(
            "put these lines into modules.conf and restart Asterisk: {} (asterisk/etc/modules.conf has a whole list)",
            load.join(", ")
        ),
    )
}

/// How far its clock is ahead of ours, seconds; none when it does not tell the time.
/// Its answer names whole seconds, so this is exact to half a second and half of
/// the request's time.
async fn clock(asterisk: &Asterisk) -> Result<Option<f64>, HttpError> {
    let before = now();
    let asked = asterisk.http.download("/ari/asterisk/info?only=system");
    let patience = std::time::Duration::from_millis(asterisk.config.request_timeout_ms);
    let answer = tokio::time::timeout(patience, asked).await;
    let answer = answer.map_err(|_| HttpError::Timeout)??;
    let middle = f64::midpoint(before, now());
    Ok(answer.date.map(|date| date as f64 + 0.5 - middle))
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

fn judge_clock(name: String, difference: Option<f64>) -> Part {
    let Some(difference) = difference else {
        let detail = "it does not tell what time it is";
        let what = "compare the time on both machines";
        return Part::not_ok(name, State::Unknown, detail, what);
    };
    if difference.abs() <= CLOCK_TOLERANCE {
        return Part::ok(name, "it agrees with this machine's");
    }
    let direction = if difference > 0.0 {
        "ahead of"
    } else {
        "behind"
    };
    Part::not_ok(
        name,
        State::Warning,
        format!("it is {:.0} s {direction} this machine's", difference.abs()),
        "set both by NTP: keys and recordings are put in order by Asterisk's clock",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<String> {
        let modules = NEEDED.iter().flat_map(|(_, modules)| *modules);
        modules.map(|module| (*module).to_owned()).collect()
    }

    fn without(missing: &[&str]) -> Part {
        let running: Vec<String> = all()
            .into_iter()
            .filter(|module| !missing.contains(&module.as_str()))
            .collect();
        judge_modules("m".to_owned(), Some(&running))
    }

    #[test]
    fn a_missing_module_is_named_with_what_it_is_for() {
        assert_eq!(without(&[]).state, State::Ok);
        let part = without(&["res_curl.so"]);
        assert_eq!(part.state, State::Warning);
        assert_eq!(part.detail, "missing for sounds and speech: res_curl.so");
        assert!(part.what_to_do.contains("load = res_curl.so"), "{part:?}");
        assert_eq!(
            without(&["chan_pjsip.so", "app_amd.so"]).state,
            State::Failed
        );
        assert_eq!(judge_modules("m".to_owned(), None).state, State::Unknown);
    }

    /// What is wanted here is what the checkout's own Asterisk loads.
    #[test]
    fn every_module_is_in_the_list_of_the_checkout() {
        let list = include_str!("../../../asterisk/etc/modules.conf");
        for module in all() {
            assert!(list.contains(&format!("load = {module}\n")), "{module}");
        }
    }

    #[test]
    fn a_clock_is_right_or_it_is_said_by_how_much_not() {
        let judge = |difference| judge_clock("c".to_owned(), difference);
        for right in [0.0, 1.9, -1.9] {
            assert_eq!(judge(Some(right)).state, State::Ok);
        }
        assert_eq!(judge(Some(7.2)).detail, "it is 7 s ahead of this machine's");
        assert_eq!(
            judge(Some(-3600.0)).detail,
            "it is 3600 s behind this machine's"
        );
        assert_eq!(judge(None).state, State::Unknown);
    }
}
