//! SIPp: the other side of the call.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::ports::{free_udp_port, free_udp_range};
use crate::process::Process;
use crate::tools::Tools;
use crate::voices::Voices;

/// A server that plays every callee; the last two digits of the dialed number
/// say which (`asterisk/callees/README.md`).
pub struct Callees {
    process: Process,
    /// Of those that press a digit or say nothing.
    _voices: Voices,
    port: u16,
    /// A line for each message, when it counts.
    messages: Option<PathBuf>,
}

impl Callees {
    /// Starts it with its files in `dir`.
    ///
    /// # Errors
    ///
    /// When SIPp cannot be started.
    pub fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        Self::start_with(tools, dir, None)
    }

    /// The same, and counts the calls that reach it: a line of a file for each
    /// message, which costs time.
    ///
    /// # Errors
    ///
    /// As [`Callees::start`].
    pub fn start_counting(tools: &Tools, dir: &Path) -> Result<Self> {
        Self::start_with(tools, dir, Some(dir.join("messages.csv")))
    }

    fn start_with(tools: &Tools, dir: &Path, messages: Option<PathBuf>) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let port = free_udp_port()?;
        let media = free_udp_range(64)?;
        let log = dir.join("voices.log");
        let voices = Voices::start(&log)?;
        let mut command = tools.script("sipp.sh");
        command.current_dir(dir);
        command.arg("-sf").arg(tools.path("callees/callee.xml"));
        command.args(["-key", "voices", &voices.port().to_string()]);
        command.args(["-trace_logs", "-log_file"]).arg(&log);
        command.args([
            "-i",
            &Ipv4Addr::LOCALHOST.to_string(),
            "-p",
            &port.to_string(),
        ]);
        command.args(["-mp", &media.to_string(), "-rtp_echo", "-aa", "-nostdin"]);
        if let Some(messages) = &messages {
            command
                .args(["-trace_shortmsg", "-shortmessage_file"])
                .arg(messages);
        }
        let process = Process::start("SIPp", command, &dir.join("sipp.log"))?;
        Ok(Self {
            process,
            _voices: voices,
            port,
            messages,
        })
    }

    /// How many calls have reached each number so far. One that is sent again
    /// because its answer was lost, and one that is changed while it lasts, is
    /// the same call.
    ///
    /// # Errors
    ///
    /// When it does not count, or the file cannot be read.
    pub fn dials(&self) -> Result<BTreeMap<String, u64>> {
        let file = self
            .messages
            .as_ref()
            .context("these callees do not count")?;
        let lines = match std::fs::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // SIPp makes the file with the first message.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        let calls: BTreeSet<(&str, &str)> = lines.lines().filter_map(invited).collect();
        let mut dials = BTreeMap::new();
        for (_, number) in calls {
            *dials.entry(number.to_owned()).or_default() += 1;
        }
        Ok(dials)
    }

    /// Where it takes calls: what a provider's hostname is set to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    ///
    /// When it does not run any more.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn stop(self) -> Result<()> {
        self.process.kill().await
    }
}

/// Call-ID and number of a line of SIPp's short messages that tells of an INVITE
/// that came.
fn invited(line: &str) -> Option<(&str, &str)> {
    let mut fields = line.split('\t').skip(3);
    let (way, call_id, _, first) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let address = first.strip_prefix("INVITE sip:").filter(|_| way == "R")?;
    Some((call_id, address.split(['@', ';', ' ']).next()?))
}

/// Makes `calls` incoming calls from `from` to `number` at an Asterisk's SIP
/// address. The process ends by itself, with success when all were answered.
///
/// # Errors
///
/// When SIPp cannot be started.
pub fn callers(
    tools: &Tools,
    dir: &Path,
    asterisk: &str,
    from: &str,
    number: &str,
    calls: u32,
) -> Result<Process> {
    std::fs::create_dir_all(dir)?;
    let mut command = tools.script("sipp.sh");
    command.current_dir(dir);
    command.arg("-sf").arg(tools.path("callees/caller.xml"));
    command.args([
        "-i",
        &Ipv4Addr::LOCALHOST.to_string(),
        "-p",
        &free_udp_port()?.to_string(),
    ]);
    command.args([
        "-mp",
        &free_udp_range(64)?.to_string(),
        "-nostdin",
        "-m",
        &calls.to_string(),
    ]);
    command.args(["-key", "from", from, "-s", number, asterisk]);
    Process::start("SIPp", command, &dir.join("caller.log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_from_what_follows_it() {
        let line = |way: &str, call: &str, first: &str| {
            format!(
                "2026-01-02\t03:04:05.678901\t1767323045.678901\t{way}\t{call}\tCSeq:1 X\t{first}"
            )
        };
        let came = line(
            "R",
            "a@b",
            "INVITE sip:+493023100040@127.0.0.1:5070 SIP/2.0",
        );
        assert_eq!(invited(&came), Some(("a@b", "+493023100040")));
        assert_eq!(invited(&line("S", "a@b", "SIP/2.0 486 Busy Here")), None);
        assert_eq!(
            invited(&line(
                "R",
                "a@b",
                "ACK sip:+493023100040@127.0.0.1:5070 SIP/2.0"
            )),
            None
        );
        // A line that is still being written.
        assert_eq!(invited("2026-01-02\t03:04:05.678901\t1767323045"), None);
    }
}
