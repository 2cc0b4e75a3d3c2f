//! What the telephones saw: what left the simulated Asterisks, compared with what
//! the rows may claim (invariants I1 and I2 at the far end). A row that says that
//! an attempt has ended does not silence a telephone that still rings.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_asterisk_sim::Dialed;

use crate::scenario::Scenario;
use crate::watch::Violation;

/// A person: number of the campaign, and which of its people.
type Person = (usize, usize);

/// Watches the telephones of all people of a world.
pub struct FarEnd {
    people: BTreeMap<String, Person>,
    /// Shortest pause after a call, microseconds, by campaign. None: one attempt
    /// may dial more than once.
    pauses: Vec<Option<i64>>,
    /// When a channel was last seen, microseconds.
    seen: BTreeMap<String, i64>,
    /// Dials that were compared with the ones before.
    compared: BTreeSet<String>,
}

impl FarEnd {
    /// `intervals` are the shortest ones that the plan of each campaign ever had,
    /// milliseconds.
    #[must_use]
    pub fn new(scenario: &Scenario, intervals: &[i64]) -> Self {
        let single = scenario.routes == 1;
        let pause = |interval: &i64| single.then_some(interval * 1_000);
        Self {
            people: people(scenario),
            pauses: intervals.iter().map(pause).collect(),
            seen: BTreeMap::new(),
            compared: BTreeSet::new(),
        }
    }

    /// Looks at all dials so far, and at the channels that call somebody at `now`
    /// (microseconds of the Asterisks' clock). `steady` says that the store's clock
    /// never stepped: otherwise a pause by that clock is none by this one.
    pub fn look(
        &mut self,
        dials: &[Dialed],
        channels: &BTreeSet<String>,
        now: i64,
        steady: bool,
    ) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut calls: BTreeMap<Person, Vec<&Dialed>> = BTreeMap::new();
        for dial in dials {
            if let Some(person) = self.people.get(&dial.number) {
                calls.entry(*person).or_default().push(dial);
            }
        }
        for (person, mut dials) in calls {
            dials.sort_by_key(|dial| dial.at);
            let live: Vec<_> = dials
                .iter()
                .filter(|it| channels.contains(&it.channel_id))
                .map(|it| it.number.as_str())
                .collect();
            if live.len() > 1 {
                let detail = format!("{} are called at the same time", live.join(" and "));
                found.push(Violation::new("I1", detail));
            }
            for (before, dial) in dials.iter().zip(dials.iter().skip(1)) {
                if steady && self.compared.insert(dial.channel_id.clone()) {
                    found.extend(self.too_early(person, before, dial));
                }
            }
        }
        for channel in channels {
            self.seen.insert(channel.clone(), now);
        }
        found
    }

    /// I2: the pause between the end of one call and the next one, by what was
    /// seen of the first: it ended no earlier.
    fn too_early(&self, person: Person, before: &Dialed, dial: &Dialed) -> Option<Violation> {
        let pause = self.pauses.get(person.0).copied().flatten()?;
        let ended = self.seen.get(&before.channel_id).copied();
        let gap = dial.at - ended.unwrap_or(before.at).max(before.at);
        (gap < pause).then(|| {
            let detail = format!(
                "{} was dialed {} ms after the call of {} was seen, {} ms at least",
                dial.number,
                gap / 1_000,
                before.number,
                pause / 1_000
            );
            Violation::new("I2", detail)
        })
    }
}

/// Whose telephone a number is. A number that two people have is nobody's.
fn people(scenario: &Scenario) -> BTreeMap<String, Person> {
    let mut people = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for at in 0..scenario.campaigns.len() {
        for (person, numbers) in scenario.people_of(at).enumerate() {
            for number in numbers {
                if people.insert(number.clone(), (at, person)).is_some() {
                    shared.insert(number.clone());
                }
            }
        }
    }
    people.retain(|number, _| !shared.contains(number));
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(number: &str, channel: &str, at: i64) -> Dialed {
        Dialed {
            channel_id: channel.to_owned(),
            number: number.to_owned(),
            at,
        }
    }

    fn far_end(pause: Option<i64>) -> FarEnd {
        let numbers = [("+1", (0, 0)), ("+2", (0, 0)), ("+3", (0, 1))];
        FarEnd {
            people: numbers.map(|(it, who)| (it.to_owned(), who)).into(),
            pauses: vec![pause],
            seen: BTreeMap::new(),
            compared: BTreeSet::new(),
        }
    }

    fn channels(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn a_person_who_is_called_twice_at_once_is_found_by_either_number() {
        let dials = [dial("+1", "a", 0), dial("+2", "b", 5), dial("+3", "c", 5)];
        let mut far_end = far_end(None);
        assert_eq!(far_end.look(&dials, &channels(&["b", "c"]), 9, true), []);
        let found = far_end.look(&dials, &channels(&["a", "b"]), 9, true);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].invariant, "I1");
    }

    #[test]
    fn a_pause_counts_from_when_the_call_before_was_seen() {
        let second = [dial("+1", "a", 0), dial("+1", "b", 120)];
        for (pause, wrong) in [(Some(20), 0), (Some(21), 1), (None, 0)] {
            let mut far_end = far_end(pause);
            assert_eq!(far_end.look(&second[..1], &channels(&["a"]), 100, true), []);
            let found = far_end.look(&second, &channels(&["b"]), 130, true);
            assert_eq!(found.len(), wrong, "{found:?}");
        }
        let mut far_end = far_end(Some(21));
        let _ = far_end.look(&second[..1], &channels(&["a"]), 100, false);
        assert_eq!(far_end.look(&second, &channels(&["b"]), 130, false), []);
    }
}
