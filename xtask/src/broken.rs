//! `cargo xtask broken`: breaks one rule of the product at a time, on purpose, in
//! a copy of the tree, and wants the simulation to fail. A rule whose breach
//! nobody notices, or whose source text is gone, is a failure.
//!
//! The copy lies in `target/broken/tree` and is built in `target/broken/target`,
//! never in the workspace's own target folder.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::broken_rules::{RULES, Rule};

/// Seeds that a broken rule must be caught in, first and last.
const SEEDS: (u64, u64) = (1, 60);

/// Seeds that the unbroken tree must pass first, out of the same.
const SOUND: u64 = 8;

/// What is asked for.
struct Asked<'a> {
    rules: Vec<&'a Rule>,
    seeds: (u64, u64),
}

/// What came of one broken rule.
enum Found {
    /// The first seed that failed, what it broke, and how many seeds that took.
    Caught {
        seed: u64,
        what: String,
        after: u64,
    },
    Missed,
    /// Its text is not in the source any more, or the broken tree does not build.
    Stale(String),
}

/// Breaks all rules, or those asked for, one after the other.
///
/// # Errors
///
/// When the unbroken tree fails, or a broken one does not.
pub(crate) fn run(root: &Path, args: &[&str]) -> anyhow::Result<()> {
    let asked = parse(args)?;
    let tree = Tree::copy_of(root)?;
    tree.build().context("the unbroken tree does not build")?;
    let (first, last) = asked.seeds;
    let sound = (first, last.min(first + SOUND - 1));
    fs::copy(tree.program(), tree.sound_program())
        .context("failed to keep the unbroken program")?;
    if let Some((seed, what)) = first_failure(&tree.sound_program(), sound)? {
        bail!("the unbroken tree fails with seed {seed}: {what}");
    }
    eprintln!(
        "broken: the unbroken tree holds with seeds {}..{}",
        sound.0, sound.1
    );
    let mut told = Vec::new();
    for rule in asked.rules {
        let found = tree.broken(rule, asked.seeds)?;
        eprintln!("broken: {}: {}", rule.name, found.in_words(asked.seeds));
        told.push((rule, found));
    }
    eprintln!("{}", table(&told, asked.seeds));
    let uncaught: Vec<&str> = told
        .iter()
        .filter(|(_, found)| !matches!(found, Found::Caught { .. }))
        .map(|(rule, _)| rule.name)
        .collect();
    if uncaught.is_empty() {
        eprintln!("broken: every broken rule was caught ({})", told.len());
        return Ok(());
    }
    bail!("broken: not caught: {}", uncaught.join(", "));
}

fn parse<'a>(args: &[&str]) -> anyhow::Result<Asked<'a>> {
    let (mut names, mut seeds) = (Vec::new(), SEEDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args
            .next()
            .with_context(|| format!("{arg} wants a value"))?;
        match *arg {
            "--rule" => names.push(*value),
            "--seeds" => {
                let (first, last) = value.split_once("..").context("seeds are first..last")?;
                seeds = (first.parse()?, last.parse()?);
            }
            _ => bail!("usage: cargo xtask broken [--rule <name>]... [--seeds <first>..<last>]"),
        }
    }
    let rules: Vec<&Rule> = RULES
        .iter()
        .filter(|rule| names.is_empty() || names.contains(&rule.name))
        .collect();
    if rules.len() < names.len() || seeds.0 > seeds.1 {
        let known: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        bail!("no such rule or seeds; rules are {}", known.join(", "));
    }
    Ok(Asked { rules, seeds })
}

/// The copy of the working tree in which rules are broken.
struct Tree {
    root: PathBuf,
    copy: PathBuf,
    target: PathBuf,
}

impl Tree {
    /// Brings the copy to what the working tree is now, and writes only what
    /// differs: the build is incremental.
    fn copy_of(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("target/broken");
        let tree = Self {
            root: root.to_owned(),
            copy: folder.join("tree"),
            target: folder.join("target"),
        };
        let list = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .context("failed to run git")?;
        let names = String::from_utf8(list.stdout).context("a file has no readable name")?;
        let names: Vec<&Path> = names.split_terminator('\0').map(Path::new).collect();
        if names.is_empty() {
            bail!("git knows no files in {}", root.display());
        }
        for name in &names {
            tree.refresh(name)?;
        }
        tree.forget_others(&tree.copy, &names)?;
        Ok(tree)
    }

    fn refresh(&self, name: &Path) -> anyhow::Result<()> {
        let (from, to) = (self.root.join(name), self.copy.join(name));
        // Deleted and not committed yet.
        let Ok(now) = fs::read(&from) else {
            return Ok(());
        };
        if fs::read(&to).is_ok_and(|before| before == now) {
            return Ok(());
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&to, now).with_context(|| format!("failed to write {}", to.display()))
    }

    /// Takes out of the copy what is no longer in the working tree.
    fn forget_others(&self, folder: &Path, names: &[&Path]) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.forget_others(&path, names)?;
                continue;
            }
            let name = path.strip_prefix(&self.copy)?;
            if !names.contains(&name) || !self.root.join(name).exists() {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn build(&self) -> anyhow::Result<()> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--profile", "sim"])
            .args(["--package", "trunkline-sim", "--bin", "sim"])
            .env("CARGO_TARGET_DIR", &self.target)
            .current_dir(&self.copy)
            .status()
            .context("failed to run cargo")?;
        if !built.success() {
            bail!(
                "the simulation could not be built in {}",
                self.copy.display()
            );
        }
        Ok(())
    }

    /// The simulation as it was built last.
    fn program(&self) -> PathBuf {
        self.target.join("sim/sim")
    }

    /// The simulation of the unbroken tree.
    fn sound_program(&self) -> PathBuf {
        self.target.join("sound-sim")
    }

    /// The first seed that fails because a rule is broken: the unbroken tree holds
    /// with it.
    fn caught(&self, seeds: (u64, u64)) -> anyhow::Result<Found> {
        let mut from = seeds.0;
        while from <= seeds.1 {
            let Some((seed, what)) = first_failure(&self.program(), (from, seeds.1))? else {
                break;
            };
            if first_failure(&self.sound_program(), (seed, seed))?.is_none() {
                let after = seed + 1 - seeds.0;
                return Ok(Found::Caught { seed, what, after });
            }
            eprintln!("broken: the unbroken tree fails with seed {seed} too: it does not count");
            from = seed + 1;
        }
        Ok(Found::Missed)
    }

    /// Breaks a rule, sees what comes of it, and mends it.
    fn broken(&self, rule: &Rule, seeds: (u64, u64)) -> anyhow::Result<Found> {
        let path = self.copy.join(rule.file);
        let sound = fs::read_to_string(&path).unwrap_or_default();
        let broken = match rule.broken(&sound) {
            Ok(broken) => broken,
            Err(stale) => return Ok(Found::Stale(stale)),
        };
        fs::write(&path, broken)?;
        let outcome = match self.build() {
            Ok(()) => self.caught(seeds),
            Err(_) => Ok(Found::Stale("the broken tree does not build".to_owned())),
        };
        fs::write(&path, sound)?;
        outcome
    }
}

/// The first seed that fails, as the program tells it; it is not asked for the
/// others.
fn first_failure(
    program: &Path,
    (first, last): (u64, u64),
) -> anyhow::Result<Option<(u64, String)>> {
    let output = Command::new(program)
        .args(["--seeds", &format!("{first}..{last}"), "--first"])
        .stdout(Stdio::piped())
        .output()
        .context("failed to run the simulation")?;
    let said = String::from_utf8_lossy(&output.stdout);
    match (output.status.code(), failed_seed(&said)) {
        (Some(0), _) => Ok(None),
        (Some(_), Some(failed)) => Ok(Some(failed)),
        (code, None) | (code @ None, Some(_)) => {
            bail!("the simulation ended with {code:?} and says nothing of a seed: {said}")
        }
    }
}

/// The lowest seed in lines such as `seed 7: I4: what was wrong`.
fn failed_seed(said: &str) -> Option<(u64, String)> {
    let failed = said.lines().filter_map(|line| {
        let (seed, what) = line.strip_prefix("seed ")?.split_once(": ")?;
        Some((seed.parse().ok()?, what.to_owned()))
    });
    failed.min()
}

impl Found {
    fn in_words(&self, (first, last): (u64, u64)) -> String {
        match self {
            Self::Caught { seed, what, after } => {
                format!("caught by seed {seed} ({after} seeds): {what}")
            }
            Self::Missed => format!("NOT CAUGHT by seeds {first}..{last}"),
            Self::Stale(why) => format!("STALE: {why}"),
        }
    }
}

fn table(told: &[(&Rule, Found)], seeds: (u64, u64)) -> String {
    let mut text = String::from("| rule | what it breaks | caught |\n| --- | --- | --- |\n");
    for (rule, found) in told {
        let row = writeln!(
            text,
            "| {} | {} | {} |",
            rule.name,
            rule.kind,
            found.in_words(seeds)
        );
        debug_assert!(row.is_ok(), "a text takes every text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_seed_is_read_from_what_the_simulation_says() {
        let said = "50 of 60 seeds, 0 failed\nseed 52: I1: x\nseed 51: I2: +1 was dialed: twice\n";
        let found = failed_seed(said);
        assert_eq!(found, Some((51, "I2: +1 was dialed: twice".to_owned())));
        assert_eq!(failed_seed("60 seeds: 3 dials\nall held\n"), None);
    }

    #[test]
    fn rules_are_chosen_by_name_and_an_unknown_one_is_refused() {
        let all = parse(&[]).expect("nothing is asked for");
        assert_eq!((all.rules.len(), all.seeds), (RULES.len(), SEEDS));
        let one = parse(&["--rule", RULES[1].name, "--seeds", "3..4"]).expect("it is there");
        assert_eq!((one.rules[0].name, one.seeds), (RULES[1].name, (3, 4)));
        assert!(parse(&["--rule", "no such rule"]).is_err());
        assert!(parse(&["--seeds", "4..3"]).is_err());
    }
}
