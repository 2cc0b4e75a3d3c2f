//! One target: where it is called next, and from when on (chapter 05 A.8.3–4).

use trunkline_model::outdial_target::OutdialTarget;
use trunkline_model::outplan::Outplan;
use trunkline_model::{Address, Timestamp};

/// The destination that the next attempt calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub to: Address,
    /// Which of the target's destinations: 0 to 4.
    pub index: i64,
    /// Attempts at that destination, the next one included.
    pub try_count: i64,
}

/// The first destination that is present and has tries left. A destination is
/// used until its tries are exhausted, then the one after it.
#[must_use]
pub fn choose(target: &OutdialTarget, outplan: &Outplan) -> Option<Choice> {
    let tries = target.try_counts();
    let maxima = outplan.max_try_counts();
    let slots = target.destinations().into_iter().zip(tries).zip(maxima);
    slots
        .zip(0..)
        .find_map(|(((destination, tried), most), index)| {
            let to = destination.filter(|_| tried < most)?.clone();
            Some(Choice {
                to,
                index,
                try_count: tried + 1,
            })
        })
}

/// From when on the target may be called; `None` = at once.
///
/// A target that was never tried does not wait: outdial-manager creates it with
/// both times equal, and one that was given back untried has no tries counted.
#[must_use]
pub fn dialable_from(target: &OutdialTarget, outplan: &Outplan) -> Option<Timestamp> {
    let untried = target.try_counts().iter().all(|tries| *tries == 0);
    if untried || target.tm_update == target.tm_create {
        return None;
    }
    target
        .tm_update
        .map(|updated| updated.plus_millis(outplan.try_interval.max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outplan(maxima: [i64; 5]) -> Outplan {
        let [
            max_try_count_0,
            max_try_count_1,
            max_try_count_2,
            max_try_count_3,
            max_try_count_4,
        ] = maxima;
        Outplan {
            try_interval: 60_000,
            max_try_count_0,
            max_try_count_1,
            max_try_count_2,
            max_try_count_3,
            max_try_count_4,
            ..Outplan::default()
        }
    }

    fn target(present: [bool; 5], tries: [i64; 5]) -> OutdialTarget {
        let address = |n: usize| match present[n] {
            true => Some(Address::tel(&format!("+8210000000{n}"))),
            // Compat: the reference hands absent destinations back as `{}`.
            false if n.is_multiple_of(2) => Some(Address::default()),
            false => None,
        };
        OutdialTarget {
            destination_0: address(0),
            destination_1: address(1),
            destination_2: address(2),
            destination_3: address(3),
            destination_4: address(4),
            try_count_0: tries[0],
            try_count_1: tries[1],
            try_count_2: tries[2],
            try_count_3: tries[3],
            try_count_4: tries[4],
            ..OutdialTarget::default()
        }
    }

    #[test]
    fn the_first_present_destination_with_tries_left_is_used() {
        const ALL: [bool; 5] = [true; 5];
        let cases = [
            (ALL, [0; 5], [3, 0, 0, 0, 0], Some((0, 1))),
            (ALL, [2, 0, 0, 0, 0], [3, 3, 0, 0, 0], Some((0, 3))),
            (ALL, [3, 0, 0, 0, 0], [3, 3, 0, 0, 0], Some((1, 1))),
            (ALL, [4, 3, 0, 0, 1], [3, 3, 0, 0, 2], Some((4, 2))),
            (ALL, [3, 3, 0, 0, 0], [3, 3, 0, 0, 0], None),
            (ALL, [0; 5], [0; 5], None),
            (
                [false, true, false, false, false],
                [0; 5],
                [3, 2, 3, 3, 3],
                Some((1, 1)),
            ),
            ([false; 5], [0; 5], [3; 5], None),
        ];
        for (present, tries, maxima, expected) in cases {
            let choice = choose(&target(present, tries), &outplan(maxima));
            let found = choice
                .as_ref()
                .map(|choice| (choice.index, choice.try_count));
            assert_eq!(found, expected, "{present:?} {tries:?} {maxima:?}");
            if let Some(choice) = choice {
                assert_eq!(choice.to.target, format!("+8210000000{}", choice.index));
            }
        }
    }

    #[test]
    fn the_interval_counts_from_the_end_of_the_last_attempt() {
        let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        let cases = [
            (at(0), at(0), 0, None),
            (None, None, 0, None),
            // Given back untried: no tries are counted, so it does not wait.
            (at(0), at(100), 0, None),
            (at(0), at(100), 1, at(160)),
            (at(0), None, 1, None),
        ];
        for (created, updated, tries, expected) in cases {
            let mut target = target([true; 5], [tries, 0, 0, 0, 0]);
            (target.tm_create, target.tm_update) = (created, updated);
            assert_eq!(dialable_from(&target, &outplan([3; 5])), expected);
        }
    }
}
