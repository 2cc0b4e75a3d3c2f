//! From method and path to what does it.

use percent_encoding::percent_decode_str;

use crate::answer::{Answer, Parameters, Request};
use crate::media::Place;
use crate::sim::AsteriskSim;

impl AsteriskSim {
    pub(crate) fn route(&mut self, request: &Request) -> Answer {
        let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
        let Some(path) = path.strip_prefix("/ari/") else {
            return Answer::refused(404, "Resource not found");
        };
        let parameters = match Parameters::parse(query, request.body.as_deref()) {
            Ok(parameters) => parameters,
            Err(answer) => return answer,
        };
        let pieces: Vec<String> = path.split('/').map(decoded).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let method = request.method.as_str();
        match pieces.as_slice() {
            ["channels", rest @ ..] => self.channel_route(method, rest, &parameters),
            ["bridges", rest @ ..] => self.bridge_route(method, rest, &parameters),
            ["playbacks", rest @ ..] => self.playback_route(method, rest, &parameters),
            ["recordings", rest @ ..] => self.recording_route(method, rest),
            ["applications", rest @ ..] => self.application_route(method, rest, &parameters),
            ["asterisk", rest @ ..] => self.asterisk_route(method, rest, &parameters),
            ["endpoints", rest @ ..] => self.endpoint_route(method, rest),
            _ => Answer::refused(404, "Resource not found"),
        }
    }

    fn channel_route(&mut self, method: &str, rest: &[&str], p: &Parameters) -> Answer {
        match (method, rest) {
            ("GET", []) => self.list_channels(),
            ("POST", []) => self.originate(None, p),
            ("POST", ["create"]) => self.create(p),
            ("POST", ["externalMedia"]) => self.external_media(p),
            ("GET", [id]) => self.get_channel(id),
            ("POST", [id]) => self.originate(Some(id), p),
            ("DELETE", [id]) => self.hang_up(id, p),
            (_, [] | [_]) => not_allowed(),
            ("POST", [id, "dial"]) => self.dial(id, p),
            ("POST", [id, "continue"]) => self.continue_in_dialplan(id, p),
            ("GET", [id, "variable"]) => self.get_variable(id, p),
            ("POST", [id, "variable"]) => self.set_variable(id, p),
            ("POST", [id, "play"]) => self.play(&Place::Channel((*id).to_owned()), None, p),
            ("POST", [id, "play", own]) => {
                self.play(&Place::Channel((*id).to_owned()), Some(own), p)
            }
            ("POST", [id, "record"]) => self.record(&Place::Channel((*id).to_owned()), p),
            ("POST", [id, "snoop"]) => self.snoop(id, None, p),
            ("POST", [id, "snoop", own]) => self.snoop(id, Some(own), p),
            (_, [id, operation]) => self.operate(method, id, operation, p),
            _ => Answer::refused(404, "Resource not found"),
        }
    }

    fn bridge_route(&mut self, method: &str, rest: &[&str], p: &Parameters) -> Answer {
        match (method, rest) {
            ("GET", []) => self.list_bridges(),
            ("POST", []) => self.create_bridge(p),
            ("GET", [id]) => self.get_bridge(id),
            ("POST", [id]) => self.create_bridge_with_id(id, p),
            ("DELETE", [id]) => self.delete_bridge(id),
            (_, [] | [_]) => not_allowed(),
            ("POST", [id, "addChannel"]) => self.add_channels(id, p),
            ("POST", [id, "removeChannel"]) => self.remove_channels(id, p),
            ("POST", [id, "play"]) => self.play(&Place::Bridge((*id).to_owned()), None, p),
            ("POST", [id, "play", own]) => {
                self.play(&Place::Bridge((*id).to_owned()), Some(own), p)
            }
            ("POST", [id, "record"]) => self.record(&Place::Bridge((*id).to_owned()), p),
            ("POST" | "DELETE", [id, "moh"]) => self.with_bridge(id),
            _ => Answer::refused(404, "Resource not found"),
        }
    }

    fn playback_route(&mut self, method: &str, rest: &[&str], p: &Parameters) -> Answer {
        match (method, rest) {
            ("GET", [id]) => self.get_playback(id),
            ("DELETE", [id]) => self.stop_playback(id),
            ("POST", [id, "control"]) => self.control_playback(id, p),
            (_, [_]) => not_allowed(),
            _ => Answer::refused(404, "Resource not found"),
        }
    }

    fn recording_route(&mut self, method: &str, rest: &[&str]) -> Answer {
        match (method, rest) {
            ("GET", ["stored"]) => self.list_recordings(),
            ("GET", ["stored", name @ .., "file"]) if !name.is_empty() => {
                self.recording_file(&name.join("/"))
            }
            ("GET", ["stored", name @ ..]) => self.get_recording(&name.join("/")),
            ("DELETE", ["stored", name @ ..]) => self.delete_recording(&name.join("/")),
            ("GET", ["live", name @ ..]) => self.get_live_recording(&name.join("/")),
            ("DELETE", ["live", name @ ..]) => self.stop_recording(&name.join("/"), false),
            ("POST", ["live", name @ .., "stop"]) => self.stop_recording(&name.join("/"), true),
            _ => Answer::refused(404, "Resource not found"),
        }
    }

    fn application_route(&mut self, method: &str, rest: &[&str], p: &Parameters) -> Answer {
        match (method, rest) {
            ("GET", []) => self.list_applications(),
            ("GET", [name]) => self.get_application(name),
            ("PUT", [name, "eventFilter"]) => self.filter_events(name, p),
            ("POST", [name, "subscription"]) => self.subscribe(name, p),
            ("DELETE", [name, "subscription"]) => self.unsubscribe(name, p),
            (_, [] | [_]) => not_allowed(),
            _ => Answer::refused(404, "Resource not found"),
        }
    }
}

pub(crate) fn not_allowed() -> Answer {
    Answer::refused(405, "Invalid method")
}

/// Asterisk reads a `+` in a path as a space.
fn decoded(piece: &str) -> String {
    let piece = piece.replace('+', " ");
    percent_decode_str(&piece).decode_utf8_lossy().into_owned()
}
