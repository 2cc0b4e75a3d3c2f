//! A bridge: channels that hear each other.

use crate::json::Object;
use crate::media::Queue;
use crate::stamp::stamp;

/// What a bridge was asked to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) holding: bool,
    pub(crate) video_sfu: bool,
    /// Media must pass through Asterisk: never from leg to leg.
    pub(crate) media_here: bool,
}

impl Kind {
    /// Reads a comma list such as `mixing,video_sfu`; none when Asterisk would
    /// not know a word.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut kind = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            match word {
                "mixing" | "video_single" | "sdp_label" => {}
                "holding" => kind.holding = true,
                "video_sfu" => kind.video_sfu = true,
                "proxy_media" | "dtmf_events" => kind.media_here = true,
                _ => return None,
            }
        }
        Some(kind)
    }
}

#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) technology: &'static str,
    /// Microseconds since 1970.
    pub(crate) created: i64,
    pub(crate) channels: Vec<String>,
    pub(crate) media: Queue,
}

impl Bridge {
    pub(crate) fn new(id: String, name: String, kind: Kind, now: i64) -> Self {
        let mut bridge = Self {
            id,
            name,
            kind,
            technology: "",
            created: now,
            channels: Vec::new(),
            media: Queue::default(),
        };
        bridge.choose_technology(false);
        bridge
    }

    /// `direct` says that all its members are answered SIP calls.
    pub(crate) fn choose_technology(&mut self, direct: bool) {
        self.technology = match self.channels.len() {
            _ if self.kind.holding => "holding_bridge",
            _ if self.kind.video_sfu => "softmix",
            2 if direct && !self.kind.media_here => "native_rtp",
            0..=2 => "simple_bridge",
            _ => "softmix",
        };
    }

    pub(crate) fn json(&self) -> String {
        self.write(Object::new()).end()
    }

    pub(crate) fn write(&self, to: Object) -> Object {
        let kind = if self.kind.holding {
            "holding"
        } else {
            "mixing"
        };
        let video = if self.kind.video_sfu { "sfu" } else { "talker" };
        to.set("id", &self.id)
            .set("technology", self.technology)
            .set("bridge_type", kind)
            .set("bridge_class", "stasis")
            .set("creator", "Stasis")
            .set("name", &self.name)
            .set("channels", &self.channels)
            .set("creationtime", &stamp(self.created))
            .set("video_mode", video)
    }
}
