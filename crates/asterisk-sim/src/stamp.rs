//! Times as ARI writes them: `2026-11-21T12:55:35.159+0000`.

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// A time, microseconds UTC since 1970.
pub(crate) fn stamp(at: i64) -> String {
    let (year, month, day) = date(at.div_euclid(DAY));
    let ms = at.rem_euclid(DAY) / 1_000;
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}+0000")
}

/// Year, month and day of a day since 1970. Eras of 400 years begin on 1 March,
/// so that the leap day is the last of its year.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn times_are_written_as_asterisk_writes_them() {
        assert_eq!(stamp(0), "1970-01-01T00:00:00.000+0000");
        assert_eq!(stamp(1_795_265_735_159_000), "2026-11-21T12:55:35.159+0000");
        assert_eq!(stamp(951_782_399_999_999), "2000-02-28T23:59:59.999+0000");
        assert_eq!(stamp(951_782_400_000_000), "2000-02-29T00:00:00.000+0000");
    }
}
