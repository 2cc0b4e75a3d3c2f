//! People on a list: what a new one must look like, and who is the same person.
//!
//! A target that is added in bulk has an id that follows from its list and its
//! numbers, so that the same person, imported again, is the same row and never
//! a second one. How the id is made stands at [`id_of`].

use sha2::{Digest, Sha256};
use trunkline_model::Address;
use trunkline_model::id::{OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::NewTarget;

use crate::address;

/// Longest name, characters: the column's width (chapter 05 B.2).
pub const LONGEST_NAME: usize = 255;

/// Longest detail and longest data, bytes: what a `TEXT` column holds.
pub const LONGEST_TEXT: usize = 65_535;

const DESTINATIONS: [&str; 5] = [
    "destination_0",
    "destination_1",
    "destination_2",
    "destination_3",
    "destination_4",
];

/// Why a target cannot be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The field of the target.
    pub field: &'static str,
    /// For people.
    pub why: String,
}

/// Brings a new target into the form that is stored: normalised addresses,
/// absent ones gone.
///
/// # Errors
///
/// Which field cannot be stored, or that there is nobody to call.
pub fn admit(target: &mut NewTarget) -> Result<(), Wrong> {
    let mut present = 0;
    for (slot, field) in target.slots().into_iter().zip(DESTINATIONS) {
        let Some(given) = slot.take_if(|given| *given != Address::default()) else {
            *slot = None;
            continue;
        };
        if given.kind.as_str().is_empty() {
            return Err(wrong(field, "its type must be given, such as tel or sip"));
        }
        let stored = address::normalise(&given);
        if let Err(why) = address::validate(&stored) {
            return Err(wrong(field, format!("`{}`: {why}", given.target)));
        }
        *slot = Some(stored);
        present += 1;
    }
    if present == 0 {
        return Err(wrong(DESTINATIONS[0], "there is no number to call"));
    }
    if target.name.chars().count() > LONGEST_NAME {
        let why = format!("is longer than {LONGEST_NAME} characters");
        return Err(wrong("name", why));
    }
    for (field, text) in [("detail", &target.detail), ("data", &target.data)] {
        if text.len() > LONGEST_TEXT {
            return Err(wrong(field, format!("is longer than {LONGEST_TEXT} bytes")));
        }
    }
    Ok(())
}

fn wrong(field: &'static str, why: impl Into<String>) -> Wrong {
    Wrong {
        field,
        why: why.into(),
    }
}

/// The id of the person with these addresses on this list. The addresses are
/// in their stored form; their order does not matter, and one that is there
/// twice counts once.
///
/// ```text
///  48 bits             4    12 bits   2    62 bits
///  the list's first    8    hash      10   hash
/// ```
///
/// A custom UUID (RFC 9562, version 8). The beginning is that of the list's id,
/// which is the time at which the list was made, so that everybody on a list
/// lies in one part of every index (`docs/decisions/time-ordered-ids.md`). The
/// rest is SHA-256 of the whole id of the list and of the addresses: 74 bits,
/// so among a million people the chance that two have one id is 10⁻¹¹.
#[must_use]
pub fn id_of(outdial: OutdialId, destinations: [Option<&Address>; 5]) -> OutdialTargetId {
    let mut present: Vec<(&str, &str)> = destinations
        .into_iter()
        .flatten()
        .map(|address| (address.kind.as_str(), address.target.as_str()))
        .collect();
    present.sort_unstable();
    present.dedup();
    let mut hash = Sha256::new();
    hash.update(outdial.0.as_bytes());
    for (kind, target) in present {
        for text in [kind, target] {
            // The length keeps two texts from being read as one.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&outdial.0.as_bytes()[..6]);
    bytes[6..].copy_from_slice(&digest[..10]);
    OutdialTargetId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(numbers: &[&str]) -> NewTarget {
        let mut target = NewTarget::default();
        for (slot, number) in target.slots().into_iter().zip(numbers) {
            *slot = Some(Address::tel(number));
        }
        target
    }

    fn id(outdial: OutdialId, numbers: &[&str]) -> OutdialTargetId {
        id_of(outdial, person(numbers).destinations())
    }

    #[test]
    fn a_target_is_brought_into_its_stored_form_or_refused_by_field() {
        let mut good = person(&["+1 (555) 123-4567"]);
        good.destination_3 = Some(Address::default());
        assert_eq!(admit(&mut good), Ok(()));
        assert_eq!(good, person(&["+15551234567"]));

        let typeless = NewTarget {
            destination_1: Some(Address {
                target: "+15551234567".to_owned(),
                ..Address::default()
            }),
            ..person(&["+15551234567"])
        };
        let long = |field: &str| {
            let mut target = person(&["+15551234567"]);
            match field {
                "name" => target.name = "é".repeat(LONGEST_NAME + 1),
                "detail" => target.detail = "x".repeat(LONGEST_TEXT + 1),
                _ => target.data = "x".repeat(LONGEST_TEXT + 1),
            }
            target
        };
        let cases = [
            (person(&[]), "destination_0"),
            (person(&["1234"]), "destination_0"),
            (person(&["+15551234567", "x"]), "destination_1"),
            (typeless, "destination_1"),
            (long("name"), "name"),
            (long("detail"), "detail"),
            (long("data"), "data"),
        ];
        for (mut target, field) in cases {
            assert_eq!(admit(&mut target).unwrap_err().field, field);
        }
        let mut longest = person(&["+15551234567"]);
        longest.name = "é".repeat(LONGEST_NAME);
        assert_eq!(admit(&mut longest), Ok(()));
    }

    #[test]
    fn the_same_numbers_on_the_same_list_are_the_same_person() {
        let [list, other] = [OutdialId::random(), OutdialId::random()];
        let (a, b) = ("+15551230001", "+15551230002");
        let both = id(list, &[a, b]);
        assert_eq!(both, id(list, &[a, b]));
        assert_eq!(both, id(list, &[b, a]), "in any order");
        assert_eq!(both, id(list, &[b, a, b]), "however often");
        for another in [id(list, &[a]), id(list, &[b]), id(other, &[a, b])] {
            assert_ne!(both, another);
        }
        // Names are not numbers: the same person may be written in two ways.
        let named = NewTarget {
            name: "Ann".to_owned(),
            ..person(&[a, b])
        };
        assert_eq!(both, id_of(list, named.destinations()));
    }

    #[test]
    fn ids_of_a_list_lie_together_and_are_well_formed() {
        let list = OutdialId::random();
        for n in 0..100 {
            let id = id(list, &[&format!("+1555123{n:04}")]);
            assert_eq!(id.0.as_bytes()[..6], list.0.as_bytes()[..6]);
            assert_eq!(id.0.get_version_num(), 8);
            assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
        }
        // It is written into tables: a change of the recipe makes second targets.
        let list: OutdialId = "0190a0b0-c0d0-7000-8000-000000000001".parse().unwrap();
        let known = "0190a0b0-c0d0-8539-bedf-621428a5d216";
        assert_eq!(id(list, &["+15551230001"]).to_string(), known);
    }
}
