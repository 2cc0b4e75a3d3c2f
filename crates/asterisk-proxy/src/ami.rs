//! AMI: one action at a time over one connection, for what ARI does not tell and
//! cannot do (chapter 01 §8.3).
//!
//! The connection is made when an action wants it, and thrown away after any
//! trouble; a pause that doubles lies between two attempts, in which actions fail at
//! once. Events are switched off at the login: what arrives is answers, and whatever
//! arrives on a connection that waits, its end included, makes it useless.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

use crate::account::Account;
use crate::backoff::Backoff;
use crate::config::Config;

/// Longest line of an answer, bytes.
const LONGEST_LINE: u64 = 16 * 1024;
/// Most packets of one answer.
const MOST_PACKETS: usize = 20_000;
/// Most fields of one packet.
const MOST_FIELDS: usize = 1_000;
/// Where the packets of a list stand in the answer.
pub(crate) const EVENTS: &str = "Events";
/// Fields of list packets that nobody here has to know.
const SECRETS: [&str; 5] = [
    "Password",
    "Md5Cred",
    "PasswordDigest",
    "OauthSecret",
    "RefreshToken",
];

/// An action or a packet of an answer.
pub(crate) type Fields = BTreeMap<String, String>;

/// Why an action has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AmiError {
    /// A name or a value holds a line break, or there is no `Action`.
    #[error("an action is an object of texts without line breaks, one of them `Action`")]
    Action,
    /// Nothing was sent.
    #[error("{0}")]
    Away(String),
    /// The action may have been carried out.
    #[error("{0}")]
    Lost(String),
}

pub(crate) struct Ami {
    address: String,
    account: Account,
    patience: Duration,
    state: Mutex<State>,
}

struct State {
    connection: Option<Connection>,
    backoff: Backoff,
    /// Until when nobody connects, and why.
    resting: Option<(Instant, String)>,
    actions: u64,
}

struct Connection {
    stream: BufReader<TcpStream>,
}

impl Ami {
    /// None when no AMI is configured.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        if config.ami.is_empty() {
            return None;
        }
        let backoff = Backoff::new(
            config.ami.clone(),
            config.reconnect_min_ms,
            config.reconnect_max_ms,
        );
        Some(Self {
            address: config.ami.clone(),
            account: config.ami_account.clone(),
            patience: config.request_timeout(),
            state: Mutex::new(State {
                connection: None,
                backoff,
                resting: None,
                actions: 0,
            }),
        })
    }

    /// Carries an action out, when it is its turn, and returns the answer. The
    /// packets of a list stand in it as JSON under [`EVENTS`].
    pub(crate) async fn act(&self, action: &Fields) -> Result<Fields, AmiError> {
        check(action)?;
        let started = Instant::now();
        let Ok(mut state) = timeout(self.patience, self.state.lock()).await else {
            return Err(AmiError::Away("too many actions wait".to_owned()));
        };
        let mut connection = match state.connection.take() {
            Some(connection) if connection.is_silent().await => connection,
            Some(_) | None => self.connect(&mut state).await?,
        };
        state.actions += 1;
        let id = format!("trunkline-{}", state.actions);
        let left = self.patience.saturating_sub(started.elapsed());
        // Whatever else than an answer comes of it, the connection is not used again:
        // what arrives late must not be taken for the next answer.
        match timeout(left, connection.act(&id, action)).await {
            Ok(Ok(answer)) => {
                state.connection = Some(connection);
                Ok(answer)
            }
            Ok(Err(error)) => Err(AmiError::Lost(error.to_string())),
            Err(_) => Err(AmiError::Lost("no answer in time".to_owned())),
        }
    }

    async fn connect(&self, state: &mut State) -> Result<Connection, AmiError> {
        if let Some((until, why)) = &state.resting
            && Instant::now() < *until
        {
            return Err(AmiError::Away(why.clone()));
        }
        let outcome = match timeout(self.patience, self.log_in()).await {
            Ok(outcome) => outcome,
            Err(_) => Err("no answer in time".to_owned()),
        };
        match outcome {
            Ok(connection) => {
                state.resting = None;
                state.backoff.reset();
                tracing::info!(address = self.address, "AMI is connected");
                Ok(connection)
            }
            Err(why) => {
                let why = format!("AMI at {} is away: {why}", self.address);
                tracing::warn!("{why}");
                state.resting = Some((Instant::now() + state.backoff.next(), why.clone()));
                Err(AmiError::Away(why))
            }
        }
    }

    async fn log_in(&self) -> Result<Connection, String> {
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(|error| error.to_string())?;
        let mut connection = Connection {
            stream: BufReader::new(stream),
        };
        let greeting = connection.line().await.map_err(|error| error.to_string())?;
        if !greeting.starts_with("Asterisk Call Manager") {
            return Err("it does not speak as AMI does".to_owned());
        }
        let (user, secret) = self.account.parts();
        let login: Fields = [
            ("Action", "Login"),
            ("Username", user),
            ("Secret", secret),
            ("Events", "off"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let answer = connection.act("trunkline-login", &login).await;
        match answer.map_err(|error| error.to_string())? {
            answer if answer.get("Response").is_some_and(|it| it == "Success") => Ok(connection),
            _ => Err(
                "it refuses the account: check manager.conf, and asterisk.ami_account_file"
                    .to_owned(),
            ),
        }
    }
}

impl Connection {
    /// Whether it is open and nothing has come since the last answer: Asterisk closes it
    /// when it ends, and after the action `Logoff`.
    async fn is_silent(&self) -> bool {
        // What the system knows is looked up before a task that yields goes on.
        yield_now().await;
        let next = self.stream.get_ref().try_read(&mut [0]);
        let nothing = matches!(next, Err(error) if error.kind() == ErrorKind::WouldBlock);
        nothing && self.stream.buffer().is_empty()
    }

    async fn act(&mut self, id: &str, action: &Fields) -> std::io::Result<Fields> {
        let mut text = String::new();
        for (name, value) in action {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("ActionID: {id}\r\n\r\n"));
        self.stream.write_all(text.as_bytes()).await?;
        let mut answer: Option<Fields> = None;
        let mut events = Vec::new();
        for _ in 0..MOST_PACKETS {
            let mut packet = self.packet().await?;
            if packet.remove("ActionID").as_deref() != Some(id) {
                continue;
            }
            let list = packet.get("EventList").map(|it| it.to_ascii_lowercase());
            match (&mut answer, list.as_deref()) {
                (None, Some("start")) => answer = Some(packet),
                (None, _) => return Ok(packet),
                (Some(answer), Some("complete" | "cancelled")) => {
                    let mut answer = std::mem::take(answer);
                    answer.insert(EVENTS.to_owned(), Value::Array(events).to_string());
                    return Ok(answer);
                }
                (Some(_), _) => events.push(shown(packet)),
            }
        }
        Err(std::io::Error::other("the answer does not end"))
    }

    /// The fields up to an empty line; one that comes again is continued on a line of
    /// its own.
    async fn packet(&mut self) -> std::io::Result<Fields> {
        let mut fields = Fields::new();
        for _ in 0..MOST_FIELDS {
            let line = self.line().await?;
            if line.is_empty() {
                if fields.is_empty() {
                    continue;
                }
                return Ok(fields);
            }
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim_start();
            fields
                .entry(name.to_owned())
                .and_modify(|known| {
                    known.push('\n');
                    known.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        Err(std::io::Error::other("a packet does not end"))
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.stream).take(LONGEST_LINE);
        limited.read_until(b'\n', &mut bytes).await?;
        if bytes.last() != Some(&b'\n') {
            let problem = match bytes.is_empty() {
                true => "Asterisk closed it",
                false => "a line does not end",
            };
            return Err(std::io::Error::other(problem));
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn shown(packet: Fields) -> Value {
    let fields: Map<String, Value> = packet
        .into_iter()
        .filter(|(name, _)| !SECRETS.contains(&name.as_str()))
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    Value::Object(fields)
}

/// Nothing in an action may begin a line of its own, and the answer is found by the
/// id that is ours.
fn check(action: &Fields) -> Result<(), AmiError> {
    let one_line = |text: &str| !text.contains(['\r', '\n', '\0']);
    let named = |name: &str| {
        !name.is_empty()
            && one_line(name)
            && !name.contains(':')
            && !name.eq_ignore_ascii_case("ActionID")
    };
    let good = action
        .iter()
        .all(|(name, value)| named(name) && one_line(value))
        && action
            .keys()
            .any(|name| name.eq_ignore_ascii_case("Action"));
    if good { Ok(()) } else { Err(AmiError::Action) }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::sync::watch;

    use super::*;

    fn action(name: &str) -> Fields {
        [("Action".to_owned(), name.to_owned())].into()
    }

    /// An AMI that knows a user, answers a ping, makes a list, and closes on `Logoff`
    /// and, without an answer, on `Bye`. Counts the connections that it has closed.
    async fn server() -> (String, watch::Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (closed, closings) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut peer = Connection {
                    stream: BufReader::new(stream),
                };
                let hello = "Asterisk Call Manager/11.0.0\r\n";
                peer.stream.write_all(hello.as_bytes()).await.unwrap();
                while let Ok(asked) = peer.packet().await {
                    let id = &asked["ActionID"];
                    let text = match asked["Action"].as_str() {
                        "Login" if asked["Secret"] == "right" => {
                            format!("Response: Success\r\nActionID: {id}\r\n\r\n")
                        }
                        "Ping" => format!(
                            "Event: Late\r\nActionID: other\r\n\r\nResponse: Success\r\nActionID: {id}\r\nPing: Pong\r\n\r\n"
                        ),
                        "List" => format!(
                            "Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n\
                             Event: Row\r\nActionID: {id}\r\nName: a\r\nPassword: hidden\r\n\r\n\
                             Event: RowComplete\r\nActionID: {id}\r\nEventList: Complete\r\n\r\n"
                        ),
                        "Logoff" => {
                            let text = format!("Response: Goodbye\r\nActionID: {id}\r\n\r\n");
                            peer.stream.write_all(text.as_bytes()).await.unwrap();
                            break;
                        }
                        "Bye" => break,
                        _ => format!("Response: Error\r\nActionID: {id}\r\n\r\n"),
                    };
                    peer.stream.write_all(text.as_bytes()).await.unwrap();
                }
                drop(peer);
                closed.send_modify(|closed| *closed += 1);
            }
        });
        (address, closings)
    }

    fn client(address: &str, secret: &str) -> Ami {
        Ami::new(&Config {
            ami: address.to_owned(),
            ami_account: Account::new(format!("user:{secret}")),
            ..Config::default()
        })
        .unwrap()
    }

    #[tokio::test]
    async fn an_action_gets_its_own_answer_and_a_list_all_of_its_packets() {
        let (address, mut closed) = server().await;
        let ami = client(&address, "right");
        assert_eq!(ami.act(&action("Ping")).await.unwrap()["Ping"], "Pong");
        let list = ami.act(&action("List")).await.unwrap();
        assert_eq!(list[EVENTS], r#"[{"Event":"Row","Name":"a"}]"#);
        assert!(matches!(
            ami.act(&action("Bye")).await,
            Err(AmiError::Lost(_))
        ));
        // It connects again, and logs in again.
        assert_eq!(ami.act(&action("Ping")).await.unwrap()["Ping"], "Pong");
        drop(ami);
        closed.wait_for(|closed| *closed == 2).await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_meanwhile_costs_no_action() {
        let (address, mut closed) = server().await;
        let ami = client(&address, "right");
        let goodbye = ami.act(&action("Logoff")).await.unwrap();
        assert_eq!(goodbye["Response"], "Goodbye");
        closed.wait_for(|closed| *closed == 1).await.unwrap();
        assert_eq!(ami.act(&action("Ping")).await.unwrap()["Ping"], "Pong");
        // It is kept as long as nothing comes.
        assert_eq!(ami.act(&action("Ping")).await.unwrap()["Ping"], "Pong");
        assert_eq!(*closed.borrow(), 1);
    }

    #[tokio::test]
    async fn a_refused_account_is_told_without_its_secret_and_not_tried_at_once_again() {
        let (address, _server) = server().await;
        let ami = client(&address, "wrong");
        let first = ami.act(&action("Ping")).await.unwrap_err();
        assert!(matches!(first, AmiError::Away(_)), "{first}");
        assert!(!first.to_string().contains("wrong"), "{first}");
        assert_eq!(ami.act(&action("Ping")).await.unwrap_err(), first);
    }

    #[test]
    fn nothing_can_slip_a_second_action_in() {
        for (name, value) in [
            ("Channel", "x\r\nAction: Command"),
            ("Channel\nAction", "x"),
            ("Action: Command\nX", "y"),
            ("actionid", "1"),
        ] {
            let mut fields = action("Redirect");
            fields.insert(name.to_owned(), value.to_owned());
            assert_eq!(check(&fields), Err(AmiError::Action), "{name}");
        }
        assert_eq!(check(&Fields::new()), Err(AmiError::Action));
        assert_eq!(check(&action("Ping")), Ok(()));
    }
}
