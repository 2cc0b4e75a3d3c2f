//! `asterisk-sim`: a simulated Asterisk as a process. It says on one line where it
//! listens, and ends on SIGTERM or SIGINT.

use std::io::Write;
use std::net::SocketAddr;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use trunkline_asterisk_sim::{Config, Delays, ServerConfig, start};

/// A simulated Asterisk: ARI over HTTP and websocket. What a called number does is
/// decided by its last two digits.
#[derive(Debug, Parser)]
#[command(name = "asterisk-sim")]
struct Options {
    /// Where to listen; port 0 is any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// ARI's user:password.
    #[arg(long)]
    account: String,
    /// Decides SIP Call-IDs and jitter.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// asterisk_id of its events, in the form of a MAC address.
    #[arg(long)]
    entity_id: Option<String>,
    /// A further PJSIP endpoint that exists.
    #[arg(long = "endpoint")]
    endpoints: Vec<String>,
    /// From the creation of a channel to its StasisStart.
    #[arg(long)]
    start_ms: Option<u64>,
    /// From the INVITE to the far end's first answer.
    #[arg(long)]
    reply_ms: Option<u64>,
    /// From ringing to the answer.
    #[arg(long)]
    answer_ms: Option<u64>,
    /// From the answer to what a callee does who hangs up or presses a digit.
    #[arg(long)]
    talk_ms: Option<u64>,
    /// Length of each sound.
    #[arg(long)]
    sound_ms: Option<u64>,
    /// From a hangup to the end of the channel.
    #[arg(long)]
    hangup_ms: Option<u64>,
    /// Whatever a far end does comes up to so much later.
    #[arg(long)]
    jitter_ms: Option<u64>,
}

impl Options {
    fn server(self) -> ServerConfig {
        let usual = Delays::default();
        let delays = Delays {
            start_ms: self.start_ms.unwrap_or(usual.start_ms),
            reply_ms: self.reply_ms.unwrap_or(usual.reply_ms),
            ring_ms: self.answer_ms.unwrap_or(usual.ring_ms),
            talk_ms: self.talk_ms.unwrap_or(usual.talk_ms),
            sound_ms: self.sound_ms.unwrap_or(usual.sound_ms),
            hangup_ms: self.hangup_ms.unwrap_or(usual.hangup_ms),
            jitter_ms: self.jitter_ms.unwrap_or(usual.jitter_ms),
            ..usual
        };
        let mut asterisk = Config {
            delays,
            fetches: true,
            ..Config::default()
        };
        asterisk.endpoints.extend(self.endpoints);
        if let Some(id) = self.entity_id {
            asterisk.entity_id = id;
        }
        ServerConfig {
            listen: self.listen,
            account: self.account,
            seed: self.seed,
            asterisk,
        }
    }
}

/// One thread: it shares the machine with what it tests.
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut ends = signal(SignalKind::terminate())?;
    let mut interrupts = signal(SignalKind::interrupt())?;
    let server = start(Options::parse().server()).await?;
    writeln!(std::io::stdout(), "listening on {}", server.url())?;
    tokio::select! {
        biased;
        _ = ends.recv() => {}
        _ = interrupts.recv() => {}
    }
    Ok(())
}
