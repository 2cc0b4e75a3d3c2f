//! What a simulated Asterisk is like.

use std::collections::BTreeMap;

/// Options. The default is the Asterisk of the checkout with prompt callees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `asterisk_id` of every event, in the form of a MAC address.
    pub entity_id: String,
    /// PJSIP endpoints that exist; another one cannot be allocated.
    pub endpoints: Vec<String>,
    /// Endpoints whose calls come back to this Asterisk, with the endpoint that
    /// they arrive at.
    pub loops: BTreeMap<String, String>,
    /// The application of calls that arrive by a loop.
    pub application: String,
    /// Contexts of the dialplan that bring a channel back into Stasis. A channel
    /// that continues into any other context is hung up.
    pub services: BTreeMap<String, Service>,
    /// URLs and files are fetched, see [`crate::AsteriskSim::take_fetches`]; else
    /// they are sounds like others.
    pub fetches: bool,
    /// Sounds that contain one of these texts cannot be played.
    pub missing_sounds: Vec<String>,
    /// How long things take.
    pub delays: Delays,
}

/// A context of the dialplan that gives its channel back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Milliseconds until it does.
    pub after_ms: u64,
    /// A variable of the channel that says how many seconds instead.
    pub seconds_variable: Option<String>,
    /// The Stasis application that the channel enters.
    pub application: String,
    /// Its arguments there.
    pub args: Vec<String>,
}

/// How long things take, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// From the creation of a channel to its StasisStart.
    pub start_ms: u64,
    /// From the INVITE to the far end's first answer.
    pub reply_ms: u64,
    /// From ringing to the answer of a callee who answers.
    pub ring_ms: u64,
    /// The same of a slow one.
    pub slow_ring_ms: u64,
    /// From the answer to what a callee does who presses a digit or hangs up.
    pub talk_ms: u64,
    /// Until a call that nobody replies to is given up (RFC 3261, timer B).
    pub silence_ms: u64,
    /// Length of each sound that is not fetched.
    pub sound_ms: u64,
    /// From a hangup to the end of the channel.
    pub hangup_ms: u64,
    /// Whatever a far end does comes up to so much later; the seed says how much.
    pub jitter_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        let names = ["call-out", "conf-join", "conf-in", "anonymous"];
        Self {
            entity_id: "02:00:00:00:00:01".to_owned(),
            endpoints: names.map(str::to_owned).to_vec(),
            loops: BTreeMap::from([("conf-join".to_owned(), "conf-in".to_owned())]),
            application: "voipbin".to_owned(),
            services: services(),
            fetches: false,
            missing_sounds: vec!["missing".to_owned()],
            delays: Delays::default(),
        }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            start_ms: 2,
            reply_ms: 5,
            ring_ms: 1_000,
            slow_ring_ms: 10_000,
            talk_ms: 1_000,
            silence_ms: 32_000,
            sound_ms: 1_000,
            hangup_ms: 1,
            jitter_ms: 3,
        }
    }
}

/// The services of the checkout's dialplan. Nobody presses `#` at an echo, so
/// its time-out ends it.
fn services() -> BTreeMap<String, Service> {
    let service = |name: &str, after_ms: u64, more: &[&str]| {
        let mut args = vec![
            "context_type=call".to_owned(),
            "context=call-svc".to_owned(),
            format!("context_from={name}"),
        ];
        args.extend(more.iter().map(|&text| text.to_owned()));
        let application = "voipbin".to_owned();
        let seconds_variable = name
            .ends_with("echo")
            .then(|| "TRUNKLINE_ECHO_SECONDS".to_owned());
        let service = Service {
            after_ms,
            seconds_variable,
            application,
            args,
        };
        (name.to_owned(), service)
    };
    BTreeMap::from([
        service("svc-stasis", 0, &[]),
        service("svc-echo", 180_000, &[]),
        service("svc-stream_echo", 180_000, &[]),
        service(
            "svc-amd",
            2_000,
            &["amd_status=NOTSURE", "amd_cause=TOOLONG-5000"],
        ),
    ])
}
