//! Stasis applications, the sockets that serve them, and who hears what.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::json::Object;

/// Names one websocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u64);

/// What a channel or bridge event is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) channel: Option<&'a str>,
    pub(crate) bridge: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(crate) struct Application {
    pub(crate) socket: Option<SocketId>,
    pub(crate) subscribe_all: bool,
    pub(crate) allowed: Vec<Value>,
    pub(crate) disallowed: Vec<Value>,
    /// Channels and bridges that it hears of, with how often it asked to.
    pub(crate) channels: BTreeMap<String, u32>,
    pub(crate) bridges: BTreeMap<String, u32>,
}

impl Application {
    fn hears(&self, kind: &str, about: About<'_>) -> bool {
        let concerned = self.subscribe_all
            || about
                .channel
                .is_some_and(|id| self.channels.contains_key(id))
            || about.bridge.is_some_and(|id| self.bridges.contains_key(id));
        concerned && self.lets_through(kind)
    }

    /// A denial is stronger; a list of what is allowed denies the rest.
    fn lets_through(&self, kind: &str) -> bool {
        let named = |list: &[Value]| list.iter().any(|filter| filter["type"] == kind);
        !named(&self.disallowed) && (self.allowed.is_empty() || named(&self.allowed))
    }

    pub(crate) fn json(&self, name: &str) -> String {
        let none: [&str; 0] = [];
        Object::new()
            .set("name", name)
            .set("channel_ids", &self.channels.keys().collect::<Vec<_>>())
            .set("bridge_ids", &self.bridges.keys().collect::<Vec<_>>())
            .set("endpoint_ids", &none)
            .set("device_names", &none)
            .set("events_allowed", &self.allowed)
            .set("events_disallowed", &self.disallowed)
            .end()
    }
}

/// All applications and all sockets.
#[derive(Debug, Default)]
pub(crate) struct Applications {
    pub(crate) by_name: BTreeMap<String, Application>,
    sockets: BTreeMap<SocketId, Vec<String>>,
    last_socket: u64,
}

impl Applications {
    /// A new socket for these applications. Gives the sockets that served them
    /// until now, each with its application.
    pub(crate) fn connect(
        &mut self,
        names: &[&str],
        subscribe_all: bool,
    ) -> (SocketId, Vec<(SocketId, String)>) {
        self.last_socket += 1;
        let socket = SocketId(self.last_socket);
        self.sockets.insert(socket, Vec::new());
        let mut replaced = Vec::new();
        for &name in names {
            let application = self.by_name.entry(name.to_owned()).or_default();
            application.subscribe_all = subscribe_all;
            if let Some(old) = application.socket.replace(socket) {
                replaced.push((old, name.to_owned()));
            }
        }
        (socket, replaced)
    }

    /// An application without channels is forgotten with its last socket.
    pub(crate) fn disconnect(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.by_name.retain(|_, application| {
            if application.socket == Some(socket) {
                application.socket = None;
            }
            application.socket.is_some() || !application.channels.is_empty()
        });
    }

    /// Nothing is left but the count of sockets: no id is given twice.
    pub(crate) fn restarted(&self) -> Self {
        Self {
            last_socket: self.last_socket,
            ..Self::default()
        }
    }

    pub(crate) fn is_connected(&self, socket: SocketId) -> bool {
        self.sockets.contains_key(&socket)
    }

    pub(crate) fn take(&mut self, socket: SocketId) -> Vec<String> {
        self.sockets
            .get_mut(&socket)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    pub(crate) fn waiting(&self, socket: SocketId) -> bool {
        self.sockets
            .get(&socket)
            .is_some_and(|queue| !queue.is_empty())
    }

    pub(crate) fn send(&mut self, socket: SocketId, text: String) {
        if let Some(queue) = self.sockets.get_mut(&socket) {
            queue.push(text);
        }
    }

    /// Whether somebody serves it.
    pub(crate) fn is_active(&self, name: &str) -> bool {
        self.by_name
            .get(name)
            .is_some_and(|application| application.socket.is_some())
    }

    pub(crate) fn anybody_hears(&self, kind: &str, about: About<'_>) -> bool {
        self.by_name
            .values()
            .any(|application| application.socket.is_some() && application.hears(kind, about))
    }

    /// Sends an event, whose text lacks its end, to whoever hears of it.
    pub(crate) fn publish(&mut self, kind: &str, about: About<'_>, open: &str, entity: &str) {
        for (name, application) in &self.by_name {
            let Some(socket) = application.socket else {
                continue;
            };
            if !application.hears(kind, about) {
                continue;
            }
            let Some(queue) = self.sockets.get_mut(&socket) else {
                continue;
            };
            let mut text = String::with_capacity(open.len() + 80);
            text.push_str(open);
            text.push_str(",\"asterisk_id\":\"");
            text.push_str(entity);
            text.push_str("\",\"application\":");
            text.push_str(&serde_json::json!(name).to_string());
            text.push('}');
            queue.push(text);
        }
    }

    pub(crate) fn subscribe_channel(&mut self, name: &str, channel: &str) {
        if let Some(application) = self.by_name.get_mut(name) {
            *application.channels.entry(channel.to_owned()).or_default() += 1;
        }
    }

    pub(crate) fn unsubscribe_channel(&mut self, name: &str, channel: &str) {
        if let Some(application) = self.by_name.get_mut(name) {
            less(&mut application.channels, channel);
        }
    }

    pub(crate) fn subscribe_bridge(&mut self, name: &str, bridge: &str) {
        if let Some(application) = self.by_name.get_mut(name) {
            *application.bridges.entry(bridge.to_owned()).or_default() += 1;
        }
    }

    pub(crate) fn unsubscribe_bridge(&mut self, name: &str, bridge: &str) {
        if let Some(application) = self.by_name.get_mut(name) {
            less(&mut application.bridges, bridge);
        }
    }

    /// The channel is gone. An application that nobody serves goes with its last
    /// one.
    pub(crate) fn forget_channel(&mut self, channel: &str) {
        self.by_name.retain(|_, application| {
            let had = application.channels.remove(channel).is_some();
            !had || application.socket.is_some() || !application.channels.is_empty()
        });
    }

    pub(crate) fn forget_bridge(&mut self, bridge: &str) {
        for application in self.by_name.values_mut() {
            application.bridges.remove(bridge);
        }
    }
}

fn less(counts: &mut BTreeMap<String, u32>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
