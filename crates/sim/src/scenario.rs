//! What a world does, drawn from its seed: how many processes, which campaigns
//! over which people, and what happens at awkward moments.

use serde_json::{Value, json};

use crate::dice::Dice;

/// How the roles are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One process with everything, and the carrier inside it.
    Embedded,
    /// So many processes with all managers, and a proxy beside each Asterisk.
    Distributed(u64),
}

/// A campaign and its people.
#[derive(Debug, Clone)]
pub struct CampaignPlan {
    pub calls_per_second: f64,
    pub max_concurrent: i64,
    /// By destination.
    pub tries: [i64; 5],
    pub try_interval_ms: i64,
    pub dial_timeout_ms: i64,
    pub actions: Value,
    /// Stops when nobody is left to call; otherwise it waits for more.
    pub stops: bool,
    /// The numbers of each person, in the order of destinations.
    pub people: Vec<Vec<String>>,
}

/// Something that happens to the world from outside.
#[derive(Debug, Clone)]
pub enum Step {
    Run(usize),
    Stop(usize),
    DeleteCampaign(usize),
    /// Of the campaign's people as they were at the beginning.
    DeleteTarget(usize, usize),
    AddTarget(usize, Vec<String>),
    /// More tries, or another pause between them.
    Replan(usize, [i64; 5], i64),
    /// Hangs up one of the calls that are live then.
    HangUp(u64),
    /// Somebody calls us.
    Incoming(String),
    /// A caller who hangs up his incoming call after so many milliseconds.
    IncomingBriefly(String, u64),
    /// A call over the API.
    Call(String),
}

/// A whole world.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub shape: Shape,
    pub asterisks: usize,
    /// Dial routes that a call may try one after the other.
    pub routes: u64,
    pub campaigns: Vec<CampaignPlan>,
    /// In the order of their time, milliseconds after the campaigns were started.
    pub steps: Vec<(u64, Step)>,
    /// How long things may go wrong, milliseconds.
    pub troubled_ms: u64,
}

impl Scenario {
    /// The world of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "scenario");
        let shape = match dice.below(5) {
            0 | 1 => Shape::Embedded,
            _ => Shape::Distributed(dice.between(1, 3)),
        };
        let asterisks = if dice.percent(30) { 2 } else { 1 };
        let routes = if dice.percent(25) { 2 } else { 1 };
        let troubled_ms = dice.between(20_000, 120_000);
        let campaigns: Vec<CampaignPlan> = (0..dice.between(1, 3))
            .map(|at| campaign(&mut dice, at))
            .collect();
        let mut steps = Vec::new();
        for _ in 0..dice.below(12) {
            let at = dice.below(troubled_ms);
            steps.push((at, step(&mut dice, &campaigns)));
        }
        steps.sort_by_key(|(at, _)| *at);
        Self {
            shape,
            asterisks,
            routes,
            campaigns,
            steps,
            troubled_ms,
        }
    }

    /// The numbers of each person of a campaign, those included that are added later.
    pub fn people_of(&self, campaign: usize) -> impl Iterator<Item = &Vec<String>> {
        let added = self.steps.iter().filter_map(move |(_, step)| match step {
            Step::AddTarget(at, numbers) if *at == campaign => Some(numbers),
            Step::AddTarget(..)
            | Step::Run(_)
            | Step::Stop(_)
            | Step::DeleteCampaign(_)
            | Step::DeleteTarget(..)
            | Step::Replan(..)
            | Step::HangUp(_)
            | Step::Incoming(_)
            | Step::IncomingBriefly(..)
            | Step::Call(_) => None,
        });
        self.campaigns[campaign].people.iter().chain(added)
    }

    /// Whether nothing from outside stops the campaign or takes people from it.
    #[must_use]
    pub fn goes_to_its_end(&self, campaign: usize) -> bool {
        self.campaigns[campaign].stops
            && self.steps.iter().all(|(_, step)| match step {
                Step::Stop(at) | Step::DeleteCampaign(at) => *at != campaign,
                Step::Run(_)
                | Step::DeleteTarget(..)
                | Step::AddTarget(..)
                | Step::Replan(..)
                | Step::HangUp(_)
                | Step::Incoming(_)
                | Step::IncomingBriefly(..)
                | Step::Call(_) => true,
            })
    }
}

fn campaign(dice: &mut Dice, at: u64) -> CampaignPlan {
    let destinations = if dice.percent(30) { 2 } else { 1 };
    let mut tries = [0; 5];
    for most in tries.iter_mut().take(destinations) {
        *most = dice.between_i64(1, 3);
    }
    let people = (0..dice.between(4, 16))
        .map(|person| {
            let numbers = (0..destinations as u64).map(|index| number(dice, at, person, index));
            numbers.collect()
        })
        .collect();
    CampaignPlan {
        calls_per_second: *dice.pick(&[0.5, 1.0, 2.0, 5.0, 20.0]),
        max_concurrent: dice.between_i64(2, 12),
        tries,
        try_interval_ms: dice.between_i64(0, 12) * 1_000,
        dial_timeout_ms: dice.between_i64(4, 30) * 1_000,
        actions: actions(dice),
        stops: dice.percent(85),
        people,
    }
}

/// `+4930`, who it is, and the two digits that say what the callee does.
fn number(dice: &mut Dice, campaign: u64, person: u64, index: u64) -> String {
    let kind = match dice.below(100) {
        0..25 => dice.between(1, 19),
        25..40 => dice.between(20, 29),
        40..58 => dice.between(30, 39),
        58..68 => 40,
        68..76 => 41,
        76..84 => *dice.pick(&[42, 44, 45, 46, 47, 48]),
        84..87 => 43,
        87..92 => 49,
        92..97 => dice.between(50, 59),
        _ => dice.between(60, 69),
    };
    format!("+4930{campaign}{person:03}{index}{kind:02}")
}

fn actions(dice: &mut Dice) -> Value {
    let sleep = json!({"type": "sleep", "option": {"duration": dice.between(200, 4_000)}});
    let play = json!({"type": "play", "option": {"stream_urls": ["hello-world"]}});
    let missing = json!({"type": "play", "option": {"stream_urls": ["missing"]}});
    let hangup = json!({"type": "hangup"});
    let choices = [
        json!([]),
        json!([play, hangup]),
        json!([sleep, hangup]),
        json!([{"type": "answer"}, play, sleep]),
        json!([missing, sleep, play]),
        json!([hangup]),
    ];
    dice.pick(&choices).clone()
}

fn step(dice: &mut Dice, campaigns: &[CampaignPlan]) -> Step {
    let at = usize::try_from(dice.below(campaigns.len() as u64)).unwrap_or(0);
    let plan = &campaigns[at];
    match dice.below(20) {
        0..2 => Step::Stop(at),
        2..5 => Step::Run(at),
        5 => Step::DeleteCampaign(at),
        6..8 => {
            let person = dice.below(plan.people.len() as u64);
            Step::DeleteTarget(at, usize::try_from(person).unwrap_or(0))
        }
        8..10 => {
            let person = dice.between(100, 899);
            let numbers = vec![number(dice, at as u64, person, 0)];
            Step::AddTarget(at, numbers)
        }
        10..12 => {
            let mut tries = plan.tries;
            tries[0] += dice.between_i64(0, 1);
            Step::Replan(at, tries, dice.between_i64(0, 8) * 1_000)
        }
        12..15 => Step::HangUp(dice.roll()),
        15..17 => Step::Incoming(format!("+49309{:06}", dice.below(1_000_000))),
        17 => {
            let from = format!("+49309{:06}", dice.below(1_000_000));
            Step::IncomingBriefly(from, dice.between(0, 3_000))
        }
        _ => {
            let person = dice.between(900, 999);
            Step::Call(number(dice, 9, person, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_world_again_and_seeds_differ() {
        let drawn = |seed| format!("{:?}", Scenario::of_seed(seed));
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn no_two_people_have_the_same_number() {
        for seed in 0..50 {
            let scenario = Scenario::of_seed(seed);
            let people = scenario.campaigns.iter().flat_map(|plan| &plan.people);
            let mut numbers: Vec<&String> = people.flatten().collect();
            let all = numbers.len();
            numbers.sort();
            numbers.dedup();
            assert_eq!(numbers.len(), all, "seed {seed}");
        }
    }
}
