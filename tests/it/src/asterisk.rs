//! An Asterisk that is nothing but its answers and events, as `asterisk.md` and
//! the real one have them. Events come by themselves, or only when a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use trunkline_bus::{Bus as _, Consumer, Event, QueueSpec, Request, RequestHandler, Response};
use trunkline_model::service::{Service, asterisk_queue};

use crate::counting::CountingBus;

/// Whether the far end acts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Created channels enter Stasis, dialed ones ring and are answered, told
    /// ones end.
    Lively,
    /// Nothing happens unless the test says so.
    Still,
}

#[derive(Default)]
struct World {
    /// State of each channel, by its id.
    channels: BTreeMap<String, Channel>,
    /// Names of bridges, by their id.
    bridges: BTreeMap<String, String>,
    /// Bridges and channels that were put in.
    members: BTreeSet<(String, String)>,
    /// Channels whose end is told: those that were created, and those that somebody
    /// asked to be told of.
    followed: BTreeSet<String>,
    /// Channels that something is played on, by the playback's id.
    playbacks: BTreeMap<String, String>,
    /// What channels listen to, by their id.
    spies: BTreeMap<String, String>,
    /// Names of what channels record, by their id.
    recording: BTreeMap<String, String>,
    requests: Vec<(String, String)>,
    /// Bodies of requests, by method and path.
    bodies: Vec<(String, Value)>,
}

#[derive(Clone)]
struct Channel {
    state: &'static str,
    arguments: String,
    dialed: bool,
}

struct Inner {
    id: String,
    manner: Manner,
    bus: CountingBus,
    world: Mutex<World>,
}

/// The Asterisk, with the proxy that it has.
pub struct Asterisk {
    inner: Arc<Inner>,
    _consumers: Vec<Consumer>,
}

impl Asterisk {
    /// Serves its queues, and that of the group of Asterisks for calls when
    /// `shared`. It is not known to anybody before [`Asterisk::connect`].
    ///
    /// # Panics
    ///
    /// When a queue is served already.
    pub async fn start(bus: CountingBus, id: &str, manner: Manner, shared: bool) -> Self {
        let inner = Arc::new(Inner {
            id: id.to_owned(),
            manner,
            bus: bus.clone(),
            world: Mutex::default(),
        });
        let group = shared.then(|| asterisk_queue("call"));
        let mut consumers = Vec::new();
        for queue in group.into_iter().chain([asterisk_queue(id)]) {
            let handler = Arc::new(Handler(Arc::clone(&inner)));
            let served = bus.serve(QueueSpec::new(queue, 32), handler).await;
            consumers.push(served.expect("a queue of an Asterisk"));
        }
        Self {
            inner,
            _consumers: consumers,
        }
    }

    /// Its proxy reports that it is connected; returns when that was handled.
    pub async fn connect(&self) {
        self.report("asterisk_connected", "TrunklineAsteriskConnected")
            .await;
    }

    /// Its proxy reports that it is lost.
    pub async fn disconnect(&self) {
        self.report("asterisk_disconnected", "TrunklineAsteriskDisconnected")
            .await;
    }

    async fn report(&self, bus_type: &str, kind: &str) {
        let data = json!({"type": kind, "asterisk_id": self.inner.id, "application": "voipbin", "timestamp": "2026-11-21T12:00:00.000Z"});
        self.inner.publish(bus_type, &data).await;
    }

    /// An event about a channel, with whatever else it has; returns when it was
    /// handled.
    pub async fn event(&self, kind: &str, channel: &str, extra: &Value) {
        self.inner.event(kind, channel, extra).await;
    }

    /// The arguments that a channel was created with.
    #[must_use]
    pub fn arguments(&self, channel: &str) -> Vec<String> {
        let world = self.inner.world();
        let found = world.channels.get(channel).map(|it| it.arguments.clone());
        found
            .unwrap_or_default()
            .split(',')
            .map(str::to_owned)
            .collect()
    }

    /// Channels that exist.
    #[must_use]
    pub fn channels(&self) -> Vec<String> {
        self.inner.world().channels.keys().cloned().collect()
    }

    /// Bridges that exist.
    #[must_use]
    pub fn bridges(&self) -> Vec<String> {
        self.inner.world().bridges.keys().cloned().collect()
    }

    /// Puts a channel there that nobody asked for.
    pub fn add_channel(&self, id: &str, state: &'static str) {
        let channel = Channel {
            state,
            arguments: String::new(),
            dialed: true,
        };
        self.inner.world().channels.insert(id.to_owned(), channel);
    }

    /// Puts a bridge there that nobody asked for.
    pub fn add_bridge(&self, id: &str) {
        let mut world = self.inner.world();
        world.bridges.insert(id.to_owned(), String::new());
    }

    /// What is being played: ids of playbacks.
    #[must_use]
    pub fn playing(&self) -> Vec<String> {
        self.inner.world().playbacks.keys().cloned().collect()
    }

    /// A playback ends; returns when that was handled.
    pub async fn finish_playback(&self, id: &str) {
        let on = self.inner.world().playbacks.remove(id);
        let on = on.expect("a playback");
        self.inner.played(id, &on).await;
    }

    /// Names of live recordings.
    #[must_use]
    pub fn recording(&self) -> Vec<String> {
        let world = self.inner.world();
        let mut names: Vec<String> = world.recording.values().cloned().collect();
        names.sort();
        names
    }

    /// Something is told of a recording, ended or not; returns when that was handled.
    pub async fn tell_recording(&self, kind: &str, name: &str) {
        self.inner.recorded(kind, name, "nobody").await;
    }

    /// A live recording ends by itself and its channel stays; returns when that was
    /// handled.
    pub async fn finish_recording(&self, name: &str) {
        let channel = {
            let mut world = self.inner.world();
            let found = world.recording.iter().find(|(_, it)| *it == name);
            let channel = found.expect("a live recording").0.clone();
            world.recording.remove(&channel);
            channel
        };
        self.inner
            .recorded("RecordingFinished", name, &channel)
            .await;
    }

    /// A key is pressed on a channel, so many milliseconds after the hour; returns
    /// when that was handled.
    pub async fn press(&self, channel: &str, digit: &str, millis: u32) {
        let timestamp = format!("2026-11-21T12:00:{:06.3}+0000", f64::from(millis) / 1e3);
        let extra = json!({"digit": digit, "duration_ms": 120, "timestamp": timestamp});
        self.event("ChannelDtmfReceived", channel, &extra).await;
    }

    /// The bodies of the requests with this method whose path ends so.
    #[must_use]
    pub fn bodies(&self, method: &str, ending: &str) -> Vec<Value> {
        let world = self.inner.world();
        let fits = |name: &str| name.starts_with(method) && name.ends_with(ending);
        let found = world.bodies.iter().filter(|(name, _)| fits(name));
        found.map(|(_, body)| body.clone()).collect()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Channels that were dialed.
    #[must_use]
    pub fn dialed(&self) -> Vec<String> {
        let world = self.inner.world();
        let dialed = world.channels.iter().filter(|(_, channel)| channel.dialed);
        dialed.map(|(id, _)| id.clone()).collect()
    }

    /// Takes everything away without a word, as a restart does.
    pub fn forget_everything(&self) {
        let mut world = self.inner.world();
        world.channels.clear();
        world.bridges.clear();
    }

    /// How many requests of this method and ending there were.
    #[must_use]
    pub fn asked(&self, method: &str, ending: &str) -> usize {
        let world = self.inner.world();
        let fits = |(asked, uri): &&(String, String)| asked == method && uri.ends_with(ending);
        world.requests.iter().filter(fits).count()
    }
}

impl Inner {
    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn publish(&self, bus_type: &str, data: &Value) {
        let event = Event::new(Service::ASTERISK_PROXY, bus_type, data);
        let exchange = Service::ASTERISK_PROXY.event_exchange();
        self.bus.tell(&exchange, event.encode()).await;
    }

    async fn event(&self, kind: &str, channel: &str, extra: &Value) {
        let state = self.world().channels.get(channel).map(|it| it.state);
        let mut data = json!({
            "type": kind,
            "application": "voipbin",
            "timestamp": "2026-11-21T12:00:00.000+0000",
            "asterisk_id": self.id,
            "channel": {"id": channel, "name": "PJSIP/call-out-00000001", "state": state.unwrap_or("Down")},
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("state", state) => data["channel"]["state"] = state.clone(),
                (key, value) => data[key] = value.clone(),
            }
        }
        self.publish("ari_event", &data).await;
    }

    async fn recorded(&self, kind: &str, name: &str, on: &str) {
        let recording = json!({"name": name, "format": "wav", "target_uri": format!("channel:{on}"), "cause": "it says so"});
        let data = json!({
            "type": kind,
            "application": "voipbin",
            "timestamp": "2026-11-21T12:00:00.000+0000",
            "asterisk_id": self.id,
            "recording": recording,
        });
        self.publish("ari_event", &data).await;
    }

    async fn played(&self, id: &str, on: &str) {
        let playback = json!({"id": id, "target_uri": format!("channel:{on}"), "state": "done"});
        let data = json!({
            "type": "PlaybackFinished",
            "application": "voipbin",
            "timestamp": "2026-11-21T12:00:00.000+0000",
            "asterisk_id": self.id,
            "playback": playback,
        });
        self.publish("ari_event", &data).await;
    }

    /// What the real one tells, in its order, noise included.
    async fn tell(self: Arc<Self>, channel: String, what: Story) {
        match what {
            Story::Entered(arguments) => {
                let args: Vec<&str> = arguments.split(',').collect();
                self.event(
                    "ChannelVarset",
                    &channel,
                    &json!({"variable": "STASISSTATUS", "value": ""}),
                )
                .await;
                self.event("StasisStart", &channel, &json!({"args": args}))
                    .await;
            }
            Story::Answered(bridge) => {
                let bridge = json!({"bridge": {"id": bridge}});
                self.event("ChannelEnteredBridge", &channel, &bridge).await;
                self.event("Dial", &channel, &json!({"dialstatus": ""}))
                    .await;
                self.event("ChannelStateChange", &channel, &json!({"state": "Ringing"}))
                    .await;
                self.event("ChannelStateChange", &channel, &json!({"state": "Up"}))
                    .await;
                self.event("Dial", &channel, &json!({"dialstatus": "ANSWER"}))
                    .await;
            }
            Story::Played(on) => self.played(&channel, &on).await,
            Story::Records(name) => self.recorded("RecordingStarted", &name, &channel).await,
            Story::Ended(cause) => {
                let recorded = self.world().recording.remove(&channel);
                if let Some(name) = recorded {
                    self.recorded("RecordingFinished", &name, &channel).await;
                }
                for n in 0..5 {
                    let set = json!({"variable": format!("RTPAUDIOQOS{n}"), "value": "x"});
                    self.event("ChannelVarset", &channel, &set).await;
                }
                let bridge = json!({"bridge": {"id": "b"}});
                self.event("ChannelLeftBridge", &channel, &bridge).await;
                self.event("StasisEnd", &channel, &json!({})).await;
                let followed = self.world().followed.remove(&channel);
                if followed {
                    self.event("ChannelDestroyed", &channel, &json!({"cause": cause}))
                        .await;
                }
            }
        }
    }

    fn begin(self: &Arc<Self>, channel: &str, what: Story) {
        if self.manner == Manner::Lively {
            tokio::spawn(Arc::clone(self).tell(channel.to_owned(), what));
        }
    }
}

enum Story {
    Entered(String),
    Answered(String),
    /// Of a playback: on which channel.
    Played(String),
    /// Its recording has begun.
    Records(String),
    Ended(i64),
}

struct Handler(Arc<Inner>);

#[async_trait]
impl RequestHandler for Handler {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).expect("a request");
        let data = request.data.as_deref().map_or(Value::Null, |data| {
            serde_json::from_str(data.get()).expect("JSON")
        });
        Some(self.answer(&request.method, &request.uri, &data).encode())
    }
}

impl Handler {
    fn answer(&self, method: &str, uri: &str, data: &Value) -> Response {
        let pieces: Vec<&str> = uri.trim_start_matches("/ari/").split('/').collect();
        let inner = &self.0;
        let mut world = inner.world();
        world.requests.push((method.to_owned(), uri.to_owned()));
        world.bodies.push((format!("{method} {uri}"), data.clone()));
        match (method, pieces.as_slice()) {
            ("POST", ["channels", "create"]) => {
                let id = data["channelId"].as_str().unwrap_or_default().to_owned();
                let arguments = data["appArgs"].as_str().unwrap_or_default().to_owned();
                let channel = Channel {
                    state: "Down",
                    arguments: arguments.clone(),
                    dialed: false,
                };
                world.channels.insert(id.clone(), channel);
                world.followed.insert(id.clone());
                inner.begin(&id, Story::Entered(arguments));
                Response::json(&json!({"id": id, "state": "Down"}))
            }
            ("POST", ["applications", _, "subscription"]) => {
                let source = data["eventSource"].as_str().unwrap_or_default();
                let id = source.trim_start_matches("channel:").to_owned();
                let there = world.channels.contains_key(&id);
                if there {
                    world.followed.insert(id);
                }
                Response::bare(if there { 200 } else { 422 })
            }
            ("GET", ["channels"]) => Response::json(&listed(&world)),
            ("GET", ["channels", id]) => match world.channels.get(*id) {
                None => Response::bare(404),
                Some(channel) => Response::json(&one(id, channel)),
            },
            ("GET", ["bridges"]) => {
                let channels = |id: &String| -> Vec<&String> {
                    let members = world.members.iter().filter(|(bridge, _)| bridge == id);
                    members.map(|(_, channel)| channel).collect()
                };
                let one = |(id, name): (&String, &String)| json!({"id": id, "name": name, "channels": channels(id)});
                Response::json(&world.bridges.iter().map(one).collect::<Vec<_>>())
            }
            ("POST", ["channels", id, "dial"]) => match world.channels.get_mut(*id) {
                None => Response::bare(404),
                Some(channel) if channel.dialed => Response::bare(409),
                Some(channel) => {
                    channel.dialed = true;
                    inner.begin(id, Story::Answered("b".to_owned()));
                    Response::bare(204)
                }
            },
            ("POST", ["channels", _, "answer"]) => Response::bare(204),
            ("POST", ["channels", id, "play"]) => {
                let playback = data["playbackId"].as_str().unwrap_or_default();
                world
                    .playbacks
                    .insert(playback.to_owned(), (*id).to_owned());
                Response::json(&json!({"id": playback}))
            }
            ("DELETE", ["playbacks", id]) => {
                let id = id.replace("%3A", ":");
                match world.playbacks.remove(&id) {
                    None => Response::bare(404),
                    Some(on) => {
                        inner.begin(&id, Story::Played(on));
                        Response::bare(204)
                    }
                }
            }
            ("POST", ["channels", id, "dtmf" | "variable" | "continue"]) => {
                Response::bare(if world.channels.contains_key(*id) {
                    204
                } else {
                    404
                })
            }
            ("POST", ["channels", id, "snoop"]) => {
                if !world.channels.contains_key(*id) {
                    return Response::bare(404);
                }
                let snoop = data["snoopId"].as_str().unwrap_or_default().to_owned();
                let arguments = data["appArgs"].as_str().unwrap_or_default().to_owned();
                let channel = Channel {
                    state: "Up",
                    arguments: arguments.clone(),
                    dialed: true,
                };
                world.channels.insert(snoop.clone(), channel);
                world.followed.insert(snoop.clone());
                world.spies.insert(snoop.clone(), (*id).to_owned());
                inner.begin(&snoop, Story::Entered(arguments));
                Response::json(&json!({"id": snoop, "state": "Up"}))
            }
            ("POST", ["channels", id, "record"]) => {
                let name = data["name"].as_str().unwrap_or_default().to_owned();
                world.recording.insert((*id).to_owned(), name.clone());
                inner.begin(id, Story::Records(name));
                Response::bare(201)
            }
            ("GET", ["recordings", "live", name]) => {
                let live = world.recording.values().any(|it| it == name);
                Response::bare(if live { 200 } else { 404 })
            }
            (_, ["", "proxy", "recording_file_move"] | ["proxy", "recording_file_move"]) => {
                Response::bare(200)
            }
            ("DELETE", ["channels", id]) => match world.channels.remove(*id) {
                None => Response::bare(404),
                Some(_) => {
                    let spies = world.spies.iter().filter(|(_, spied)| spied == id);
                    let spies: Vec<String> = spies.map(|(spy, _)| spy.clone()).collect();
                    for spy in spies {
                        if world.channels.remove(&spy).is_some() {
                            inner.begin(&spy, Story::Ended(16));
                        }
                    }
                    let code = data["reason_code"].as_str().unwrap_or_default();
                    inner.begin(id, Story::Ended(code.parse().unwrap_or(16)));
                    Response::bare(204)
                }
            },
            ("POST", ["bridges", id]) => {
                let name = data["name"].as_str().unwrap_or_default().to_owned();
                match world.bridges.insert((*id).to_owned(), name) {
                    Some(_) => Response::bare(409),
                    None => Response::json(&json!({"id": id})),
                }
            }
            ("POST", ["bridges", id, "addChannel"]) => {
                let channel = data["channel"].as_str().unwrap_or_default().to_owned();
                world.members.insert(((*id).to_owned(), channel));
                Response::bare(if world.bridges.contains_key(*id) {
                    204
                } else {
                    404
                })
            }
            ("DELETE", ["bridges", id]) => Response::bare(if world.bridges.remove(*id).is_some() {
                204
            } else {
                404
            }),
            _ => Response::bare(404),
        }
    }
}

fn listed(world: &World) -> Vec<Value> {
    let channels = world.channels.iter();
    channels.map(|(id, channel)| one(id, channel)).collect()
}

fn one(id: &str, channel: &Channel) -> Value {
    json!({"id": id, "name": "PJSIP/call-out-00000001", "state": channel.state, "creationtime": "2020-01-01T00:00:00.000+0000"})
}
