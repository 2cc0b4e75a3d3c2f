//! Asking a carrier directly, for the test of a trunk: does he answer, and does he
//! take user and password? Asterisk tells neither why a registration failed nor
//! whether a name resolves.
//!
//! Two questions, both without consequences: OPTIONS, and a REGISTER without
//! `Contact`, which asks for the bindings and changes none (RFC 3261 §10.2.3).

mod digest;
mod message;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};
use trunkline_model::trunk::{Transport, Trunk};

use self::message::{Answer, Question};

/// First pause before a question is sent again over UDP; it doubles (RFC 3261
/// §17.1.2.2).
const AGAIN: Duration = Duration::from_millis(500);
/// Longest answer, bytes.
const LONGEST: usize = 64 * 1024;

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// A SIP status.
    Status(u16),
    /// Nothing; in the system's words, empty for silence.
    Nothing(String),
}

/// The address of a host.
pub(super) async fn resolve(trunk: &Trunk, patience: Duration) -> Result<SocketAddr, String> {
    let port = u16::try_from(trunk.port).unwrap_or(5060);
    let host = trunk.host.trim_end_matches('.');
    let found = timeout(patience, tokio::net::lookup_host((host, port))).await;
    match found {
        Ok(Ok(mut addresses)) => addresses
            .next()
            .ok_or_else(|| "it has no address".to_owned()),
        Ok(Err(error)) => Err(plain(&error)),
        Err(_) => Err("the name servers do not answer".to_owned()),
    }
}

/// The system's words without their prefix and number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text);
    let text = text.split(" (os error").next().unwrap_or(text);
    text.to_lowercase()
}

/// Whether anybody answers there.
pub(super) async fn options(trunk: &Trunk, at: SocketAddr, patience: Duration) -> Heard {
    let mut question = Question::new("OPTIONS", trunk);
    match ask(trunk, at, &mut question, Instant::now() + patience).await {
        Ok(answer) => Heard::Status(answer.status),
        Err(why) => Heard::Nothing(why),
    }
}

/// Whether the carrier takes user and password.
pub(super) async fn register(trunk: &Trunk, at: SocketAddr, patience: Duration) -> Heard {
    let until = Instant::now() + patience;
    let mut question = Question::new("REGISTER", trunk);
    let mut answer = match ask(trunk, at, &mut question, until).await {
        Ok(answer) => answer,
        Err(why) => return Heard::Nothing(why),
    };
    if matches!(answer.status, 401 | 407)
        && let Some(authorization) = digest::answer(trunk, &answer, &question)
    {
        question.authorize(answer.status, authorization);
        answer = match ask(trunk, at, &mut question, until).await {
            Ok(answer) => answer,
            Err(why) => return Heard::Nothing(why),
        };
    }
    Heard::Status(answer.status)
}

/// The final answer to a question.
async fn ask(
    trunk: &Trunk,
    at: SocketAddr,
    question: &mut Question,
    until: Instant,
) -> Result<Answer, String> {
    question.next();
    let asked = async {
        match trunk.transport {
            Transport::Tcp => over_tcp(at, question).await,
            Transport::Udp | Transport::Tls | Transport::Other(_) => {
                over_udp(at, question, until).await
            }
        }
    };
    match timeout_at(until, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(plain(&error)),
        Err(_) => Err(String::new()),
    }
}

async fn over_udp(at: SocketAddr, question: &Question, until: Instant) -> std::io::Result<Answer> {
    let any: SocketAddr = match at {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // The system then tells when nobody listens there.
    socket.connect(at).await?;
    let text = question.text("UDP", socket.local_addr()?);
    let mut buffer = vec![0; LONGEST];
    let mut pause = AGAIN;
    loop {
        socket.send(text.as_bytes()).await?;
        let resend = (Instant::now() + pause).min(until);
        loop {
            let Ok(received) = timeout_at(resend, socket.recv(&mut buffer)).await else {
                break;
            };
            let length = received?;
            let answer = Answer::read(&buffer[..length], question);
            if let Some(answer) = answer.filter(|answer| answer.status >= 200) {
                return Ok(answer);
            }
        }
        pause *= 2;
    }
}

async fn over_tcp(at: SocketAddr, question: &Question) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(at).await?;
    let text = question.text("TCP", stream.local_addr()?);
    stream.write_all(text.as_bytes()).await?;
    let mut heard = Vec::new();
    let mut buffer = [0; 4_096];
    while heard.len() < LONGEST {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        heard.extend_from_slice(&buffer[..length]);
        // A provisional answer may come before: each begins after an empty line.
        let text = String::from_utf8_lossy(&heard).into_owned();
        for part in text.split_inclusive("\r\n\r\n") {
            let answer = part
                .find("SIP/2.0 ")
                .filter(|_| part.ends_with("\r\n\r\n"))
                .and_then(|from| Answer::read(&part.as_bytes()[from..], question));
            if let Some(answer) = answer.filter(|answer| answer.status >= 200) {
                return Ok(answer);
            }
        }
    }
    Err(std::io::Error::other("it closed the connection"))
}

#[cfg(test)]
mod tests {
    use trunkline_model::customer::Secret;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn trunk(password: &str) -> Trunk {
        Trunk {
            host: "127.0.0.1".to_owned(),
            username: "cust".to_owned(),
            password: Secret(password.to_owned()),
            ..trunkline_domain::registrar::trunk::usual()
        }
    }

    /// A carrier that challenges, and takes one password.
    async fn carrier() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = vec![0; LONGEST];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let line = |name: &str| {
                    text.lines()
                        .find(|line| line.starts_with(name))
                        .unwrap_or_default()
                        .to_owned()
                };
                let authorization = line("Authorization:");
                let status = if text.starts_with("OPTIONS") {
                    "405 Method Not Allowed\r\n".to_owned()
                } else if digest::tests::is_right(&authorization, "cust", "right") {
                    "200 OK\r\n".to_owned()
                } else {
                    "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5\r\n".to_owned()
                };
                let copied = ["Via:", "Call-ID:", "CSeq:"].map(line).join("\r\n");
                let answer = format!("SIP/2.0 {status}{copied}\r\nContent-Length: 0\r\n\r\n");
                socket.send_to(answer.as_bytes(), from).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn a_carrier_is_asked_without_consequences() {
        let at = carrier().await;
        let options = options(&trunk("right"), at, PATIENCE).await;
        assert_eq!(options, Heard::Status(405), "any answer is an answer");
        for (password, status) in [("right", 200), ("wrong", 401)] {
            let heard = register(&trunk(password), at, PATIENCE).await;
            assert_eq!(heard, Heard::Status(status), "{password}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        drop(socket);
        let heard = options(&trunk(""), at, PATIENCE).await;
        assert!(
            matches!(&heard, Heard::Nothing(why) if why.contains("refused")),
            "{heard:?}"
        );
        let tcp = Trunk {
            transport: Transport::Tcp,
            ..trunk("")
        };
        assert!(matches!(
            options(&tcp, at, PATIENCE).await,
            Heard::Nothing(_)
        ));
        let nowhere = Trunk {
            host: "nowhere.invalid".to_owned(),
            ..trunk("")
        };
        assert!(resolve(&nowhere, PATIENCE).await.is_err());
        assert_eq!(resolve(&trunk(""), PATIENCE).await.unwrap().port(), 5060);
    }
}
