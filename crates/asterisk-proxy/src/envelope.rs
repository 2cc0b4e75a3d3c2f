//! The bus event that carries an event of Asterisk's: its text is put between two
//! fixed parts, copied once and parsed by nobody on the way.

use bytes::Bytes;
use serde_json::value::RawValue;
use trunkline_ari::event::BUS_TYPE;
use trunkline_bus::Event;
use trunkline_model::service::Service;

/// Stands where Asterisk's text belongs.
const PLACE: &[u8] = b"null";

/// What stands around the text.
pub(crate) struct Envelope {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Envelope {
    /// As [`Event`] writes it. The payload is the last field.
    pub(crate) fn new() -> Self {
        let event = Event::new(Service::ASTERISK_PROXY, BUS_TYPE, &()).encode();
        let (rest, end) = event.split_at(event.len() - 1);
        let before = rest.strip_suffix(PLACE);
        Self {
            before: before.expect("the payload is the last field").to_vec(),
            after: end.to_vec(),
        }
    }

    pub(crate) fn around(&self, text: &RawValue) -> Bytes {
        let parts = [&self.before[..], text.get().as_bytes(), &self.after[..]];
        parts.concat().into()
    }
}

#[cfg(test)]
mod tests {
    use trunkline_bus::envelope::JSON;

    use super::*;

    #[test]
    fn it_is_what_the_event_would_be_written_as() {
        let text = r#" {"type":"StasisEnd", "a":"<\u00fc>"}"#;
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        let event = Event {
            kind: BUS_TYPE.to_owned(),
            publisher: Service::ASTERISK_PROXY.name().to_owned(),
            data_type: JSON.to_owned(),
            data: Some(raw.to_owned()),
        };
        assert_eq!(Envelope::new().around(raw), event.encode());
    }
}
