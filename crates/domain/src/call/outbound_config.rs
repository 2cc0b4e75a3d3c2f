//! Rules of a customer's outbound configuration (chapter 02 §10.5, 03 §12.3).

use trunkline_model::outbound_config::OutboundConfig;

use crate::phone;

/// Longest list of codecs, characters.
const CODECS_MAX: usize = 255;

/// Whether calls to this country are allowed. An unknown country, no
/// configuration and an empty list allow nothing.
#[must_use]
pub fn allows_country(config: Option<&OutboundConfig>, country: &str) -> bool {
    let list = config
        .and_then(|config| config.destination_whitelist.as_deref())
        .unwrap_or_default();
    // Compat: the reference compares the stored text exactly, so an entry
    // written as `DE` allows nothing; pinned by `country_must_match_exactly`.
    !country.is_empty() && list.iter().any(|entry| entry == country)
}

/// Checks a list of countries.
///
/// # Errors
///
/// What is wrong, for people.
pub fn check_whitelist(list: &[String]) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for entry in list {
        let country = entry.trim().to_lowercase();
        if !phone::is_known_country(&country) {
            return Err(format!("`{entry}` is not a country code such as `de`"));
        }
        if !seen.insert(country) {
            return Err(format!("`{entry}` is listed twice"));
        }
    }
    Ok(())
}

/// Checks a list of codecs: tokens of letters and digits with single inner
/// hyphens, separated by commas.
///
/// # Errors
///
/// What is wrong, for people.
pub fn check_codecs(codecs: &str) -> Result<(), String> {
    if codecs.is_empty() {
        return Ok(());
    }
    if codecs.len() > CODECS_MAX {
        return Err(format!(
            "the list of codecs is longer than {CODECS_MAX} characters"
        ));
    }
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    for token in codecs.split(',') {
        if !token.split('-').all(word) {
            return Err(format!(
                "`{token}` is not the name of a codec such as `PCMU`"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn country_must_match_exactly() {
        let config = |list: &[&str]| OutboundConfig {
            destination_whitelist: Some(list.iter().map(|entry| (*entry).to_owned()).collect()),
            ..OutboundConfig::default()
        };
        assert!(allows_country(Some(&config(&["us", "de"])), "de"));
        assert!(!allows_country(Some(&config(&["DE"])), "de"));
        assert!(!allows_country(Some(&config(&["de"])), ""));
        assert!(!allows_country(Some(&config(&[])), "de"));
        assert!(!allows_country(None, "de"));
    }

    #[test]
    fn codecs_are_words_with_single_hyphens() {
        for good in ["", "PCMU", "PCMU,PCMA", "AMR-WB"] {
            assert!(check_codecs(good).is_ok(), "{good}");
        }
        for bad in ["-A", "A-", "A--B", "A, B", "A,", "a\r\nb"] {
            assert!(check_codecs(bad).is_err(), "{bad}");
        }
    }
}
