//! The ports and the clock of this machine.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use tokio::net::TcpListener;
use trunkline_node::{Config, Role};

use super::finding::Findings;

/// Difference of the two clocks that a set clock makes, seconds.
const SET: f64 = 1.0;

/// 2026-01-01, in seconds since 1970: earlier is no time of this program.
const EARLIEST: u64 = 1_767_225_600;

/// Looks at the ports; `ours` says whether a program of this configuration answers.
pub(super) async fn look(findings: &mut Findings, config: &Config, ours: bool) {
    if config.runs(Role::Gateway) {
        port(findings, "gateway.listen", config.gateway.listen, ours).await;
    }
    port(findings, "metrics.listen", config.metrics.listen, ours).await;
}

async fn port(findings: &mut Findings, option: &str, address: SocketAddr, ours: bool) {
    const ABOUT: &str = "port";
    if address.port() == 0 {
        return findings.ok(ABOUT, format!("`{option}` takes a free port"));
    }
    match TcpListener::bind(address).await {
        Ok(_) if ours => findings.warn(
            ABOUT,
            format!("{address} (`{option}`) is free, although a Trunkline runs"),
            "it runs with other options; give doctor the same",
        ),
        Ok(_) => findings.ok(ABOUT, format!("{address} (`{option}`) is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && ours => findings.ok(
            ABOUT,
            format!("{address} (`{option}`) is used by the Trunkline that runs"),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => findings.fail(
            ABOUT,
            format!("{address} (`{option}`) is used by another program"),
            format!("end that program, or choose another port (option `{option}`)"),
        ),
        Err(error) => findings.fail(
            ABOUT,
            format!("{address} (`{option}`) cannot be listened on: {error}"),
            format!("choose an address of this machine (option `{option}`)"),
        ),
    }
}

/// The two clocks at one moment.
pub(super) struct Clocks {
    steady: Instant,
    of_day: SystemTime,
}

impl Clocks {
    pub(super) fn now() -> Self {
        Self {
            steady: Instant::now(),
            of_day: SystemTime::now(),
        }
    }

    /// Whether the time of day went on as the steady clock did.
    pub(super) fn compare(&self, findings: &mut Findings) {
        const ABOUT: &str = "clock";
        const NEXT: &str = "let the clock be kept by NTP (chrony, systemd-timesyncd)";
        let went = self.steady.elapsed().as_secs_f64();
        let of_day = match self.of_day.elapsed() {
            Ok(went) => went.as_secs_f64(),
            Err(back) => -back.duration().as_secs_f64(),
        };
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        if since_1970.map_or(0, |time| time.as_secs()) < EARLIEST {
            return findings.fail(ABOUT, "the clock of this machine is years behind", NEXT);
        }
        let jump = of_day - went;
        if jump.abs() > SET {
            let found =
                format!("the clock of this machine was set by {jump:.1} s while doctor looked");
            return findings.warn(ABOUT, found, NEXT);
        }
        findings.ok(ABOUT, "the clock of this machine goes steadily");
    }
}
