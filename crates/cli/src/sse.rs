//! Server-sent events, read piece by piece (WHATWG HTML, "Interpreting an event
//! stream").

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: String,
}

/// What has arrived and is not whole yet.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
    event: Event,
    data: Vec<String>,
}

impl Parser {
    /// The events that a piece completes. Comments, by which a server keeps the
    /// connection open, complete none.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            events.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        events
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            // The id stays for the events that follow.
            let kind = std::mem::take(&mut self.event.kind);
            return (!data.is_empty()).then(|| Event {
                id: self.event.id.clone(),
                kind,
                data: data.join("\n"),
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.kind),
            "data" => self.data.push(value.to_owned()),
            // A comment, or what we have no use for.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_wherever_the_pieces_are_cut() {
        let stream = b": hello\n\nid: 1\nevent: a\ndata: {\"x\":\ndata: \"\xc3\xa4\"}\n\n: ping\n\nid: 2\r\ndata:y\r\n\r\n";
        let expected = [
            Event {
                id: "1".to_owned(),
                kind: "a".to_owned(),
                data: "{\"x\":\n\"ä\"}".to_owned(),
            },
            Event {
                id: "2".to_owned(),
                data: "y".to_owned(),
                ..Event::default()
            },
        ];
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let found: Vec<Event> = stream
                .chunks(size)
                .flat_map(|piece| parser.take(piece))
                .collect();
            assert_eq!(found, expected, "pieces of {size}");
        }
    }
}
