//! Hangup causes: numbers of Q.850 with Asterisk's words, and the SIP codes that
//! it reports beside them. Every line was seen on 22.10.1.

/// Normal clearing.
pub(crate) const NORMAL: i64 = 16;
/// Rang and was not answered.
pub(crate) const NO_ANSWER: i64 = 19;
/// What ChannelHangupRequest says of a hangup that Asterisk was asked for.
pub(crate) const REQUESTED: i64 = 32;

/// `cause_txt`.
pub(crate) fn text(cause: i64) -> &'static str {
    match cause {
        1 => "Unallocated (unassigned) number",
        2 => "No route to specified transmit network",
        3 => "No route to destination",
        16 => "Normal Clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "User alerting, no answer",
        20 => "Subscriber absent",
        21 => "Call Rejected",
        22 => "Number changed",
        26 => "Answered elsewhere",
        27 => "Destination out of order",
        28 => "Invalid number format",
        29 => "Facility rejected",
        31 => "Normal, unspecified",
        34 => "Circuit/channel congestion",
        38 => "Network out of order",
        42 => "Switching equipment congestion",
        44 => "Requested channel not available",
        58 => "Bearer capability not available",
        66 => "Channel not implemented",
        102 => "Recover on timer expiry",
        127 => "Interworking, unspecified",
        _ => "Unknown",
    }
}

/// `tech_cause` of a hangup that was asked for with this cause: the SIP code
/// that Asterisk would send for it, none where it has none.
pub(crate) fn sip(cause: i64) -> Option<i64> {
    match cause {
        1..=3 => Some(404),
        17 => Some(486),
        18 => Some(408),
        19 | 20 | 31 => Some(480),
        21 => Some(403),
        22 => Some(410),
        27 => Some(502),
        28 => Some(484),
        29 => Some(501),
        34 | 42 | 66 => Some(503),
        38 | 127 => Some(500),
        58 => Some(488),
        _ => None,
    }
}

/// The cause of a far end's refusal with this SIP code.
pub(crate) fn of_sip(code: i64) -> i64 {
    match code {
        404 => 1,
        486 | 600 => 17,
        408 => 18,
        480 => 19,
        403 | 603 => 21,
        410 => 22,
        484 => 28,
        488 => 58,
        500 => 38,
        502 => 27,
        503 => 34,
        504 => 102,
        _ => 127,
    }
}

/// The cause of a word of `reason`.
pub(crate) fn of_reason(reason: &str) -> Option<i64> {
    Some(match reason {
        "normal" => 16,
        "busy" => 17,
        "congestion" => 34,
        "no_answer" => 19,
        "timeout" => 18,
        "rejected" => 21,
        "unallocated" => 1,
        "normal_unspecified" => 31,
        "number_incomplete" => 28,
        "codec_mismatch" => 58,
        "interworking" => 127,
        "failure" => 38,
        "answered_elsewhere" => 26,
        _ => return None,
    })
}
