//! Worlds of a few seeds: everything that must hold does, and the same seed
//! does the same again. `cargo xtask sim` runs more of them, and replays one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_sim::fault::Choice;
use trunkline_sim::run::{Options, Outcome, run};

/// Seeds that are run here (architecture §9); the developer's build takes seconds
/// for each.
const SEEDS: u64 = 50;

fn seeded(trace: bool) -> Options {
    Options {
        choice: Choice::Seeded,
        trace,
    }
}

fn story(outcome: &Outcome) -> String {
    format!(
        "{:?}\n{:?}\n{}",
        outcome.violation, outcome.faults, outcome.trace
    )
}

#[test]
fn what_must_hold_holds_whatever_goes_wrong() {
    let next = AtomicU64::new(1);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > SEEDS {
                        break;
                    }
                    let outcome = run(seed, &seeded(false));
                    assert!(outcome.dials > 0, "seed {seed}: nobody was called");
                    if let Some(violation) = outcome.violation {
                        failed.lock().unwrap().push((seed, violation));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "replay one with `cargo xtask sim --seed <n> --trace`: {failed:#?}"
    );
}

#[test]
fn a_seed_replays_to_the_letter() {
    // One of each shape, both with faults.
    for seed in [2, 3] {
        let (first, second) = (run(seed, &seeded(true)), run(seed, &seeded(true)));
        assert!(!first.faults.is_empty(), "seed {seed} is quiet");
        assert!(first.trace.len() > 10_000, "seed {seed} says little");
        assert!(story(&first) == story(&second), "seed {seed} differs");
    }
}

#[test]
fn the_faults_of_a_run_can_be_replayed_alone() {
    let seed = 2;
    let whole = run(seed, &seeded(true));
    let only = Options {
        choice: Choice::Only(whole.faults.clone().into()),
        trace: true,
    };
    assert!(
        story(&run(seed, &only)) == story(&whole),
        "the same faults, another story"
    );
    let none = Options {
        choice: Choice::Only(Vec::new().into()),
        trace: false,
    };
    assert_eq!(run(seed, &none).faults, []);
}
