//! From a record to a person to call, or to the reason why not.

use serde_json::{Map, Value};
use trunkline_domain::dialed_number::{self, Country};
use trunkline_domain::outdial_target::{admit, id_of};
use trunkline_model::Address;
use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::NewTarget;

use crate::mapping::{Mapping, Place};

/// Why a line is refused, for people.
pub type Reason = String;

/// Reads the person of a record.
pub(crate) fn person(
    fields: &[String],
    mapping: &Mapping,
    list: OutdialId,
    country: Option<Country>,
) -> Result<NewTarget, Reason> {
    let width = mapping.places.len();
    // A separator that is in a name without quotation marks moves everything.
    if fields.iter().skip(width).any(|field| !field.is_empty()) {
        let found = fields.len();
        return Err(format!(
            "it has {found} fields, and there are {width} columns"
        ));
    }
    let mut target = NewTarget::default();
    let mut data = Map::new();
    let texts = mapping.places.iter().zip(fields);
    for (place, text) in texts.filter(|(_, text)| !text.is_empty()) {
        match place {
            Place::Name => append(&mut target.name, text, " "),
            Place::Detail => append(&mut target.detail, text, "\n"),
            Place::Number(at) => {
                let address = address(text, country)
                    .map_err(|why| format!("{place} `{}`: {why}", shortened(text)))?;
                *target.slots()[*at] = Some(address);
            }
            Place::Data(key) => {
                data.insert(key.clone(), Value::String(text.clone()));
            }
            Place::Nothing => {}
        }
    }
    if !data.is_empty() {
        target.data = Value::Object(data).to_string();
    }
    admit(&mut target).map_err(|wrong| format!("{}: {}", plain(wrong.field), wrong.why))?;
    target.id = id_of(list, target.destinations());
    Ok(target)
}

fn append(to: &mut String, text: &str, between: &str) {
    if !to.is_empty() {
        to.push_str(between);
    }
    to.push_str(text);
}

/// A number, or `user@host` for a SIP address.
fn address(text: &str, country: Option<Country>) -> Result<Address, String> {
    if text.contains('@') {
        return Ok(Address::sip(text.strip_prefix("sip:").unwrap_or(text)));
    }
    Ok(Address::tel(&dialed_number::international(text, country)?))
}

/// The field of the API in the words of a file.
pub(crate) fn plain(field: &str) -> &str {
    match field {
        "destination_0" => "number",
        "destination_1" => "number2",
        "destination_2" => "number3",
        "destination_3" => "number4",
        "destination_4" => "number5",
        other => other,
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(40)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str]) -> Result<NewTarget, Reason> {
        let strings = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        };
        let header = strings(&[
            "Vorname", "Nachname", "Telefon", "Handy", "Notiz", "Ort", "Nr",
        ]);
        let country = Country::parse("de");
        let mapping = Mapping::find("", Some(&header), &[], country).unwrap();
        let list = "0190a0b0-c0d0-7000-8000-000000000001".parse().unwrap();
        person(&strings(fields), &mapping, list, country)
    }

    #[test]
    fn a_line_is_a_person_with_everything_in_its_place() {
        let found = read(&[
            "Ann",
            "Lovelace",
            "030 231250",
            "",
            "calls back",
            "Berlin, Mitte",
            "7",
        ]);
        let found = found.unwrap();
        assert_eq!(found.name, "Ann Lovelace");
        assert_eq!(found.destination_0, Some(Address::tel("+4930231250")));
        assert_eq!(found.destination_1, None);
        assert_eq!(found.detail, "calls back");
        assert_eq!(found.data, r#"{"Nr":"7","Ort":"Berlin, Mitte"}"#);
        // Fewer fields are empty ones, and more empty ones are nothing.
        let short = read(&["Ann", "Lovelace", "+49 30 231250"]).unwrap();
        assert_eq!((short.id, short.data.as_str()), (found.id, ""));
        assert!(read(&["", "", "030231250", "", "", "", "", "", ""]).is_ok());
        let second = read(&["", "", "", "0151 23456789"]).unwrap();
        assert_eq!(
            second.destinations()[1],
            Some(&Address::tel("+4915123456789"))
        );
        let sip = read(&["", "", "sip:ann@example.com"]).unwrap();
        assert_eq!(sip.destination_0, Some(Address::sip("ann@example.com")));
    }

    #[test]
    fn a_line_that_nobody_can_be_called_by_says_why() {
        let cases: [(&[&str], &str); 6] = [
            (&["Ann"], "number: there is no number to call"),
            (&["Ann", "L", "110"], "number `110`: it would be +49110"),
            (
                &["Ann", "L", "030 231250", "n/a"],
                "number2 `n/a`: there is `n` in it",
            ),
            (
                &["A", "L", "030231250", "", "", "", "", "8"],
                "8 fields, and there are 7 columns",
            ),
            (&["A", "L", "sip:ann@"], "number: `ann@`: a sip address"),
            (
                &[&"x".repeat(300), "L", "030231250"],
                "name: is longer than 255",
            ),
        ];
        for (fields, why) in cases {
            let told = read(fields).unwrap_err();
            assert!(told.contains(why), "{fields:.60?}: {told}");
        }
    }
}
