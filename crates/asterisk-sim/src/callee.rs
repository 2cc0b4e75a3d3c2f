//! What the far end of a call does: the last two digits of the number decide, as
//! with the SIPp callees of the checkout (`asterisk/callees/README.md`).
//!
//! | last two digits | the callee |
//! | --- | --- |
//! | 01–19 | rings, answers, stays |
//! | 20–29 | answers at once, stays |
//! | 30–39 | answers at once, hangs up |
//! | 40 · 48 | busy: 486 · 600 |
//! | 41 | rings and never answers |
//! | 42 · 47 | rejected: 603 · 403 |
//! | 43, 00, 80–99, no digits | unknown: 404 |
//! | 44 · 45 · 46 | 480 · 503 · 488 |
//! | 49 | never replies |
//! | 50–59 | answers at once, presses the last digit, stays |
//! | 60–69 | rings for long, answers, stays (not of SIPp) |
//! | 70–79 | answers at once, says nothing, stays |

/// What a callee does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Rings, answers, stays until hung up on.
    Answers,
    /// The same after a long time.
    AnswersSlowly,
    /// Answers at once.
    AnswersAtOnce,
    /// The same, and says nothing: only silence is heard of it.
    AnswersSilently,
    /// Answers at once, hangs up soon.
    Drops,
    /// Answers at once, presses this digit soon.
    Presses(char),
    /// Rings until the caller gives up.
    NeverAnswers,
    /// Says nothing at all.
    NeverReplies,
    /// Refuses with a SIP code.
    Refuses(i64),
}

impl Behaviour {
    /// Of the callee with this number.
    #[must_use]
    pub fn of(number: &str) -> Self {
        let digits: Vec<char> = number.chars().rev().take(2).collect();
        let (Some(units), Some(tens)) = (digit(&digits, 0), digit(&digits, 1)) else {
            return Self::Refuses(404);
        };
        match tens * 10 + units {
            1..=19 => Self::Answers,
            20..=29 => Self::AnswersAtOnce,
            30..=39 => Self::Drops,
            40 => Self::Refuses(486),
            41 => Self::NeverAnswers,
            42 => Self::Refuses(603),
            44 => Self::Refuses(480),
            45 => Self::Refuses(503),
            46 => Self::Refuses(488),
            47 => Self::Refuses(403),
            48 => Self::Refuses(600),
            49 => Self::NeverReplies,
            50..=59 => Self::Presses(digits[0]),
            60..=69 => Self::AnswersSlowly,
            70..=79 => Self::AnswersSilently,
            _ => Self::Refuses(404),
        }
    }
}

fn digit(digits: &[char], at: usize) -> Option<u32> {
    digits.get(at)?.to_digit(10)
}

/// The endpoint that a dial string uses, and the number that it calls: from
/// `PJSIP/endpoint/sip:number@host;transport=udp` and `PJSIP/number@endpoint`.
pub(crate) fn endpoint_and_number(rest: &str) -> (&str, &str) {
    if let Some((endpoint, uri)) = rest.split_once('/') {
        let address = uri.split_once(':').map_or(uri, |(_, address)| address);
        return (endpoint, user(address));
    }
    match rest.split_once('@') {
        Some((number, endpoint)) => (endpoint, number),
        None => (rest, ""),
    }
}

fn user(address: &str) -> &str {
    let end = address.find(['@', ';']).unwrap_or(address.len());
    &address[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of `asterisk/callees/README.md`.
    #[test]
    fn the_last_two_digits_decide() {
        let rows = [
            ("+493001", Behaviour::Answers),
            ("+493019", Behaviour::Answers),
            ("+493020", Behaviour::AnswersAtOnce),
            ("+493039", Behaviour::Drops),
            ("+493040", Behaviour::Refuses(486)),
            ("+493041", Behaviour::NeverAnswers),
            ("+493042", Behaviour::Refuses(603)),
            ("+493043", Behaviour::Refuses(404)),
            ("+493044", Behaviour::Refuses(480)),
            ("+493045", Behaviour::Refuses(503)),
            ("+493046", Behaviour::Refuses(488)),
            ("+493047", Behaviour::Refuses(403)),
            ("+493048", Behaviour::Refuses(600)),
            ("+493049", Behaviour::NeverReplies),
            ("+493053", Behaviour::Presses('3')),
            ("+493060", Behaviour::AnswersSlowly),
            ("+493000", Behaviour::Refuses(404)),
            ("+493070", Behaviour::AnswersSilently),
            ("+493080", Behaviour::Refuses(404)),
            ("ann", Behaviour::Refuses(404)),
            ("", Behaviour::Refuses(404)),
        ];
        for (number, expected) in rows {
            assert_eq!(Behaviour::of(number), expected, "{number}");
        }
    }

    #[test]
    fn the_number_is_found_in_each_form_of_a_dial_string() {
        let rows = [
            (
                "call-out/sip:+4930@127.0.0.1:5070;transport=udp",
                "call-out",
                "+4930",
            ),
            ("call-out/sips:+4930;x=y", "call-out", "+4930"),
            ("conf-join/sip:bridge@127.0.0.1", "conf-join", "bridge"),
            ("4930@trunk", "trunk", "4930"),
            ("phone", "phone", ""),
        ];
        for (text, endpoint, number) in rows {
            assert_eq!(endpoint_and_number(text), (endpoint, number));
        }
    }
}
