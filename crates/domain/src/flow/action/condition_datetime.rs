//! `condition_datetime`: goes on if the time (UTC) is as the option says, else
//! jumps.

use serde::Deserialize;
use trunkline_model::id::ActionId;
use trunkline_model::{Action, Timestamp};

use super::super::failure::Failure;
use super::super::machine::Machine;
use super::{Turn, holds, option};

const MICROS_PER_MINUTE: i64 = 60_000_000;
const MINUTES_PER_DAY: i64 = 24 * 60;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    condition: String,
    minute: i64,
    hour: i64,
    day: i64,
    month: i64,
    /// 0 = Sunday; empty = any.
    weekdays: Vec<i64>,
    false_target_id: ActionId,
}

pub(super) fn run(machine: &Machine, action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    Ok(if is_true(&options, machine.now) {
        Turn::Next
    } else {
        Turn::To(options.false_target_id)
    })
}

/// Compat: each part that is given is compared on its own, the option's value on
/// the left: `{"condition": "<", "hour": 9, "minute": 30}` wants the hour to be
/// after 9 *and* the minute after 30. Hour and minute are given unless negative.
fn is_true(options: &Options, now: Timestamp) -> bool {
    let minutes = now.as_micros().div_euclid(MICROS_PER_MINUTE);
    let (days, of_day) = (
        minutes.div_euclid(MINUTES_PER_DAY),
        minutes.rem_euclid(MINUTES_PER_DAY),
    );
    // 1970-01-01 was a Thursday.
    let weekday = (days + 4).rem_euclid(7);
    if !options.weekdays.is_empty() && !options.weekdays.contains(&weekday) {
        return false;
    }
    let (month, day) = month_and_day(days);
    let parts = [
        (options.month > 0, options.month, month),
        (options.day > 0, options.day, day),
        (options.hour >= 0, options.hour, of_day / 60),
        (options.minute >= 0, options.minute, of_day % 60),
    ];
    parts
        .iter()
        .all(|(given, wanted, current)| !given || holds(wanted, &options.condition, current))
}

/// Month and day of the proleptic Gregorian calendar, counted in eras of 400
/// years that begin on 1 March, so that the leap day is the last of its year.
fn month_and_day(days_since_1970: i64) -> (i64, i64) {
    let day_of_era = (days_since_1970 + 719_468).rem_euclid(146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_based = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_based + 2) / 5 + 1;
    (
        if march_based < 10 {
            march_based + 3
        } else {
            march_based - 9
        },
        day,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn on(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn parts_are_compared_one_by_one() {
        // A Monday.
        let now = on("2024-02-26T09:45:00Z");
        let cases = [
            (json!({"condition": "<=", "hour": 9, "minute": 30}), true),
            (json!({"condition": "<=", "hour": 8, "minute": 50}), false),
            (json!({"condition": "==", "hour": 9, "minute": -1}), true),
            (
                json!({"condition": "==", "hour": -1, "minute": -1, "day": 26, "month": 2}),
                true,
            ),
            (
                json!({"condition": "==", "hour": -1, "minute": -1, "day": 27}),
                false,
            ),
            (
                json!({"condition": "==", "hour": -1, "minute": -1, "weekdays": [0, 1]}),
                true,
            ),
            (
                json!({"condition": "==", "hour": -1, "minute": -1, "weekdays": [2]}),
                false,
            ),
            (json!({"condition": "~", "hour": -1, "minute": -1}), true),
            (json!({"condition": "~", "hour": 9}), false),
        ];
        for (option, expected) in cases {
            let options: Options = serde_json::from_value(option.clone()).unwrap();
            assert_eq!(is_true(&options, now), expected, "{option}");
        }
    }

    #[test]
    fn the_calendar_agrees_with_the_text_of_the_time() {
        let mut at = on("1999-12-25T00:00:00Z");
        for _ in 0..3_000 {
            let (month, day) = month_and_day(
                at.as_micros()
                    .div_euclid(MICROS_PER_MINUTE * MINUTES_PER_DAY),
            );
            assert_eq!(&at.column()[5..10], format!("{month:02}-{day:02}"));
            at = at.plus_millis(24 * 3_600_000);
        }
    }
}
