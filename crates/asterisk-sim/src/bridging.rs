//! Operations on bridges, and channels that enter and leave them.

use crate::answer::{Answer, Parameters};
use crate::bridge::{Bridge, Kind};
use crate::channel::State;
use crate::json;
use crate::media::Place;
use crate::sim::AsteriskSim;

impl AsteriskSim {
    pub(crate) fn list_bridges(&self) -> Answer {
        Answer::ok(json::list(self.bridges.values().map(Bridge::json)))
    }

    pub(crate) fn get_bridge(&self, id: &str) -> Answer {
        match self.bridges.get(id) {
            Some(bridge) => Answer::ok(bridge.json()),
            None => Answer::no_bridge(),
        }
    }

    pub(crate) fn with_bridge(&self, id: &str) -> Answer {
        if self.bridges.contains_key(id) {
            Answer::done()
        } else {
            Answer::no_bridge()
        }
    }

    /// `POST /bridges`, which fails hard when the id exists.
    pub(crate) fn create_bridge(&mut self, p: &Parameters) -> Answer {
        let id = p.filled("bridgeId").unwrap_or_else(|| self.random.uuid());
        if self.bridges.contains_key(&id) {
            let message = format!("Unable to create bridge. Possible duplicate bridge id '{id}'");
            return Answer::refused(500, &message);
        }
        self.new_bridge(id, p)
    }

    /// `POST /bridges/{id}`.
    pub(crate) fn create_bridge_with_id(&mut self, id: &str, p: &Parameters) -> Answer {
        if self.bridges.contains_key(id) {
            return Answer::refused(409, &format!("Bridge with id '{id}' already exists"));
        }
        self.new_bridge(id.to_owned(), p)
    }

    fn new_bridge(&mut self, id: String, p: &Parameters) -> Answer {
        let Some(kind) = Kind::parse(&p.text("type").unwrap_or_default()) else {
            return Answer::refused(500, "Unable to create bridge");
        };
        let name = p.text("name").unwrap_or_default();
        let bridge = Bridge::new(id.clone(), name, kind, self.now);
        let answer = Answer::ok(bridge.json());
        self.bridges.insert(id.clone(), bridge);
        self.tell_bridge("BridgeCreated", &id);
        answer
    }

    /// `DELETE /bridges/{id}`: its channels stay in their application.
    pub(crate) fn delete_bridge(&mut self, id: &str) -> Answer {
        let Some(bridge) = self.bridges.get(id) else {
            return Answer::no_bridge();
        };
        for channel in bridge.channels.clone() {
            self.leave_bridge(&channel, true);
        }
        let place = Place::Bridge(id.to_owned());
        self.end_running_media(&place);
        self.drop_queued_media(&place);
        self.tell_bridge("BridgeDestroyed", id);
        self.bridges.remove(id);
        self.applications.forget_bridge(id);
        Answer::done()
    }

    /// `POST /bridges/{id}/addChannel`: all of them or none.
    pub(crate) fn add_channels(&mut self, id: &str, p: &Parameters) -> Answer {
        let channels = match self.named_channels(id, p) {
            Ok(channels) => channels,
            Err(answer) => return answer,
        };
        for channel in channels {
            self.leave_bridge(&channel, true);
            self.enter_bridge(&channel, id);
        }
        Answer::done()
    }

    /// `POST /bridges/{id}/removeChannel`.
    pub(crate) fn remove_channels(&mut self, id: &str, p: &Parameters) -> Answer {
        let channels = match self.named_channels(id, p) {
            Ok(channels) => channels,
            Err(answer) => return answer,
        };
        let inside = |channel: &String| {
            let channel = self.channels.get(channel);
            channel.is_some_and(|channel| channel.bridge.as_deref() == Some(id))
        };
        if !channels.iter().all(inside) {
            return Answer::refused(422, "Channel not in this bridge");
        }
        for channel in channels {
            self.leave_bridge(&channel, true);
        }
        Answer::done()
    }

    fn named_channels(&self, id: &str, p: &Parameters) -> Result<Vec<String>, Answer> {
        let channels = p.texts("channel");
        if channels.is_empty() {
            return Err(Answer::refused(400, "Missing parameter channel"));
        }
        if !self.bridges.contains_key(id) {
            return Err(Answer::no_bridge());
        }
        for channel in &channels {
            let Some(channel) = self.channels.get(channel) else {
                return Err(Answer::refused(400, "Channel not found"));
            };
            if channel.application.is_none() {
                return Err(Answer::not_in_stasis(422));
            }
        }
        Ok(channels)
    }

    fn enter_bridge(&mut self, channel_id: &str, bridge_id: &str) {
        let Some(channel) = self.channels.get_mut(channel_id) else {
            return;
        };
        channel.bridge = Some(bridge_id.to_owned());
        channel.hidden_bridge = false;
        let application = channel.application.clone().unwrap_or_default();
        if let Some(bridge) = self.bridges.get_mut(bridge_id) {
            bridge.channels.push(channel_id.to_owned());
        }
        self.applications.subscribe_bridge(&application, bridge_id);
        self.tell_both("ChannelEnteredBridge", channel_id, bridge_id);
        self.retune_bridge_of(channel_id);
    }

    /// An application whose channel was taken out of a bridge hears no more of
    /// it; one whose channel was hung up inside still does.
    pub(crate) fn leave_bridge(&mut self, channel_id: &str, taken_out: bool) {
        let Some(channel) = self.channels.get_mut(channel_id) else {
            return;
        };
        let Some(bridge_id) = channel.bridge.take() else {
            return;
        };
        let application = channel.application.clone().unwrap_or_default();
        if let Some(bridge) = self.bridges.get_mut(&bridge_id) {
            bridge.channels.retain(|member| member != channel_id);
        }
        self.retune(&bridge_id);
        self.tell_both("ChannelLeftBridge", channel_id, &bridge_id);
        if taken_out {
            self.applications
                .unsubscribe_bridge(&application, &bridge_id);
        }
    }

    pub(crate) fn retune_bridge_of(&mut self, channel_id: &str) {
        let bridge = self
            .channels
            .get(channel_id)
            .and_then(|channel| channel.bridge.clone());
        if let Some(bridge) = bridge {
            self.retune(&bridge);
        }
    }

    fn retune(&mut self, bridge_id: &str) {
        let Some(bridge) = self.bridges.get_mut(bridge_id) else {
            return;
        };
        let direct = bridge.channels.iter().all(|member| {
            let member = self.channels.get(member);
            member.is_some_and(|member| member.is_sip() && member.state == State::Up)
        });
        bridge.choose_technology(direct);
    }
}
