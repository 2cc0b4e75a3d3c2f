//! `cargo xtask sim`: runs seeds, and replays one.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_sim::fault::Choice;
use trunkline_sim::minimise::minimise;
use trunkline_sim::run::{Options, Outcome, run};

const USAGE: &str = "usage: sim --seeds <first>..<last> [--threads <n>] [--first] | --seed <n> [--trace] [--minimal]";

/// What is asked for.
enum Asked {
    Seeds {
        seeds: RangeInclusive<u64>,
        threads: usize,
        /// Runs no further seed when one has failed, and asks no more of it.
        first: bool,
    },
    One {
        seed: u64,
        trace: bool,
        minimal: bool,
    },
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1).collect()) {
        Some(Asked::Seeds {
            seeds,
            threads,
            first,
        }) => many(seeds, threads, first),
        Some(Asked::One {
            seed,
            trace,
            minimal,
        }) => one(seed, trace, minimal),
        None => {
            println!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(args: Vec<String>) -> Option<Asked> {
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut seeds, mut seed) = (None, None);
    let (mut trace, mut minimal, mut first) = (false, false, false);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seeds" => {
                let range = args.next()?;
                let (from, to) = range.split_once("..")?;
                seeds = Some(from.parse().ok()?..=to.parse().ok()?);
            }
            "--seed" => seed = Some(args.next()?.parse().ok()?),
            "--threads" => threads = args.next()?.parse().ok()?,
            "--trace" => trace = true,
            "--minimal" => minimal = true,
            "--first" => first = true,
            _ => return None,
        }
    }
    match (seeds, seed) {
        (Some(seeds), None) => Some(Asked::Seeds {
            seeds,
            threads: threads.max(1),
            first,
        }),
        (None, Some(seed)) => Some(Asked::One {
            seed,
            trace,
            minimal,
        }),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn one(seed: u64, trace: bool, minimal: bool) -> ExitCode {
    let choice = Choice::Seeded;
    let mut outcome = run(seed, &Options { choice, trace });
    if minimal && outcome.violation.is_some() {
        outcome = minimise(&outcome);
        if trace {
            let choice = Choice::Only(outcome.faults.clone().into());
            outcome = run(seed, &Options { choice, trace });
        }
    }
    print!("{}", outcome.trace);
    tell(&outcome);
    if outcome.violation.is_some() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn tell(outcome: &Outcome) {
    let Outcome { seed, faults, .. } = outcome;
    let (seconds, dials, batches) = (outcome.lasted_ms / 1_000, outcome.dials, outcome.batches);
    println!(
        "seed {seed}: {seconds} s of virtual time, {dials} dials, {batches} batches, {} faults",
        faults.len()
    );
    for fault in faults {
        println!("  {fault}");
    }
    match &outcome.violation {
        None => println!("seed {seed}: all held"),
        Some(violation) => println!("seed {seed}: {}: {}", violation.invariant, violation.detail),
    }
}

/// Runs all seeds, so many at a time, and says which failed. `only_first`: until
/// one fails.
fn many(seeds: RangeInclusive<u64>, threads: usize, only_first: bool) -> ExitCode {
    let (first, last) = (*seeds.start(), *seeds.end());
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed > last {
                        break;
                    }
                    let choice = Choice::Seeded;
                    let outcome = run(
                        seed,
                        &Options {
                            choice,
                            trace: false,
                        },
                    );
                    let mut tally = tally.lock().unwrap_or_else(|it| it.into_inner());
                    tally.note(outcome, last + 1 - first);
                    if only_first && !tally.failed.is_empty() {
                        break;
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(|it| it.into_inner());
    tally.conclude(!only_first)
}

#[derive(Default)]
struct Tally {
    done: u64,
    dials: usize,
    batches: u64,
    faults: usize,
    lasted_ms: u64,
    failed: Vec<Outcome>,
}

impl Tally {
    fn note(&mut self, outcome: Outcome, all: u64) {
        self.done += 1;
        self.dials += outcome.dials;
        self.batches += outcome.batches;
        self.faults += outcome.faults.len();
        self.lasted_ms += outcome.lasted_ms;
        if let Some(violation) = &outcome.violation {
            println!(
                "seed {}: {}: {}",
                outcome.seed, violation.invariant, violation.detail
            );
            self.failed.push(outcome);
        }
        if self.done.is_multiple_of(50) {
            println!("{} of {all} seeds, {} failed", self.done, self.failed.len());
        }
    }

    fn conclude(mut self, minimal: bool) -> ExitCode {
        let hours = self.lasted_ms / 3_600_000;
        println!(
            "{} seeds: {} dials, {} batches, {} faults, {hours} h of virtual time",
            self.done, self.dials, self.batches, self.faults
        );
        if self.failed.is_empty() {
            println!("all held");
            return ExitCode::SUCCESS;
        }
        self.failed.sort_by_key(|outcome| outcome.seed);
        println!("{} seeds failed:", self.failed.len());
        for outcome in &self.failed {
            let invariant = outcome.violation.as_ref().map_or("", |it| it.invariant);
            println!(
                "  {invariant}: cargo xtask sim --seed {} --trace",
                outcome.seed
            );
        }
        // The first one says most; the others wait for it.
        if let Some(outcome) = self.failed.first().filter(|_| minimal) {
            println!("the faults that seed {} needs to fail:", outcome.seed);
            tell(&minimise(outcome));
        }
        ExitCode::FAILURE
    }
}
