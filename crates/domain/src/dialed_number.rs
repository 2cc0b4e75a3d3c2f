//! Telephone numbers as people write them, brought into E.164.
//!
//! Where a number cannot be read with certainty, the answer is why, in words
//! that help whoever has written it: nobody is called at a guess.

use phonenumber::Metadata;
use phonenumber::metadata::DATABASE;

use crate::phone;

/// The country in which numbers without a country are dialed.
#[derive(Debug, Clone, Copy)]
pub struct Country(&'static Metadata);

impl Country {
    /// By its two letters, in any case. None: there is no such country.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        if !phone::is_known_country(&code.to_ascii_lowercase()) {
            return None;
        }
        DATABASE.by_id(&code.to_ascii_uppercase()).map(Self)
    }

    /// Its calling code.
    #[must_use]
    pub fn calling_code(&self) -> u16 {
        self.0.country_code()
    }

    /// What is behind the prefix of calls to other countries, such as `00`.
    fn behind_international_prefix<'d>(&self, digits: &'d str) -> Option<&'d str> {
        let found = self.0.international_prefix()?.find(digits)?;
        (found.start() == 0).then(|| &digits[found.end()..])
    }

    /// The number without the prefix of calls within the country.
    fn significant<'d>(&self, digits: &'d str) -> &'d str {
        let plan = self.0.descriptors().general();
        let behind = |prefix: &str| {
            let rest = digits.strip_prefix(prefix)?;
            (!prefix.is_empty()).then_some(rest)
        };
        match self.0.national_prefix().and_then(behind) {
            // A number may begin with the digit that is the prefix of others.
            Some(rest) if plan.is_match(rest) || !plan.is_match(digits) => rest,
            Some(_) | None => digits,
        }
    }

    /// A number that has its calling code and has lost its plus, as in the cell
    /// of a spreadsheet: what is behind the code is a number of this country, and
    /// the whole is none. Where numbers have many lengths the whole may be one as
    /// well; a mobile number behind the code is the better reading then, for a
    /// number within the country would have been written with its prefix.
    fn lost_its_plus(&self, digits: &str) -> bool {
        let code = self.calling_code().to_string();
        let Some(rest) = digits.strip_prefix(&code) else {
            return false;
        };
        let plan = self.0.descriptors();
        if plan.general().is_match(rest) && !plan.general().is_match(digits) {
            return true;
        }
        let prefixed = self
            .0
            .national_prefix()
            .is_some_and(|prefix| !digits.starts_with(prefix));
        prefixed && plan.mobile().is_some_and(|mobile| mobile.is_match(rest))
    }
}

/// The number in E.164.
///
/// # Errors
///
/// Why it cannot be read.
pub fn international(written: &str, country: Option<Country>) -> Result<String, String> {
    let Cleaned { plus, digits } = clean(written)?;
    let number = match (plus, country) {
        (true, _) => format!("+{digits}"),
        (false, Some(country)) => match country.behind_international_prefix(&digits) {
            Some(rest) => format!("+{rest}"),
            None if country.lost_its_plus(&digits) => format!("+{digits}"),
            None => format!(
                "+{}{}",
                country.calling_code(),
                country.significant(&digits)
            ),
        },
        (false, None) => match digits.strip_prefix("00") {
            Some(rest) => format!("+{rest}"),
            None => {
                let why = "it has no country; write it with + and its calling code, \
                    or say in which country it is dialed";
                return Err(why.to_owned());
            }
        },
    };
    let length = number.len() - 1;
    if !phone::is_e164(&number) {
        return Err(format!(
            "it would be {number}, which has {length} digits; a number has 7 to 15"
        ));
    }
    if phone::calling_code(&number).is_none() {
        return Err(format!(
            "it would be {number}, and no country has that calling code"
        ));
    }
    Ok(number)
}

struct Cleaned {
    /// Whether it begins with a plus.
    plus: bool,
    digits: String,
}

/// The digits, without what people put between them.
fn clean(written: &str) -> Result<Cleaned, String> {
    let text = written.trim();
    // What keeps a spreadsheet from computing it.
    let text = text.strip_prefix('\'').unwrap_or(text);
    let text = text.strip_prefix("tel:").unwrap_or(text);
    if is_shortened(text) {
        let why =
            "a spreadsheet has shortened it; give its column the format text and write it again";
        return Err(why.to_owned());
    }
    let mut cleaned = Cleaned {
        plus: false,
        digits: String::with_capacity(text.len()),
    };
    for character in text.chars() {
        match narrow(character) {
            digit if digit.is_ascii_digit() => cleaned.digits.push(digit),
            '+' if cleaned.digits.is_empty() && !cleaned.plus => cleaned.plus = true,
            between if is_between(between) => {}
            other => {
                let other = other.escape_debug();
                return Err(format!("there is `{other}` in it, which is in no number"));
            }
        }
    }
    if cleaned.digits.is_empty() {
        return Err("it has no digit in it".to_owned());
    }
    let with_country = cleaned.plus || cleaned.digits.starts_with("00");
    if with_country && let Some((code, rest)) = text.split_once("(0)") {
        // +49 (0) 30 …: the nought is not dialed from abroad.
        let digits = |text: &str| -> String {
            text.chars()
                .map(narrow)
                .filter(char::is_ascii_digit)
                .collect()
        };
        cleaned.digits = digits(code) + &digits(rest);
    }
    Ok(cleaned)
}

/// Digits and plus of full width are those of other scripts' keyboards.
fn narrow(character: char) -> char {
    match character {
        '０'..='９' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '＋' => '+',
        other => other,
    }
}

/// What stands between digits: blanks, dashes, brackets, and the marks of
/// direction that are copied along from an address book.
fn is_between(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '-' | '.' | '/' | '(' | ')' | '[' | ']' | '_' | '·' | '−' | '\u{2010}'..='\u{2015}'
                | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// Whether it is a number as `4.91511E+12`.
fn is_shortened(text: &str) -> bool {
    let Some((front, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let exponent = exponent.trim_start_matches(['+', '-']);
    let is_number = |text: &str| {
        text.contains(|c: char| c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.' || c == ',')
    };
    is_number(front) && is_number(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str, country: &str) -> Option<String> {
        let country = (!country.is_empty()).then(|| Country::parse(country).unwrap());
        international(written, country).ok()
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let cases = [
            ("+49 30 23125-0", "", "+4930231250"),
            ("+49 (0)30 / 231 250", "", "+4930231250"),
            ("0049 30 231250", "", "+4930231250"),
            ("0049 (0) 30 231250", "de", "+4930231250"),
            ("tel:+49-30-231250", "", "+4930231250"),
            ("'+4930231250", "", "+4930231250"),
            ("030 231250", "de", "+4930231250"),
            ("0151 23456789", "DE", "+4915123456789"),
            (
                "\u{202a}+49\u{a0}30\u{2011}231250\u{202c}",
                "",
                "+4930231250",
            ),
            ("＋４９３０２３１２５０", "", "+4930231250"),
            // A cell that was a number has lost its plus, or its nought.
            ("4915123456789", "de", "+4915123456789"),
            ("15123456789", "de", "+4915123456789"),
            ("(212) 555-1234", "us", "+12125551234"),
            ("1 212 555 1234", "us", "+12125551234"),
            ("011 49 30 231250", "us", "+4930231250"),
            ("020 7946 0000", "gb", "+442079460000"),
            ("06 6982", "it", "+39066982"),
            ("06 12345678", "fr", "+33612345678"),
            ("8 495 123-45-67", "ru", "+74951234567"),
            ("06 1 234 5678", "hu", "+3612345678"),
            ("90-1234-5678", "jp", "+819012345678"),
            ("044 668 18 00", "ch", "+41446681800"),
            ("512 345 678", "pl", "+48512345678"),
        ];
        for (written, country, expected) in cases {
            assert_eq!(
                read(written, country).as_deref(),
                Some(expected),
                "{written} {country}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let cases = [
            ("030 231250", "", "no country"),
            ("", "de", "no digit"),
            ("unknown", "de", "`u`"),
            ("030 231250 ext 5", "de", "`e`"),
            ("4.91511E+12", "de", "spreadsheet"),
            ("4,91511E+12", "de", "spreadsheet"),
            ("+1+2", "de", "`+`"),
            ("*21#", "de", "`*`"),
            ("110", "de", "7 to 15"),
            ("+49 30 1234 5678 9012 3456", "", "7 to 15"),
            ("+999 123 4567", "", "calling code"),
            ("+", "", "no digit"),
        ];
        for (written, country, why) in cases {
            let country = (!country.is_empty()).then(|| Country::parse(country).unwrap());
            let told = international(written, country).unwrap_err();
            assert!(told.contains(why), "{written}: {told}");
        }
        assert!(Country::parse("zz").is_none() && Country::parse("").is_none());
    }
}
