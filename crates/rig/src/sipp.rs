//! SIPp: the other side of the call.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Result;

use crate::ports::{free_udp_port, free_udp_range};
use crate::process::Process;
use crate::tools::Tools;

/// A server that plays every callee; the last two digits of the dialed number
/// say which (`asterisk/callees/README.md`).
pub struct Callees {
    process: Process,
    port: u16,
}

impl Callees {
    /// Starts it with its files in `dir`.
    ///
    /// # Errors
    ///
    /// When SIPp cannot be started.
    pub fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let port = free_udp_port()?;
        let media = free_udp_range(64)?;
        let mut command = tools.script("sipp.sh");
        command.current_dir(dir);
        command.arg("-sf").arg(tools.path("callees/callee.xml"));
        command.args([
            "-i",
            &Ipv4Addr::LOCALHOST.to_string(),
            "-p",
            &port.to_string(),
        ]);
        command.args(["-mp", &media.to_string(), "-rtp_echo", "-aa", "-nostdin"]);
        let process = Process::start("SIPp", command, &dir.join("sipp.log"))?;
        Ok(Self { process, port })
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
