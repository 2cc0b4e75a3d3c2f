//! Sending events.

use crate::application::About;
use crate::channel::Party;
use crate::json::Object;
use crate::media::Place;
use crate::sim::AsteriskSim;
use crate::stamp::stamp;

impl AsteriskSim {
    /// Sends an event about a channel. `fill` adds what this kind has besides.
    pub(crate) fn tell(&mut self, kind: &str, id: &str, fill: impl FnOnce(Object) -> Object) {
        self.tell_as(kind, "channel", id, fill);
    }

    /// The same, with another key for the channel: Dial calls it `peer`.
    pub(crate) fn tell_as(
        &mut self,
        kind: &str,
        key: &str,
        id: &str,
        fill: impl FnOnce(Object) -> Object,
    ) {
        let about = About {
            channel: Some(id),
            bridge: None,
        };
        if !self.applications.anybody_hears(kind, about) {
            return;
        }
        let Some(channel) = self.channels.get(id) else {
            return;
        };
        let text = fill(self.event(kind))
            .object(key, |to| channel.write(to))
            .open();
        self.publish(kind, about, &text);
    }

    /// Sends an event about a bridge.
    pub(crate) fn tell_bridge(&mut self, kind: &str, id: &str) {
        let about = About {
            channel: None,
            bridge: Some(id),
        };
        let Some(bridge) = self.bridges.get(id) else {
            return;
        };
        let text = self
            .event(kind)
            .object("bridge", |to| bridge.write(to))
            .open();
        self.publish(kind, about, &text);
    }

    /// Sends an event about a channel that enters or leaves a bridge.
    pub(crate) fn tell_both(&mut self, kind: &str, channel_id: &str, bridge_id: &str) {
        let about = About {
            channel: Some(channel_id),
            bridge: Some(bridge_id),
        };
        if !self.applications.anybody_hears(kind, about) {
            return;
        }
        let (Some(channel), Some(bridge)) =
            (self.channels.get(channel_id), self.bridges.get(bridge_id))
        else {
            return;
        };
        let text = self
            .event(kind)
            .object("bridge", |to| bridge.write(to))
            .object("channel", |to| channel.write(to))
            .open();
        self.publish(kind, about, &text);
    }

    /// Sends an event about something played or recorded.
    pub(crate) fn tell_place(&mut self, kind: &str, place: &Place, key: &str, json: &str) {
        let about = match place {
            Place::Channel(id) => About {
                channel: Some(id),
                bridge: None,
            },
            Place::Bridge(id) => About {
                channel: None,
                bridge: Some(id),
            },
        };
        let text = self.event(kind).raw(key, json).open();
        self.publish(kind, about, &text);
    }

    /// Dial, with what has become of it.
    pub(crate) fn tell_dial(&mut self, id: &str, status: &str, dial_string: &str) {
        self.tell_as("Dial", "peer", id, |event| {
            event
                .set("dialstatus", status)
                .set("forward", "")
                .set("dialstring", dial_string)
        });
    }

    pub(crate) fn tell_variable(&mut self, id: &str, name: &str, value: &str) {
        self.tell("ChannelVarset", id, |event| {
            event.set("variable", name).set("value", value)
        });
    }

    pub(crate) fn tell_state(&mut self, id: &str) {
        self.tell("ChannelStateChange", id, |event| event);
    }

    /// Sets the caller and says so if that changes anything.
    pub(crate) fn set_caller(&mut self, id: &str, caller: Party) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.caller == caller {
            return;
        }
        channel.caller = caller;
        self.tell("ChannelCallerId", id, |event| {
            event.set("caller_presentation", &0).set(
                "caller_presentation_txt",
                "Presentation Allowed, Not Screened",
            )
        });
    }

    /// Tells a socket that another one serves its application.
    pub(crate) fn replaced(&self, application: &str) -> String {
        self.event("ApplicationReplaced")
            .set("asterisk_id", &self.config.entity_id)
            .set("application", application)
            .end()
    }

    fn event(&self, kind: &str) -> Object {
        Object::new()
            .set("type", kind)
            .set("timestamp", &stamp(self.now))
    }

    fn publish(&mut self, kind: &str, about: About<'_>, open: &str) {
        self.applications
            .publish(kind, about, open, &self.config.entity_id);
    }
}
