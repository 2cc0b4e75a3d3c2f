//! Whole imports into a list that a test holds in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use trunkline_domain::dialed_number::Country;
use trunkline_lists::{Error, Failure, Options, Progress, Recipient, Summary, import};
use trunkline_model::id::{OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{NewTarget, NewTargetsReply};

#[tokio::test]
async fn a_file_with_errors_is_imported_and_the_refused_lines_can_be_corrected() {
    let desk = Desk::new();
    let mut text = "Name;Telefon;Ort\n".to_owned();
    text.push_str("Ann;030 231250;Berlin\n");
    text.push_str("Bob;none;Bonn\n");
    text.push_str("\"Eve;030 231251;Köln\n");
    text.push_str("Ann again;+49 30 231250;Bremen\n");
    text.push_str("Max;030 231252;a;b\n");
    text.push_str("\"Lea; \"\"L\"\"\";030 231253;\"Ulm\nDonau\"\n");
    let summary = desk.import(&text).await.unwrap();
    let refused = desk.path("people.csv.refused.csv");
    let expected = Summary {
        people: 6,
        created: 2,
        known: 0,
        refused: 3,
        twice: 1,
        refused_file: Some(refused.clone()),
        complete: true,
    };
    assert_eq!(summary, expected);
    assert_eq!(desk.list.names(), ["Ann", "Lea; \"L\""]);
    let told = std::fs::read_to_string(&refused).unwrap();
    let lines: Vec<&str> = told.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines[0], "refused_line,refused_reason,Name,Telefon,Ort");
    assert!(
        lines[1].starts_with(
            "3,\"number `none`: there is `n` in it, which is in no number\",Bob,none,Bonn"
        ),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("4,there is text behind a closing quotation mark,"),
        "{}",
        lines[2]
    );
    assert_eq!(
        lines[3],
        "5,the same numbers as in line 2,Ann again,+49 30 231250,Bremen"
    );
    assert!(
        lines[4].starts_with("6,\"it has 4 fields, and there are 3 columns\","),
        "{}",
        lines[4]
    );

    // Corrected, it is a list like any other.
    let corrected = told.replace("Bob,none", "Bob,030 231254");
    let again = desk.import(&corrected).await.unwrap();
    assert_eq!((again.created, again.known), (1, 1), "Bob, and Ann");
    assert_eq!(desk.list.names(), ["Ann", "Bob", "Lea; \"L\""]);
}

#[tokio::test]
async fn an_import_that_was_stopped_goes_on_and_nobody_is_there_twice() {
    let desk = Desk::new();
    let text = people(5_000);
    desk.list.stop_after(3, &desk.stop);
    let first = desk.import(&text).await.unwrap();
    assert!(!first.complete);
    let there = desk.list.count();
    assert!(
        (100..5_000).contains(&there) && first.created == there,
        "{first:?}"
    );

    let desk = Desk {
        stop: CancellationToken::new(),
        ..desk
    };
    let second = desk.import(&text).await.unwrap();
    assert!(second.complete);
    assert_eq!((second.known, second.created), (there, 5_000 - there));
    assert_eq!(desk.list.count(), 5_000);
    let third = desk.import(&text).await.unwrap();
    assert_eq!((third.known, third.created), (5_000, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_busy_or_away_is_asked_again_and_one_bad_person_costs_nobody_else() {
    let desk = Desk::new();
    let again = |why: &str| Failure::Again {
        after: Some(Duration::from_secs(3)),
        why: why.to_owned(),
    };
    desk.list.fail(again("busy"));
    desk.list.fail(again("away"));
    desk.list.fail(Failure::One {
        at: 7,
        why: "name: no".to_owned(),
    });
    let summary = desk.import(&people(250)).await.unwrap();
    assert_eq!((summary.created, summary.refused), (249, 1));
    let told = std::fs::read_to_string(summary.refused_file.unwrap()).unwrap();
    assert!(told.contains("name: no"), "{told}");

    desk.list.fail(Failure::Refused("no such list".to_owned()));
    let error = desk.import(&people(250)).await.unwrap_err();
    assert_eq!(error.to_string(), "no such list");

    for _ in 0..10_000 {
        desk.list.fail(again("away for good"));
    }
    let error = desk.import(&people(250)).await.unwrap_err();
    assert!(
        matches!(&error, Error::GaveUp { why, .. } if why == "away for good"),
        "{error}"
    );
}

#[tokio::test]
async fn ugly_files_end_with_an_answer() {
    let long = format!(
        "name,number\n{},+4930231250\nAnn,+4930231251\n",
        "x".repeat(10 << 20)
    );
    let quotes = format!("name,number\n{}", "\"Ann,+4930231250\n".repeat(5_001));
    let nul = "name,number\nA\0nn,+4930231250\nBob,+4930231251\n";
    for (text, people, created) in [(long.as_str(), 2, 1), (&quotes, 5_001, 0), (nul, 2, 1)] {
        let desk = Desk::new();
        let summary = desk.import(text).await.unwrap();
        assert_eq!(
            (summary.people, summary.created),
            (people, created),
            "{text:.40}"
        );
        assert!(summary.complete);
    }
    let desk = Desk::new();
    for (text, why) in [
        ("", "is empty"),
        ("name,city\nAnn,Bonn\n", "no column has numbers"),
    ] {
        let error = desk.import(text).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let missing = desk.path("nowhere.csv");
    let progress = Arc::new(Progress::default());
    let options = Options::default();
    let outcome = import(
        &missing,
        &options,
        OutdialId::NIL,
        Arc::clone(&desk.list),
        progress,
        desk.stop.clone(),
    );
    assert!(matches!(
        outcome.await,
        Err(Error::File { act: "read", .. })
    ));
}

#[tokio::test]
async fn no_more_batches_are_on_their_way_than_allowed() {
    let desk = Desk::new();
    desk.import(&people(3_000)).await.unwrap();
    let most = desk.list.state.lock().unwrap().most_at_once;
    assert!((1..=4).contains(&most), "{most}");
}

fn people(number: u32) -> String {
    let mut text = "name,number,city\n".to_owned();
    for n in 0..number {
        writeln!(text, "person {n},+493023{n:05},\"Ulm, {n}\"").unwrap();
    }
    text
}

/// A list, a folder, and what is imported from the one to the other.
struct Desk {
    folder: TempDir,
    list: Arc<List>,
    stop: CancellationToken,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            list: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn import(&self, text: &str) -> Result<Summary, Error> {
        let path = self.path("people.csv");
        std::fs::write(&path, text).unwrap();
        let options = Options {
            country: Country::parse("de"),
            batch: 100,
            ..Options::default()
        };
        let list = "0190a0b0-c0d0-7000-8000-000000000001".parse().unwrap();
        let progress = Arc::new(Progress::default());
        let done = import(
            &path,
            &options,
            list,
            Arc::clone(&self.list),
            Arc::clone(&progress),
            self.stop.clone(),
        )
        .await?;
        let seen = progress.seen();
        assert_eq!(
            seen.done,
            done.created + done.known + done.refused + done.twice
        );
        assert!(!done.complete || seen.share == 1.0, "{seen:?}");
        Ok(done)
    }
}

#[derive(Default)]
struct List {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    people: BTreeMap<OutdialTargetId, String>,
    failures: VecDeque<Failure>,
    batches: u32,
    stop_after: Option<(u32, CancellationToken)>,
    at_once: u32,
    most_at_once: u32,
}

impl List {
    fn fail(&self, failure: Failure) {
        self.state.lock().unwrap().failures.push_back(failure);
    }

    fn stop_after(&self, batches: u32, stop: &CancellationToken) {
        self.state.lock().unwrap().stop_after = Some((batches, stop.clone()));
    }

    fn count(&self) -> u64 {
        self.state.lock().unwrap().people.len() as u64
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .state
            .lock()
            .unwrap()
            .people
            .values()
            .cloned()
            .collect();
        names.sort();
        names
    }
}

impl Recipient for List {
    async fn add(&self, _: OutdialId, people: &[NewTarget]) -> Result<NewTargetsReply, Failure> {
        {
            let mut state = self.state.lock().unwrap();
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
        }
        tokio::task::yield_now().await;
        let mut state = self.state.lock().unwrap();
        state.at_once -= 1;
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure);
        }
        let mut reply = NewTargetsReply::default();
        for person in people {
            // Who is there stays as he is.
            match state.people.entry(person.id) {
                Entry::Occupied(_) => reply.known.push(person.id),
                Entry::Vacant(place) => {
                    place.insert(person.name.clone());
                    reply.created += 1;
                }
            }
        }
        state.batches += 1;
        if let Some((after, stop)) = &state.stop_after
            && state.batches == *after
        {
            stop.cancel();
        }
        Ok(reply)
    }
}
