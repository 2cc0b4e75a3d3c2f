//! Telephone numbers: country and calling code (chapter 02 §10.5, 03 §4.4).
//!
//! Fraud is the field's theft, so what cannot be placed with certainty is
//! unknown, and callers refuse the unknown. Works on the digits themselves: a
//! leading zero behind the calling code counts (Italian land lines have one).

use std::sync::LazyLock;

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};

/// Region name of calling codes that belong to no country, such as satellites.
const NO_COUNTRY: &str = "001";

/// Calling code of the region that numbers without `+` are taken to be from: US.
const DEFAULT_CALLING_CODE: u16 = 1;

/// Digits of the longest number (libphonenumber's limit for the part behind
/// the calling code; E.164 itself stops at 15 in all).
const LONGEST_NATIONAL: usize = 17;

/// Every code that an outbound config may list, blank between them.
const COUNTRIES: &str = "\
    ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn \
    bo bq br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de \
    dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn \
    gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke \
    kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk \
    ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa \
    pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk \
    sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug \
    um us uy uz va vc ve vg vi vn vu wf ws xk ye yt za zm zw";

static KNOWN: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut codes: Vec<&str> = COUNTRIES.split_whitespace().collect();
    codes.sort_unstable();
    codes
});

/// Whether the text is `+` and 7 to 15 ASCII digits.
#[must_use]
pub fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Whether a lower-case alpha-2 code is on the list of chapter 02 §10.5.
#[must_use]
pub fn is_known_country(code: &str) -> bool {
    KNOWN.binary_search(&code).is_ok()
}

/// The country of an E.164 number, with or without its `+`, as a lower-case ISO
/// alpha-2 code; land lines included. `None` is "unknown".
///
/// Where several countries share a calling code, the number must be one of
/// that country's numbering plan; where one has it alone, the code decides.
#[must_use]
pub fn country_of(number: &str) -> Option<String> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let (code, national) = split(digits)?;
    let plans = DATABASE.by_code(&code)?;
    let plan = match plans.as_slice() {
        [only] => *only,
        several => *several.iter().find(|plan| has_number(plan, national))?,
    };
    (plan.id() != NO_COUNTRY).then(|| plan.id().to_lowercase())
}

/// The E.164 numbers that a text without certain form may mean, the likeliest first.
/// `country` is where it was written, lower-case alpha-2, or empty.
#[must_use]
pub fn e164_forms(text: &str, country: &str) -> Vec<String> {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let mut forms = Vec::new();
    if text.starts_with('+') {
        forms.push(text.to_owned());
    } else if let Some(international) = digits.strip_prefix("00") {
        forms.push(format!("+{international}"));
    } else {
        // Inside a country a number begins with its trunk prefix, where it has one.
        if let Some(plan) = plan_of(country) {
            let prefix = plan.national_prefix().unwrap_or_default();
            let national = digits.strip_prefix(prefix).unwrap_or(digits);
            if prefix.is_empty() || digits.len() > national.len() {
                forms.push(format!("+{}{national}", plan.country_code()));
            }
        }
        forms.push(format!("+{digits}"));
    }
    forms.retain(|form| is_e164(form));
    forms
}

fn plan_of(country: &str) -> Option<&'static Metadata> {
    if country.is_empty() {
        return None;
    }
    DATABASE.by_id(&country.to_uppercase())
}

/// The calling code of a number; one without `+` is read as dialed in the US.
#[must_use]
pub fn calling_code(number: &str) -> Option<u16> {
    let number = number.trim();
    if let Some(digits) = number
        .strip_prefix('+')
        .or_else(|| number.strip_prefix("011"))
    {
        return split(digits).map(|(code, _)| code);
    }
    is_national(number).then_some(DEFAULT_CALLING_CODE)
}

/// Calling code and the rest. No calling code begins with another one.
fn split(digits: &str) -> Option<(u16, &str)> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let code: u16 = code.parse().ok()?;
        let known =
            code >= 10_u16.pow(u32::try_from(length).ok()? - 1) && DATABASE.region(&code).is_some();
        (known && is_national(national)).then_some((code, national))
    })
}

fn is_national(digits: &str) -> bool {
    (2..=LONGEST_NATIONAL).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a numbering plan has this number.
fn has_number(plan: &Metadata, national: &str) -> bool {
    if let Some(leading) = plan.leading_digits() {
        return leading
            .find(national)
            .is_some_and(|found| found.start() == 0);
    }
    let kinds = plan.descriptors();
    let has = |kind: Option<&Descriptor>| kind.is_some_and(|kind| kind.is_match(national));
    kinds.general().is_match(national)
        && [
            kinds.fixed_line(),
            kinds.mobile(),
            kinds.toll_free(),
            kinds.premium_rate(),
            kinds.shared_cost(),
            kinds.voip(),
            kinds.personal_number(),
            kinds.pager(),
            kinds.uan(),
            kinds.voicemail(),
        ]
        .into_iter()
        .any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_placed_by_its_numbering_plan() {
        let cases = [
            ("+821021656521", Some("kr")),
            ("821021656521", Some("kr")),
            ("+31201234567", Some("nl")),
            ("+390236618300", Some("it")),
            ("+3906698123456", Some("va")),
            ("+12125551234", Some("us")),
            ("+14165551234", Some("ca")),
            ("+18765551234", Some("jm")),
            ("+442079460000", Some("gb")),
            ("+441481555555", Some("gg")),
            ("+74951234567", Some("ru")),
            ("+77012345678", Some("kz")),
            ("+358401234567", Some("fi")),
            ("+262692123456", Some("re")),
            // Shared code and in nobody's plan.
            ("+11112223333", None),
            // Satellites and other codes without a country.
            ("+881612345678", None),
            ("+80012345678", None),
            // Not numbers.
            ("0821021656521", None),
            ("+999123456", None),
            ("+8210 2165", None),
            ("anonymous", None),
            ("+", None),
            ("", None),
        ];
        for (number, country) in cases {
            assert_eq!(country_of(number).as_deref(), country, "{number}");
        }
    }

    #[test]
    fn a_number_without_plus_is_dialed_from_the_us() {
        let cases = [
            ("+821021656521", Some(82)),
            ("+12125551234", Some(1)),
            ("+358401234567", Some(358)),
            ("+11112223333", Some(1)),
            ("2125551234", Some(1)),
            ("821021656521", Some(1)),
            ("011821021656521", Some(82)),
            ("+999123456", None),
            ("+8", None),
            ("anonymous", None),
            ("", None),
        ];
        for (number, code) in cases {
            assert_eq!(calling_code(number), code, "{number}");
        }
    }

    #[test]
    fn every_country_that_can_be_found_can_be_allowed() {
        assert_eq!(KNOWN.len(), 251);
        assert!(is_known_country("kr"));
        for refused in ["", "KR", "zz", "001", "kr "] {
            assert!(!is_known_country(refused), "{refused}");
        }
        // Tristan da Cunha is not on the reference's list, so it cannot be called.
        for plan in DATABASE
            .iter()
            .filter(|plan| ![NO_COUNTRY, "TA"].contains(&plan.id()))
        {
            assert!(is_known_country(&plan.id().to_lowercase()), "{}", plan.id());
        }
    }
}
