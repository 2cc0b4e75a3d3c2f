//! The header `Date` of an HTTP answer (RFC 9110 §5.6.7), as Asterisk writes it:
//! `Sun, 06 Nov 1994 08:49:37 GMT`.

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds since the Unix epoch.
pub(crate) fn read(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(", ")?;
    let mut pieces = rest.split(' ');
    let day: u64 = pieces.next()?.parse().ok()?;
    let name = pieces.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let year: u64 = pieces.next()?.parse().ok()?;
    let mut clock = pieces.next()?.split(':').map(str::parse::<u64>);
    let mut next = || clock.next()?.ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    let is_time = (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if pieces.next() != Some("GMT") || !is_time || !(1970..10_000).contains(&year) {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days since 1 January 1970. A year is taken to begin in March, so that the leap
/// day is its last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let since_march_of_0 = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    // From 1 March of the year 0 to 1 January 1970.
    since_march_of_0 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("", None),
        ] {
            assert_eq!(read(text), seconds, "{text}");
        }
    }
}
