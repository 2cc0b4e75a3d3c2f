//! Speech, and the address that Asterisk fetches sounds from.

use std::path::{Path, PathBuf};

use reqwest::{Client, Url};
use trunkline_node::{Config, Role};

use super::asterisk::reason;
use super::finding::Findings;

/// Looks at both; `ours` says whether a program of this configuration answers, which
/// has tried the engine itself.
pub(super) async fn look(findings: &mut Findings, http: &Client, config: &Config, ours: bool) {
    if !ours && config.runs(Role::TtsManager) {
        engine(findings, config);
    }
    if config.media.public_url.is_empty() {
        far_asterisks(findings, config);
    } else if ours {
        address(findings, http, &config.media.public_url).await;
    }
}

fn engine(findings: &mut Findings, config: &Config) {
    const ABOUT: &str = "speech engine";
    if !config.tts.url.is_empty() {
        return findings.ok(ABOUT, "it is a server; the running program tries it");
    }
    let name = config.tts.command.first().map_or("", String::as_str);
    match program(name) {
        Some(path) => findings.ok(ABOUT, format!("`{name}` is `{}`", path.display())),
        None => findings.warn(
            ABOUT,
            format!("`{name}` is not there; calls go on without speech"),
            "install the package espeak-ng, or name another engine (options `tts.command`, `tts.url`)",
        ),
    }
}

/// Where a program is, as the system looks for it.
fn program(name: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| runs(path));
    }
    let folders = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&folders).map(|folder| folder.join(name));
    candidates.find(|path| runs(path))
}

/// An Asterisk elsewhere cannot fetch anything from our loopback.
fn far_asterisks(findings: &mut Findings, config: &Config) {
    if !config.runs(Role::Gateway) || !config.gateway.listen.ip().is_loopback() {
        return;
    }
    for asterisk in &config.asterisk {
        let url = &asterisk.proxy.url;
        if !is_near(url) {
            findings.warn(
                "media URL",
                format!(
                    "the Asterisk at {url} cannot fetch speech from {}",
                    config.gateway.listen
                ),
                "let the API listen where that Asterisk reaches it (option `gateway.listen`), \
                 or name such an address with `media.public_url`",
            );
        }
    }
}

fn is_near(url: &str) -> bool {
    let host = url
        .parse::<Url>()
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

async fn address(findings: &mut Findings, http: &Client, url: &str) {
    const ABOUT: &str = "media URL";
    let path = format!("{}/healthz", url.trim_end_matches('/'));
    match http.get(path).send().await {
        Ok(_) => findings.ok(ABOUT, format!("{url} answers from here")),
        Err(error) => findings.warn(
            ABOUT,
            format!("{url} does not answer from here: {}", reason(&error)),
            "Asterisk fetches speech from that address: correct the option `media.public_url`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_the_loopback() {
        let cases = [
            ("http://127.0.0.1:8088", true),
            ("http://localhost:8088", true),
            ("http://[::1]:8088", true),
            ("http://192.0.2.7:8088", false),
            ("http://pbx:8088", false),
        ];
        for (url, near) in cases {
            assert_eq!(is_near(url), near, "{url}");
        }
    }

    #[test]
    fn a_program_is_found_as_the_system_finds_it() {
        assert!(program("sh").is_some());
        assert!(program("/bin/sh").is_some());
        assert_eq!(program("no-such-engine"), None);
        assert_eq!(program("/etc/passwd"), None);
    }
}
