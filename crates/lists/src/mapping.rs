//! Which column is what: as it was said, and guessed where nothing was said.

use trunkline_domain::dialed_number::{self, Country};

use crate::error::Error;

/// Numbers of one person.
pub(crate) const NUMBERS: usize = 5;

/// Columns of a file of refused lines: what is in them is about the line.
pub(crate) const REFUSED_LINE: &str = "refused_line";
pub(crate) const REFUSED_REASON: &str = "refused_reason";

/// What a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Part of the name; several columns stand one behind the other.
    Name,
    /// A number: 0 for the first to call.
    Number(usize),
    Detail,
    /// Under this key in the data.
    Data(String),
    Nothing,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Number(0) => f.write_str("number"),
            Self::Number(at) => write!(f, "number{}", at + 1),
            Self::Detail => f.write_str("detail"),
            Self::Data(key) => write!(f, "data.{key}"),
            Self::Nothing => f.write_str("ignore"),
        }
    }
}

/// What each column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The columns' names, or `column 1`, `column 2`, ….
    pub columns: Vec<String>,
    /// By column.
    pub places: Vec<Place>,
}

impl Mapping {
    /// From what was said (`name=Name,number=Telefon`), and from the names of the
    /// columns or, where there are none, from the first lines.
    ///
    /// # Errors
    ///
    /// When a column does not exist, or none has numbers.
    pub(crate) fn find(
        said: &str,
        header: Option<&[String]>,
        sample: &[Vec<String>],
        country: Option<Country>,
    ) -> Result<Self, Error> {
        let width = header.map_or_else(
            || sample.iter().map(Vec::len).max().unwrap_or(0),
            <[String]>::len,
        );
        let columns: Vec<String> = (0..width).map(|at| name_of(header, at)).collect();
        let mut places: Vec<Option<Place>> = vec![None; width];
        for said in said
            .split(',')
            .map(str::trim)
            .filter(|said| !said.is_empty())
        {
            let (place, names) = pair(said)?;
            for name in names.split('+') {
                let at = find_column(&columns, name.trim())?;
                if places[at].is_some() && place != Place::Name {
                    return Err(twice(&columns[at]));
                }
                places[at] = Some(place.clone());
            }
        }
        match header {
            Some(header) => guess_by_name(header, &mut places),
            None => guess_by_content(sample, country, &mut places),
        }
        let places: Vec<Place> = places
            .into_iter()
            .zip(&columns)
            .map(|(place, column)| place.unwrap_or_else(|| Place::Data(column.clone())))
            .collect();
        for wanted in 0..NUMBERS {
            let number = Place::Number(wanted);
            if places.iter().filter(|place| **place == number).count() > 1 {
                return Err(Error::usage(
                    format!("two columns are to be `{number}`"),
                    "",
                ));
            }
        }
        if !places.iter().any(|place| matches!(place, Place::Number(_))) {
            let message = format!(
                "no column has numbers to call; there are: {}",
                columns.join(", ")
            );
            let next =
                "say which one it is: --map number=COLUMN, or --map number=#2 for the second";
            return Err(Error::usage(message, next));
        }
        Ok(Self { columns, places })
    }
}

/// Whether a first line names columns: none of its fields is a number to call,
/// and one is a name that is known, or a number stands below it.
pub(crate) fn is_header(
    first: &[String],
    sample: &[Vec<String>],
    country: Option<Country>,
) -> bool {
    let is_number = |text: &String| looks_like_number(text, country);
    if first.iter().any(is_number) {
        return false;
    }
    let known = first.iter().any(|name| known_as(name).is_some());
    let below = sample.iter().any(|fields| fields.iter().any(is_number));
    known || below
}

fn name_of(header: Option<&[String]>, at: usize) -> String {
    let named = header.and_then(|header| header.get(at));
    named
        .filter(|name| !name.is_empty())
        .cloned()
        .unwrap_or_else(|| format!("column {}", at + 1))
}

fn twice(column: &str) -> Error {
    Error::usage(format!("the column `{column}` is mapped twice"), "")
}

fn pair(said: &str) -> Result<(Place, &str), Error> {
    let wrong = || {
        Error::usage(
            format!("`{said}` is no mapping"),
            "write KEY=COLUMN with one of the keys name, number, number2 … number5, detail, data.KEY, ignore",
        )
    };
    let (key, names) = said.split_once('=').ok_or_else(wrong)?;
    let place = match key.trim() {
        "name" => Place::Name,
        "number" | "number1" => Place::Number(0),
        "number2" => Place::Number(1),
        "number3" => Place::Number(2),
        "number4" => Place::Number(3),
        "number5" => Place::Number(4),
        "detail" => Place::Detail,
        "ignore" => Place::Nothing,
        key => match key.strip_prefix("data.").filter(|key| !key.is_empty()) {
            Some(key) => Place::Data(key.to_owned()),
            None => return Err(wrong()),
        },
    };
    Ok((place, names))
}

/// By its name, in any case, or as `#2`.
fn find_column(columns: &[String], name: &str) -> Result<usize, Error> {
    let exact = columns.iter().position(|column| column == name);
    let found = exact.or_else(|| {
        let name = name.to_lowercase();
        columns
            .iter()
            .position(|column| column.to_lowercase() == name)
    });
    let by_number = || {
        let at: usize = name.strip_prefix('#')?.parse().ok()?;
        at.checked_sub(1).filter(|at| *at < columns.len())
    };
    found.or_else(by_number).ok_or_else(|| {
        let message = format!(
            "there is no column `{name}`; there are: {}",
            columns.join(", ")
        );
        Error::usage(
            message,
            "write the name as in the file, or #1, #2, … for its place",
        )
    })
}

// ── Guessing ─────────────────────────────────────────────────────────────────

/// What a name is known for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Name,
    FirstName,
    LastName,
    Number,
    Detail,
    Nothing,
}

/// Names of columns in small letters, without what is no letter. A few languages,
/// as address books and spreadsheets write them.
const NAMES: &[&str] = &[
    "name",
    "fullname",
    "displayname",
    "contact",
    "contactname",
    "customer",
    "customername",
    "person",
    "kunde",
    "kundenname",
    "kontakt",
    "ansprechpartner",
    "anzeigename",
    "nom",
    "nomcomplet",
    "client",
    "nombre",
    "nombrecompleto",
    "nome",
    "nomecompleto",
    "nominativo",
    "naam",
    "imie",
    "imięinazwisko",
    "imieinazwisko",
    "namn",
    "navn",
    "nimi",
    "jméno",
    "jmeno",
    "név",
    "nev",
    "имя",
    "фио",
    "ім'я",
    "імя",
    "isim",
    "adsoyad",
    "名前",
    "氏名",
    "姓名",
    "이름",
    "성명",
    "الاسم",
];
const FIRST_NAMES: &[&str] = &[
    "firstname",
    "givenname",
    "forename",
    "vorname",
    "prénom",
    "prenom",
    "primernombre",
    "voornaam",
    "förnamn",
    "fornavn",
    "etunimi",
    "имя1",
    "名",
    "keresztnév",
];
const LAST_NAMES: &[&str] = &[
    "lastname",
    "surname",
    "familyname",
    "nachname",
    "familienname",
    "nomdefamille",
    "apellido",
    "apellidos",
    "cognome",
    "sobrenome",
    "achternaam",
    "nazwisko",
    "efternamn",
    "etternavn",
    "sukunimi",
    "příjmení",
    "vezetéknév",
    "фамилия",
    "soyad",
    "soyadı",
    "姓",
];
const NUMBER_WORDS: &[&str] = &[
    "number",
    "phone",
    "phonenumber",
    "telephone",
    "telephonenumber",
    "tel",
    "telno",
    "telnr",
    "mobile",
    "mobilenumber",
    "mobilephone",
    "mobileno",
    "cell",
    "cellphone",
    "msisdn",
    "e164",
    "landline",
    "homephone",
    "workphone",
    "telefon",
    "telefonnummer",
    "telefonnr",
    "rufnummer",
    "nummer",
    "handy",
    "handynummer",
    "mobil",
    "mobilnummer",
    "mobiltelefon",
    "festnetz",
    "téléphone",
    "portable",
    "numéro",
    "numero",
    "numérodetéléphone",
    "numerodetelephone",
    "teléfono",
    "telefono",
    "móvil",
    "movil",
    "celular",
    "número",
    "cellulare",
    "telefone",
    "telemóvel",
    "telemovel",
    "telefoonnummer",
    "telefoon",
    "gsm",
    "mobiel",
    "numertelefonu",
    "komórka",
    "komorka",
    "numer",
    "telefonnumer",
    "mobilnr",
    "tlf",
    "puhelin",
    "puhelinnumero",
    "matkapuhelin",
    "telefonszám",
    "telefonszam",
    "mobilszám",
    "телефон",
    "номер",
    "номертелефона",
    "мобильный",
    "cep",
    "ceptelefonu",
    "telefonnumarası",
    "電話",
    "電話番号",
    "携帯",
    "携帯電話",
    "电话",
    "手机",
    "手机号",
    "전화",
    "전화번호",
    "휴대폰",
    "الهاتف",
    "رقم",
];
const DETAILS: &[&str] = &[
    "detail",
    "details",
    "note",
    "notes",
    "comment",
    "comments",
    "remark",
    "bemerkung",
    "bemerkungen",
    "notiz",
    "notizen",
    "kommentar",
    "remarque",
    "commentaire",
    "nota",
    "notas",
    "comentario",
    "commento",
    "opmerking",
    "uwagi",
    "примечание",
    "комментарий",
];

fn known_as(name: &str) -> Option<Known> {
    if [REFUSED_LINE, REFUSED_REASON].contains(&name) {
        return Some(Known::Nothing);
    }
    let plain: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    // `Telefon 2` is a `Telefon`; `e164` is not an `e`.
    let bare = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    let is = |words: &[&str]| words.contains(&plain.as_str()) || words.contains(&bare);
    if is(FIRST_NAMES) {
        Some(Known::FirstName)
    } else if is(LAST_NAMES) {
        Some(Known::LastName)
    } else if is(NAMES) {
        Some(Known::Name)
    } else if is(NUMBER_WORDS) {
        Some(Known::Number)
    } else if is(DETAILS) {
        Some(Known::Detail)
    } else {
        None
    }
}

/// Fills the places that nothing was said about.
fn guess_by_name(header: &[String], places: &mut [Option<Place>]) {
    let said =
        |wanted: fn(&Place) -> bool, places: &[Option<Place>]| places.iter().flatten().any(wanted);
    let named = said(|place| *place == Place::Name, places);
    let numbered = said(|place| matches!(place, Place::Number(_)), places);
    let detailed = said(|place| *place == Place::Detail, places);
    let known: Vec<Option<Known>> = header.iter().map(|name| known_as(name)).collect();
    // A whole name is better than its halves.
    let whole = known
        .iter()
        .zip(places.iter())
        .position(|(known, place)| *known == Some(Known::Name) && place.is_none());
    let mut numbers = 0;
    for (at, known) in known.into_iter().enumerate() {
        if places[at].is_some() {
            continue;
        }
        places[at] = match known {
            Some(Known::Nothing) => Some(Place::Nothing),
            Some(Known::Name) if !named && whole == Some(at) => Some(Place::Name),
            Some(Known::FirstName | Known::LastName) if !named && whole.is_none() => {
                Some(Place::Name)
            }
            Some(Known::Number) if !numbered && numbers < NUMBERS => {
                numbers += 1;
                Some(Place::Number(numbers - 1))
            }
            Some(Known::Detail) if !detailed => {
                let first = !places.iter().flatten().any(|place| *place == Place::Detail);
                first.then_some(Place::Detail)
            }
            Some(_) | None => None,
        };
    }
}

/// Columns in which most fields are numbers, and the first one with letters.
fn guess_by_content(
    sample: &[Vec<String>],
    country: Option<Country>,
    places: &mut [Option<Place>],
) {
    let share = |at: usize, is: &dyn Fn(&String) -> bool| {
        let fields: Vec<&String> = sample
            .iter()
            .filter_map(|fields| fields.get(at))
            .filter(|field| !field.is_empty())
            .collect();
        let good = fields.iter().filter(|field| is(field)).count();
        !fields.is_empty() && good * 2 > fields.len()
    };
    let numbered = places
        .iter()
        .flatten()
        .any(|place| matches!(place, Place::Number(_)));
    let named = places.iter().flatten().any(|place| *place == Place::Name);
    let mut numbers = 0;
    for (at, place) in places.iter_mut().enumerate() {
        let is_number = |text: &String| looks_like_number(text, country);
        if place.is_none() && !numbered && numbers < NUMBERS && share(at, &is_number) {
            *place = Some(Place::Number(numbers));
            numbers += 1;
        }
    }
    let letters = |text: &String| text.chars().any(char::is_alphabetic);
    let first = (0..places.len()).find(|at| places[*at].is_none() && share(*at, &letters));
    if let Some(at) = first.filter(|_| !named) {
        places[at] = Some(Place::Name);
    }
}

/// Whether it can be called as it stands, or could be with a country.
fn looks_like_number(text: &str, country: Option<Country>) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits < 6 {
        return false;
    }
    let country = country.or_else(|| Country::parse("de"));
    dialed_number::international(text, country).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(fields: &[&str]) -> Vec<String> {
        fields.iter().map(|field| (*field).to_owned()).collect()
    }

    fn found(said: &str, header: &str) -> Result<String, String> {
        let header = strings(&header.split('|').collect::<Vec<_>>());
        let mapping = Mapping::find(said, Some(&header), &[], None);
        mapping
            .map(|mapping| {
                let places: Vec<String> = mapping.places.iter().map(ToString::to_string).collect();
                places.join("|")
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_guessed_by_their_names() {
        let cases = [
            ("name|number", "name|number"),
            ("Name|Telefon|Ort", "name|number|data.Ort"),
            (
                "Vorname|Nachname|Handy|Festnetz",
                "name|name|number|number2",
            ),
            (
                "First Name|Last Name|Name|Phone",
                "data.First Name|data.Last Name|name|number",
            ),
            (
                "Kunden-Nr|Name|Telefon 1|Telefon 2",
                "data.Kunden-Nr|name|number|number2",
            ),
            ("Nom|Téléphone|Remarque", "name|number|detail"),
            (
                "nombre|apellidos|teléfono móvil|teléfono",
                "name|data.apellidos|data.teléfono móvil|number",
            ),
            ("氏名|電話番号", "name|number"),
            ("Имя|Телефон", "name|number"),
            ("Phone Number|e164", "number|number2"),
            (
                "refused_line|refused_reason|Name|Tel.",
                "ignore|ignore|name|number",
            ),
            ("|Name|Tel|", "data.column 1|name|number|data.column 4"),
        ];
        for (header, expected) in cases {
            assert_eq!(found("", header).as_deref(), Ok(expected), "{header}");
        }
    }

    #[test]
    fn what_is_said_comes_before_what_is_guessed() {
        let header = "Name|Telefon|Mobil|Ort|Notiz";
        let cases = [
            ("number=Mobil", "name|data.Telefon|number|data.Ort|detail"),
            (
                "number=mobil,number2=#2",
                "name|number2|number|data.Ort|detail",
            ),
            ("name=Ort", "data.Name|number|number2|name|detail"),
            ("name=Ort+Name", "name|number|number2|name|detail"),
            (
                "data.city=Ort,ignore=Notiz+Mobil",
                "name|number|ignore|data.city|ignore",
            ),
        ];
        for (said, expected) in cases {
            assert_eq!(found(said, header).as_deref(), Ok(expected), "{said}");
        }
        for (said, why) in [
            (
                "number=Fax",
                "there is no column `Fax`; there are: Name, Telefon",
            ),
            ("number", "no mapping"),
            ("city=Ort", "no mapping"),
            ("number=Mobil,detail=Mobil", "mapped twice"),
            ("number=Mobil,number=Telefon", "two columns"),
            ("number=#9", "no column"),
        ] {
            let error = found(said, header).unwrap_err();
            assert!(error.contains(why), "{said}: {error}");
        }
        let error = found("", "Name|Ort").unwrap_err();
        assert!(error.contains("no column has numbers"), "{error}");
    }

    #[test]
    fn without_names_columns_are_known_by_what_is_in_them() {
        let sample = [
            strings(&["17", "Ann", "030 231250", "Berlin", "+4915123456789"]),
            strings(&["18", "Bob", "030 231251", "Bonn", ""]),
        ];
        let mapping = Mapping::find("", None, &sample, Country::parse("de")).unwrap();
        let places: Vec<String> = mapping.places.iter().map(ToString::to_string).collect();
        assert_eq!(
            places,
            [
                "data.column 1",
                "name",
                "number",
                "data.column 4",
                "number2"
            ]
        );
    }

    #[test]
    fn a_first_line_without_numbers_above_numbers_is_a_header() {
        let below = [strings(&["Ann", "+4930231250"])];
        let cases: [(&[&str], bool); 5] = [
            (&["Name", "Telefon"], true),
            (&["wer", "wohin"], true),
            (&["Ann", "+4930231251"], false),
            (&["Ann", "030 231251"], false),
            (&["", "number"], true),
        ];
        for (first, expected) in cases {
            assert_eq!(
                is_header(&strings(first), &below, None),
                expected,
                "{first:?}"
            );
        }
        assert!(!is_header(&strings(&["Ann"]), &[], None));
    }
}
