//! The little of SIP that a question and its answer need (RFC 3261).

use std::net::{Ipv6Addr, SocketAddr};

use trunkline_model::random;
use trunkline_model::trunk::Trunk;

/// A request, which may be asked again with an authorization.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) method: &'static str,
    /// What is asked.
    pub(super) uri: String,
    user: String,
    host: String,
    call_id: String,
    tag: String,
    branch: String,
    sequence: u32,
    authorization: Option<String>,
}

impl Question {
    pub(super) fn new(method: &'static str, trunk: &Trunk) -> Self {
        let host = match trunk.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => trunk.host.clone(),
        };
        Self {
            method,
            uri: format!("sip:{host}:{}", trunk.port),
            user: match trunk.username.as_str() {
                "" => "trunkline".to_owned(),
                user => user.to_owned(),
            },
            host,
            call_id: random::uuid().simple().to_string(),
            tag: random::uuid().simple().to_string(),
            branch: String::new(),
            sequence: 0,
            authorization: None,
        }
    }

    /// Makes it another request of the same dialog.
    pub(super) fn next(&mut self) {
        self.sequence += 1;
        self.branch = format!("z9hG4bK{}", random::uuid().simple());
    }

    pub(super) fn authorize(&mut self, status: u16, value: String) {
        let name = if status == 407 {
            "Proxy-Authorization"
        } else {
            "Authorization"
        };
        self.authorization = Some(format!("{name}: {value}\r\n"));
    }

    /// The whole request.
    pub(super) fn text(&self, transport: &str, from: SocketAddr) -> String {
        let Self {
            method,
            uri,
            user,
            host,
            call_id,
            tag,
            branch,
            sequence,
            authorization,
        } = self;
        // The account may be user@domain already.
        let address = if user.contains('@') {
            format!("sip:{user}")
        } else {
            format!("sip:{user}@{host}")
        };
        let authorization = authorization.as_deref().unwrap_or_default();
        // A REGISTER without Contact asks for the bindings; an OPTIONS wants one.
        let contact = if *method == "REGISTER" {
            String::new()
        } else {
            format!("Contact: <sip:{from}>\r\n")
        };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {from};branch={branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <{address}>;tag={tag}\r\n\
             To: <{address}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {sequence} {method}\r\n\
             {contact}{authorization}User-Agent: Trunkline\r\n\
             Content-Length: 0\r\n\r\n"
        )
    }
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The challenge, if there is one.
    pub(super) challenge: Option<String>,
}

impl Answer {
    /// None when it is something else than the answer to the question.
    pub(super) fn read(bytes: &[u8], question: &Question) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let status = lines
            .next()?
            .strip_prefix("SIP/2.0 ")?
            .get(..3)?
            .parse()
            .ok()?;
        let (mut ours, mut challenge) = ((false, false), None);
        for line in lines.take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "call-id" | "i" => ours.0 = value == question.call_id,
                "cseq" => {
                    let sequence = value.split_whitespace().next();
                    ours.1 = sequence == Some(question.sequence.to_string().as_str());
                }
                "www-authenticate" | "proxy-authenticate" if challenge.is_none() => {
                    challenge = Some(value.to_owned());
                }
                _ => {}
            }
        }
        (ours == (true, true)).then_some(Self { status, challenge })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_question_is_read() {
        let trunk = Trunk {
            host: "h".to_owned(),
            port: 5060,
            username: "u".to_owned(),
            ..Trunk::default()
        };
        let mut question = Question::new("REGISTER", &trunk);
        question.next();
        let text = question.text("UDP", ([127, 0, 0, 1], 5070).into());
        assert!(
            text.starts_with("REGISTER sip:h:5060 SIP/2.0\r\n"),
            "{text}"
        );
        assert!(
            !text.contains("Contact"),
            "it must not bind anything: {text}"
        );
        let answer = |call_id: &str, sequence: u32| {
            let text = format!(
                "SIP/2.0 401 Unauthorized\r\nCall-ID: {call_id}\r\nCSeq: {sequence} REGISTER\r\n\
                 WWW-Authenticate: Digest realm=\"r\"\r\n\r\n"
            );
            Answer::read(text.as_bytes(), &question)
        };
        let read = answer(&question.call_id, 1).unwrap();
        assert_eq!(
            (read.status, read.challenge.as_deref()),
            (401, Some("Digest realm=\"r\""))
        );
        assert_eq!(answer("other", 1), None);
        assert_eq!(answer(&question.call_id, 2), None);
        assert_eq!(
            Answer::read(b"OPTIONS sip:x SIP/2.0\r\n\r\n", &question),
            None
        );
    }
}
