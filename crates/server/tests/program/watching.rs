//! Ctrl-C in `trunkline campaign watch`: the view ends, the campaign does not.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, tcgetattr};
use serde_json::json;

use crate::desk::{Desk, Done};
use crate::harness::{program, send};

/// A terminal: the end of whoever sits there, and the program's.
fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
    (File::from(ours), theirs.unwrap())
}

/// Reads what is shown until the words are there.
fn read_until(words: &str, terminal: &mut File, shown: &mut String) {
    let mut piece = [0; 4_096];
    while !shown.contains(words) {
        let read = terminal.read(&mut piece).unwrap();
        shown.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
}

/// How a terminal treats what is typed and printed.
fn modes(of: &Termios) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        of.input_modes, of.output_modes, of.control_modes, of.local_modes
    )
}

/// A campaign that runs, with one call that does not end by itself.
fn campaign(desk: &Desk) -> String {
    desk.allow_calls();
    let stay = json!([{"type": "sleep", "option": {"duration": 600_000}}]);
    let stay = desk.flow("stay.json", &stay);
    let made = "campaign create --name november --from +493012345600 --tries 1 --flow";
    let mut made: Vec<&str> = made.split(' ').collect();
    made.push(stay.to_str().unwrap());
    let campaign = desk.id(&made);
    desk.id(&["target", "add", "november", "--to", "+4930123420"]);
    desk.ok(&["campaign", "run", "november"]);
    campaign
}

#[test]
fn ctrl_c_ends_the_view_and_leaves_terminal_and_campaign_as_they_are() {
    let desk = Desk::new();
    let campaign = campaign(&desk);
    let (mut terminal, theirs) = terminal();
    let before = modes(&tcgetattr(&theirs).unwrap());
    let stdio = || Stdio::from(theirs.try_clone().unwrap());
    let mut command = desk.asking(&["campaign", "watch", "november"]);
    command
        .env("TERM", "xterm")
        .stdin(stdio())
        .stdout(stdio())
        .stderr(stdio());
    let mut child = command.spawn().unwrap();
    let mut shown = String::new();
    // The view's last sequence: the view is whole, and another one will come.
    read_until("\x1b[J", &mut terminal, &mut shown);
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let hint = format!("trunkline campaign stop {campaign} stops it");
    read_until(&hint, &mut terminal, &mut shown);

    assert_eq!(modes(&tcgetattr(&theirs).unwrap()), before);
    assert!(shown.contains("running"), "{shown}");
    let words = "trunkline: the view has ended, the campaign goes on";
    let view = shown.split_once(words).unwrap().0;
    assert!(view.ends_with("\x1b[J"), "on a line of its own: {shown:?}");
    assert!(
        !shown.contains("\x1b[?"),
        "neither cursor nor screen was taken: {shown:?}"
    );
    let colours: Vec<&str> = shown
        .split("\x1b[")
        .filter_map(|piece| piece.split_once('m').map(|(colour, _)| colour))
        .filter(|colour| {
            colour
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b';')
        })
        .collect();
    assert_eq!(
        colours.last(),
        Some(&"0"),
        "the last colour is taken back: {shown:?}"
    );

    assert_eq!(desk.json(&["campaign", "get", "november"])["status"], "run");
    desk.ok(&["campaign", "stop", "november"]);
    desk.stop();
}

#[test]
fn ctrl_c_ends_a_view_that_is_printed_in_lines() {
    let desk = Desk::new();
    let campaign = campaign(&desk);
    let mut command = desk.asking(&["campaign", "watch", &campaign, "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("\"status\":\"run\""), "{line}");
    send("INT", &child);
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(done.err.contains("the campaign goes on"), "{}", done.err);
    desk.ok(&["campaign", "stop", "november"]);
    desk.stop();
}

/// An API that tells once how a campaign stands, and never answers again: it says
/// when it was asked again.
fn silent_api(listener: &TcpListener, asked_again: &mpsc::Sender<TcpStream>) {
    let mut answered = false;
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            head.read_line(&mut line).unwrap();
        }
        if answered {
            asked_again.send(stream).unwrap();
            return;
        }
        let body = json!({"name": "november", "status": "run"}).to_string();
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        answered = true;
    }
}

/// An answer that never comes would end the view with another exit status.
#[test]
fn ctrl_c_does_not_wait_for_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked_again) = mpsc::channel();
    let api = std::thread::spawn(move || silent_api(&listener, &sender));
    let campaign = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
    let mut command = program();
    command.args(["campaign", "watch", campaign, "--url", &url]);
    command.env("TRUNKLINE_TOKEN", "tl_any");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child: Child = command.spawn().unwrap();
    let pending = asked_again.recv().unwrap();
    send("INT", &child);
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(done.out.starts_with("november: run, "), "{}", done.out);
    assert!(done.err.contains("the campaign goes on"), "{}", done.err);
    drop(pending);
    api.join().unwrap();
}
