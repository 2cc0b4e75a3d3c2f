//! The voices of the callees 50–59 and 70–79: their end of the media. SIPp tells
//! in its log who was answered, and packets leave from here, through a socket
//! that an ordinary user may open.
//!
//! It has a thread of its own, so that a busy runtime is not heard.

use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::rtp::Speech;

/// The time of a frame.
const TICK: Duration = Duration::from_millis(20);
/// Frames from the answer to the digit: 3 s, in the middle of a question.
const PRESSES_AFTER: u32 = 150;
/// Frames after which a call is over whose end nobody told: 10 minutes.
const LONGEST: u32 = 30_000;

/// What the callees 50–59 are heard with: each digit has a tone of its own,
/// which tells on a recording who spoke.
#[must_use]
pub fn tone_of(digit: u32) -> u32 {
    400 + 100 * digit
}

/// The running voices. Dropping them ends them.
pub(crate) struct Voices {
    port: u16,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Voices {
    /// Starts them; `log` is SIPp's, which need not be there yet.
    pub(crate) fn start(log: &Path) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = socket.local_addr()?.port();
        let ends = Arc::new(AtomicBool::new(false));
        let mut choir = Choir {
            socket,
            log: Log::new(log),
            calls: Vec::new(),
            begun: 0,
        };
        let stop = Arc::clone(&ends);
        let sing = move || {
            let mut next = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                choir.tick();
                next += TICK;
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        };
        let thread = std::thread::Builder::new()
            .name("voices".to_owned())
            .spawn(sing)
            .context("failed to start the voices")?;
        Ok(Self {
            port,
            ends,
            thread: Some(thread),
        })
    }

    /// Where they take media.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Voices {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// All calls that are going on.
struct Choir {
    socket: UdpSocket,
    log: Log,
    calls: Vec<Call>,
    begun: u32,
}

struct Call {
    id: String,
    to: SocketAddr,
    speech: Speech,
}

impl Choir {
    fn tick(&mut self) {
        for line in self.log.lines() {
            match Told::parse(&line) {
                Some(Told::Begins { id, row, to }) => self.begin(id, row, to),
                Some(Told::Ends { id }) => self.calls.retain(|call| call.id != id),
                None => {}
            }
        }
        self.calls.retain(|call| call.speech.frames() < LONGEST);
        for call in &mut self.calls {
            for packet in call.speech.next() {
                // Whoever does not listen misses it, as always with RTP.
                self.socket.send_to(&packet, call.to).ok();
            }
        }
    }

    fn begin(&mut self, id: String, row: u32, to: SocketAddr) {
        // The port is somebody else's by now.
        self.calls.retain(|call| call.to != to && call.id != id);
        self.begun = self.begun.wrapping_add(1);
        let (tone, digit) = match (row / 10, row % 10) {
            (5, digit) => (Some(tone_of(digit)), u8::try_from(digit).ok()),
            _ => (None, None),
        };
        let digit = digit.map(|digit| (PRESSES_AFTER, digit));
        let speech = Speech::new(tone, digit, self.begun);
        self.calls.push(Call { id, to, speech });
    }
}

/// A line of `callee.xml`.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Begins {
        id: String,
        row: u32,
        to: SocketAddr,
    },
    Ends {
        id: String,
    },
}

impl Told {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["begins", id, row, address, port] => Some(Self::Begins {
                id: (*id).to_owned(),
                row: row.parse().ok()?,
                to: SocketAddr::new(address.parse().ok()?, port.parse().ok()?),
            }),
            ["ends", id] => Some(Self::Ends {
                id: (*id).to_owned(),
            }),
            _ => None,
        }
    }
}

/// A file that grows.
struct Log {
    path: PathBuf,
    file: Option<File>,
    rest: String,
}

impl Log {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            rest: String::new(),
        }
    }

    /// The lines that are complete since the last time.
    fn lines(&mut self) -> Vec<String> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let mut new = Vec::new();
        if let Some(file) = &mut self.file {
            // What cannot be read now is read with the next tick.
            file.read_to_end(&mut new).ok();
        }
        self.rest.push_str(&String::from_utf8_lossy(&new));
        let Some(end) = self.rest.rfind('\n') else {
            return Vec::new();
        };
        let rest = self.rest.split_off(end + 1);
        let complete = std::mem::replace(&mut self.rest, rest);
        complete.lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_sipp_tells_is_understood() {
        let to = "127.0.0.1:10234".parse().unwrap();
        let id = "a@b".to_owned();
        let rows = [
            (
                "begins a@b 53 127.0.0.1 10234",
                Some(Told::Begins {
                    id: id.clone(),
                    row: 53,
                    to,
                }),
            ),
            ("ends a@b", Some(Told::Ends { id })),
            ("begins a@b", None),
            ("begins a@b 53 nowhere 1", None),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(Told::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn a_line_counts_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::new(&path);
        assert!(log.lines().is_empty(), "the file is not there yet");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"ends a\nen").unwrap();
        assert_eq!(log.lines(), ["ends a"]);
        file.write_all(b"ds b\n").unwrap();
        assert_eq!(log.lines(), ["ends b"]);
    }

    #[test]
    fn a_callee_is_heard_from_the_answer_to_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let listener = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let voices = Voices::start(&path).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::fs::write(&path, format!("begins a 70 127.0.0.1 {port}\n")).unwrap();
        let mut packet = [0; 200];
        let (length, from) = listener.recv_from(&mut packet).unwrap();
        assert_eq!((length, from.port()), (172, voices.port()));
        assert!(packet[12..172].iter().all(|&byte| byte == 0xff));
    }
}
