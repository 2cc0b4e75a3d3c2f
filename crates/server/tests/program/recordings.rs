//! `trunkline recording`: the sound of a call that was recorded.

use serde_json::{Value, json};

use crate::desk::Desk;

const NOBODYS: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0009";

/// A call that was recorded, and its recording, both over.
fn recorded(desk: &Desk) -> (String, String) {
    desk.allow_calls();
    let flow = desk.flow(
        "recorded.json",
        &json!([
            {"type": "recording_start"},
            {"type": "sleep", "option": {"duration": 1_000}},
            {"type": "recording_stop"},
            {"type": "hangup"},
        ]),
    );
    let call = desk.id(&[
        "call",
        "create",
        "--to",
        "+4930123401",
        "--from",
        "+493012345600",
        "--flow",
        flow.to_str().unwrap(),
    ]);
    let list = ["recording", "list", "--call", &call];
    loop {
        let found = desk.json(&list);
        let row = &found["result"][0];
        assert!(
            row.is_null() || row["reference_id"] == call.as_str(),
            "{row}"
        );
        if row["status"] == "ended" {
            return (call, row["id"].as_str().unwrap().to_owned());
        }
    }
}

#[test]
fn a_recording_is_listed_fetched_and_deleted() {
    let desk = Desk::new();
    let (call, recording) = recorded(&desk);
    let table = desk.ok(&["recording", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[0].starts_with("ID "), "{table}");
    assert!(
        lines[1].starts_with(&recording) && lines[1].contains(&call),
        "{table}"
    );
    assert!(
        desk.ids(&["recording", "list", "--call", NOBODYS])
            .is_empty()
    );
    let shown = desk.ok(&["recording", "get", &recording]);
    assert!(
        shown.contains(&recording) && shown.contains("ended"),
        "{shown}"
    );

    let file = |name: &str| desk.folder.path().join(name);
    let read = |name: &str| std::fs::read(file(name)).unwrap();
    let get = ["recording", "get", &recording, "--out"];
    let told = desk.ok(&[&get[..], &["ada.wav"]].concat());
    let sound = read("ada.wav");
    assert!(
        sound.starts_with(b"RIFF") && sound.len() > 44,
        "a whole WAV file"
    );
    assert_eq!(told, format!("ada.wav has {} bytes.\n", sound.len()));
    assert!(!file("ada.wav.part").exists());
    let mut piped = desk.asking(&[&get[..], &["-"]].concat());
    assert_eq!(piped.output().unwrap().stdout, sound);

    // What a download that was cut off has left is gone on from.
    std::fs::write(file("again.wav.part"), &sound[..sound.len() / 2]).unwrap();
    desk.ok(&[&get[..], &["again.wav"]].concat());
    assert_eq!(read("again.wav"), sound);

    // A file that is there is replaced.
    std::fs::write(file("ada.wav"), "old words".repeat(sound.len())).unwrap();
    let told = desk.json(&[&get[..], &["ada.wav"]].concat());
    assert_eq!(
        (&told["id"], &told["bytes"]),
        (&json!(recording), &json!(sound.len()))
    );
    assert_eq!(read("ada.wav"), sound);
    // The other side has a sound of its own.
    desk.ok(&[&get[..], &["heard.wav", "--channel", "out"]].concat());
    assert!(read("heard.wav").starts_with(b"RIFF"));

    let row: Value = desk.json(&["recording", "delete", &recording]);
    assert_eq!(row["id"], recording.as_str());
    assert!(desk.ids(&["recording", "list"]).is_empty());
    desk.refused(
        &[&get[..], &["gone.wav"]].concat(),
        1,
        "RECORDING_FILE_DELETED",
    );
    assert!(!file("gone.wav").exists() && !file("gone.wav.part").exists());
    desk.stop();
}

#[test]
fn a_recording_that_is_not_there_leaves_the_file_as_it_is() {
    let desk = Desk::new();
    let file = desk.folder.path().join("ada.wav");
    std::fs::write(&file, "old words").unwrap();
    let get = ["recording", "get", NOBODYS];
    desk.refused(&get, 1, "NOT_FOUND");
    desk.refused(&[&get[..], &["--out", "ada.wav"]].concat(), 1, "NOT_FOUND");
    desk.refused(&[&get[..], &["--out", "-"]].concat(), 1, "NOT_FOUND");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "old words");
    assert!(!desk.folder.path().join("ada.wav.part").exists());
    desk.refused(&["recording", "get", "ada"], 2, "trunkline recording list");
    desk.refused(
        &["recording", "get", NOBODYS, "--channel", "both"],
        2,
        "in, out",
    );
    desk.stop();
}
