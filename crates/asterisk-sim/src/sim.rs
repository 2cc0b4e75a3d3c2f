//! The simulated Asterisk and what its owner does with it. What it does itself is
//! in the other modules, by subject.

use std::collections::BTreeMap;

use crate::answer::{Answer, Request};
use crate::application::{Applications, SocketId};
use crate::bridge::Bridge;
use crate::calling::Dialed;
use crate::channel::Channel;
use crate::config::Config;
use crate::fetching::Fetch;
use crate::media::{Place, Stored};
use crate::random::Random;
use crate::timer::{Due, Timers};

/// A simulated Asterisk. Times are microseconds UTC since 1970.
#[derive(Debug)]
pub struct AsteriskSim {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) now: i64,
    /// When it was started.
    pub(crate) started: i64,
    pub(crate) timers: Timers,
    pub(crate) applications: Applications,
    pub(crate) channels: BTreeMap<String, Channel>,
    pub(crate) bridges: BTreeMap<String, Bridge>,
    /// Where each playback is.
    pub(crate) playbacks: BTreeMap<String, Place>,
    /// Where each recording is that is being made.
    pub(crate) recordings: BTreeMap<String, Place>,
    pub(crate) stored: BTreeMap<String, Stored>,
    /// What is to be fetched, and for whom it is being fetched.
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) fetching: BTreeMap<u64, Place>,
    pub(crate) fetch_number: u64,
    /// Fields of PJSIP's objects, by kind and id.
    pub(crate) objects: BTreeMap<String, Vec<(String, String)>>,
    pub(crate) dials: Vec<Dialed>,
    /// Channels and snoops so far: their names carry a number.
    pub(crate) named: u32,
    pub(crate) snooped: u32,
    pub(crate) identified: u64,
}

/// What can be seen of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelView<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// Such as `Up`.
    pub state: &'static str,
    /// The number that it calls; empty for others.
    pub number: &'a str,
    /// The application that it is in.
    pub application: Option<&'a str>,
    pub bridge: Option<&'a str>,
    /// Whether somebody was called with it: creating one calls nobody.
    pub dialed: bool,
    /// Microseconds since 1970.
    pub created: i64,
}

/// What can be seen of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeView<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub channels: &'a [String],
    /// Microseconds since 1970.
    pub created: i64,
}

impl AsteriskSim {
    /// One that has just started. The seed decides SIP Call-IDs and jitter.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            random: Random::new(seed),
            now: 0,
            started: 0,
            timers: Timers::default(),
            applications: Applications::default(),
            channels: BTreeMap::new(),
            bridges: BTreeMap::new(),
            playbacks: BTreeMap::new(),
            recordings: BTreeMap::new(),
            stored: BTreeMap::new(),
            fetches: Vec::new(),
            fetching: BTreeMap::new(),
            fetch_number: 0,
            objects: BTreeMap::new(),
            dials: Vec::new(),
            named: 0,
            snooped: 0,
            identified: 0,
        }
    }

    /// Answers a request.
    pub fn request(&mut self, now: i64, request: &Request) -> Answer {
        self.advance(now);
        self.route(request)
    }

    /// Opens a websocket that serves one application or several, joined with
    /// commas. Whoever served one of them hears ApplicationReplaced.
    pub fn connect(&mut self, now: i64, application: &str, subscribe_all: bool) -> SocketId {
        self.advance(now);
        let names: Vec<&str> = application
            .split(',')
            .filter(|name| !name.is_empty())
            .collect();
        let (socket, replaced) = self.applications.connect(&names, subscribe_all);
        for (old, name) in replaced {
            let text = self.replaced(&name);
            self.applications.send(old, text);
        }
        socket
    }

    /// Closes a websocket. Channels stay, and what happens to them meanwhile is
    /// told to nobody.
    pub fn disconnect(&mut self, now: i64, socket: SocketId) {
        self.advance(now);
        self.applications.disconnect(socket);
    }

    /// Whether the websocket is open: a restart closes them all.
    #[must_use]
    pub fn is_connected(&self, socket: SocketId) -> bool {
        self.applications.is_connected(socket)
    }

    /// Takes the events that wait for a websocket, in order, as JSON.
    pub fn events(&mut self, socket: SocketId) -> Vec<String> {
        self.applications.take(socket)
    }

    /// Whether any wait for it.
    #[must_use]
    pub fn has_events(&self, socket: SocketId) -> bool {
        self.applications.waiting(socket)
    }

    /// Does what is due until `now`.
    pub fn advance(&mut self, now: i64) {
        while let Some((at, due)) = self.timers.take(now) {
            self.now = at;
            self.fire(due);
        }
        self.now = now;
        if self.started == 0 {
            self.started = now;
        }
    }

    /// When something is due next.
    #[must_use]
    pub fn next_due(&self) -> Option<i64> {
        self.timers.next()
    }

    /// The process died and came back: channels, bridges, playbacks, websockets
    /// and dynamic configuration are gone, without an event. Recordings that were
    /// finished and the list of dials stay.
    pub fn restart(&mut self, now: i64) {
        self.timers.clear();
        self.applications = self.applications.restarted();
        self.channels.clear();
        self.bridges.clear();
        self.playbacks.clear();
        self.recordings.clear();
        self.fetches.clear();
        self.fetching.clear();
        self.objects.clear();
        (self.named, self.snooped) = (0, 0);
        (self.now, self.started) = (now, now);
    }

    /// Every INVITE that left, in order, since they were taken.
    #[must_use]
    pub fn dials(&self) -> &[Dialed] {
        &self.dials
    }

    /// Takes them.
    pub fn take_dials(&mut self) -> Vec<Dialed> {
        std::mem::take(&mut self.dials)
    }

    /// The channels there are, by id.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = ChannelView<'_>> {
        self.channels.values().map(|channel| ChannelView {
            id: &channel.id,
            name: &channel.name,
            state: channel.state.name(),
            number: &channel.number,
            application: channel.application.as_deref(),
            bridge: channel.bridge.as_deref(),
            dialed: channel.dialed,
            created: channel.created,
        })
    }

    /// The bridges there are, by id.
    pub fn bridges(&self) -> impl ExactSizeIterator<Item = BridgeView<'_>> {
        self.bridges.values().map(|bridge| BridgeView {
            id: &bridge.id,
            name: &bridge.name,
            channels: &bridge.channels,
            created: bridge.created,
        })
    }

    fn fire(&mut self, due: Due) {
        match due {
            Due::Enters(id) => self.enters(&id),
            Due::FarEnd(id) => self.far_end(&id),
            Due::DialTimeout(id) => self.dial_timed_out(&id),
            Due::Ends(id) => self.ends(&id),
            Due::Media(place) => self.media_over(&place),
            Due::Returns(id) => self.returns(&id),
        }
    }

    /// So many milliseconds from now.
    pub(crate) fn in_ms(&self, ms: u64) -> i64 {
        self.now + i64::try_from(ms).unwrap_or(i64::MAX / 2_000) * 1_000
    }

    /// An id as Asterisk makes them: its name, the second, a number.
    pub(crate) fn own_id(&mut self) -> String {
        self.identified += 1;
        let system = self.config.entity_id.replace(':', "");
        let second = self.now / 1_000_000;
        format!("asterisk-{system}-{second}.{}", self.identified)
    }
}
