//! Points in time: UTC, microseconds (architecture decision 15).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::text::TextVisitor;

/// A point in time in microseconds since the Unix epoch.
///
/// On the wire it is RFC 3339 in UTC with the zeros at the end of the fraction
/// removed (chapter 01 §5.1): `2026-01-02T03:04:05.1234Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The machine's clock. Not for decisions: they are given `now`.
    #[must_use]
    pub fn system_now() -> Self {
        let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
        Self(i64::try_from(nanos / 1_000).unwrap_or(i64::MAX))
    }

    /// Later by `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// Later by `millis` milliseconds (earlier when negative); saturates.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }

    /// Earlier by `duration`; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`: always six digits, as page tokens and
    /// action time-outs carry it (chapter 01 §5.1).
    #[must_use]
    pub fn fixed(self) -> String {
        Printed::new(self, b'T').with_z(6).to_owned()
    }

    /// `YYYY-MM-DD HH:MM:SS.ffffff`: the text of a `DATETIME(6)` column, which
    /// sorts as the time does.
    #[must_use]
    pub fn column(self) -> String {
        Printed::new(self, b' ').without_z().to_owned()
    }
}

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, written digit by digit: rows and events are
/// full of times.
struct Printed {
    text: [u8; Self::LENGTH],
    micros: i64,
}

impl Printed {
    const LENGTH: usize = 27;
    /// Where the fraction's point is.
    const POINT: usize = 19;

    fn new(time: Timestamp, between: u8) -> Self {
        let micros = time.0.rem_euclid(1_000_000);
        let at = OffsetDateTime::from_unix_timestamp(time.0.div_euclid(1_000_000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let ((year, month, day), (hour, minute, second)) =
            (at.date().to_calendar_date(), at.time().as_hms());
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        text[10] = between;
        digits(&mut text[0..4], year.unsigned_abs());
        digits(&mut text[5..7], u8::from(month).into());
        digits(&mut text[8..10], day.into());
        digits(&mut text[11..13], hour.into());
        digits(&mut text[14..16], minute.into());
        digits(&mut text[17..19], second.into());
        digits(&mut text[20..26], u32::try_from(micros).unwrap_or(0));
        Self { text, micros }
    }

    /// With so many digits of the fraction; none leaves the point out.
    fn with_z(&mut self, fraction: usize) -> &str {
        let end = match fraction {
            0 => Self::POINT,
            digits => Self::POINT + 1 + digits,
        };
        self.text[end] = b'Z';
        as_text(&self.text[..=end])
    }

    fn without_z(&self) -> &str {
        as_text(&self.text[..Self::LENGTH - 1])
    }

    /// As many digits as the wire has: without zeros at the end.
    fn shortest(&mut self) -> &str {
        let (mut digits, mut rest) = (6, self.micros);
        while digits > 0 && rest % 10 == 0 {
            (digits, rest) = (digits - 1, rest / 10);
        }
        self.with_z(digits)
    }
}

fn as_text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).expect("digits and signs are ASCII")
}

/// Writes a number that fits, with zeros in front.
fn digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Printed::new(*self, b'T').shortest())
    }
}

/// A text that is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time such as 2026-01-02T03:04:05.123456Z")]
pub struct ParseTimestampError(String);

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Accepts what chapter 01 §5.1 lists: `T` or a space, any number of
    /// fractional digits or none, `Z`, an offset such as `+09:00` or `+0000`,
    /// or nothing (UTC).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseTimestampError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 19 || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u16>().ok();
    if bytes[4] != b'-' || bytes[7] != b'-' || bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    let month = Month::try_from(u8::try_from(number(5..7)?).ok()?).ok()?;
    let date = Date::from_calendar_date(
        i32::from(number(0..4)?),
        month,
        u8::try_from(number(8..10)?).ok()?,
    )
    .ok()?;
    let clock = Time::from_hms(
        u8::try_from(number(11..13)?).ok()?,
        u8::try_from(number(14..16)?).ok()?,
        u8::try_from(number(17..19)?).ok()?,
    )
    .ok()?;
    let (micros, rest) = fraction(&text[19..])?;
    let seconds = PrimitiveDateTime::new(date, clock)
        .assume_utc()
        .unix_timestamp()
        - offset_seconds(rest)?;
    Some(Timestamp(
        seconds.checked_mul(1_000_000)?.checked_add(micros)?,
    ))
}

/// Microseconds of a fraction (finer digits are cut off) and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(digits) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let used = &digits[..length.min(6)];
    let value: i64 = used.parse().ok()?;
    let scale = 10_i64.pow(6 - u32::try_from(used.len()).ok()?);
    Some((value * scale, &digits[length..]))
}

fn offset_seconds(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = digits[2..].parse().ok()?;
    Some(sign * (hours * 3600 + minutes * 60))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Printed::new(*self, b'T').shortest())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parsed = |text: &str| text.parse().map_err(|error| format!("{error}"));
        deserializer.deserialize_str(TextVisitor::new("a time", parsed))
    }
}

/// The former sentinel for "not deleted", `9999-01-01 00:00:00` (chapter 01
/// §5.4): read as "no time".
#[must_use]
pub fn without_sentinel(time: Option<Timestamp>) -> Option<Timestamp> {
    const YEAR_9999: i64 = 253_370_764_800_000_000;
    time.filter(|time| time.0 < YEAR_9999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_many_digits_as_needed() {
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.1234Z",
            "1969-12-31T23:59:59.5Z",
            "0001-10-20T00:00:00.00001Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn reads_every_form_the_services_send() {
        let expected = "2026-01-02T03:04:05.123Z".parse::<Timestamp>().unwrap();
        for text in [
            "2026-01-02T03:04:05.123+0000",
            "2026-01-02 03:04:05.123000",
            "2026-01-02T12:04:05.123+09:00",
            "2026-01-02T03:04:05.123000999Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap(), expected, "{text}");
        }
        for text in [
            "",
            "2026-01-02",
            "2026-13-02T03:04:05Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05x",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn fixed_and_column_forms_always_have_six_digits() {
        let at = "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap();
        assert_eq!(at.fixed(), "2026-01-02T03:04:05.000000Z");
        assert_eq!(at.column(), "2026-01-02 03:04:05.000000");
        assert_eq!(at.column().parse::<Timestamp>().unwrap(), at);
    }

    #[test]
    fn year_9999_means_no_time() {
        let sentinel = "9999-01-01 00:00:00.000000".parse().unwrap();
        assert_eq!(without_sentinel(Some(sentinel)), None);
    }
}
