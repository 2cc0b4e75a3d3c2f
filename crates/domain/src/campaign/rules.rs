//! Which rules of a campaign are acceptable. The gateway checks with the same
//! function, earlier.

use trunkline_model::rules::CampaignRules;

/// Fastest pace, attempts per second.
pub const MAX_CALLS_PER_SECOND: f64 = 1_000.0;
/// Most attempts that may be unfinished at one time.
pub const MAX_CONCURRENT: i64 = 10_000;

/// A field that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Its name on the wire.
    pub field: &'static str,
    /// What is wrong, beginning with the field's name.
    pub message: String,
}

/// Checks every field.
///
/// # Errors
///
/// The first field that cannot be accepted.
pub fn check(rules: &CampaignRules) -> Result<(), Invalid> {
    let rate = rules.calls_per_second;
    if !(rate > 0.0 && rate <= MAX_CALLS_PER_SECOND) {
        return Err(invalid(
            "calls_per_second",
            format!("must be above 0 and at most {MAX_CALLS_PER_SECOND}, not {rate}"),
        ));
    }
    let most = rules.max_concurrent;
    if !(1..=MAX_CONCURRENT).contains(&most) {
        return Err(invalid(
            "max_concurrent",
            format!("must be 1 to {MAX_CONCURRENT}, not {most}"),
        ));
    }
    Ok(())
}

fn invalid(field: &'static str, rest: String) -> Invalid {
    Invalid {
        field,
        message: format!("{field} {rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_range() {
        let cases = [
            (2.0, 20, None),
            (0.001, 1, None),
            (1_000.0, 10_000, None),
            (0.0, 20, Some("calls_per_second")),
            (-1.0, 20, Some("calls_per_second")),
            (1_000.1, 20, Some("calls_per_second")),
            (f64::NAN, 20, Some("calls_per_second")),
            (f64::INFINITY, 20, Some("calls_per_second")),
            (2.0, 0, Some("max_concurrent")),
            (2.0, 10_001, Some("max_concurrent")),
        ];
        for (calls_per_second, max_concurrent, expected) in cases {
            let rules = CampaignRules {
                calls_per_second,
                max_concurrent,
                ..CampaignRules::default()
            };
            let refused = check(&rules).err();
            assert_eq!(refused.as_ref().map(|invalid| invalid.field), expected);
            if let Some(invalid) = refused {
                assert!(
                    invalid.message.starts_with(invalid.field),
                    "{}",
                    invalid.message
                );
            }
        }
    }
}
