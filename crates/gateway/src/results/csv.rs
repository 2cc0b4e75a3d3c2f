//! Results as CSV that spreadsheets take: RFC 4180 behind a byte order mark, by
//! which they know that it is UTF-8.
//!
//! A spreadsheet computes what begins with `=`, `+`, `-` or `@`. Names and data
//! come from files of other people, so such a cell gets an apostrophe in front,
//! which a spreadsheet takes away again. A telephone number in E.164 form is
//! nothing to compute and is written as it is.

use std::fmt::Write as _;

use trunkline_domain::phone;
use trunkline_model::Timestamp;

use super::Row;

const COLUMNS: [&str; 20] = [
    "attempt_id",
    "call_id",
    "target_id",
    "target_name",
    "target_data",
    "number",
    "destination_index",
    "try_count",
    "status",
    "result",
    "tm_dial",
    "tm_ringing",
    "tm_answer",
    "tm_end",
    "hangup_by",
    "hangup_reason",
    "hangup_cause",
    "sip_code",
    "digits",
    "recording_ids",
];

/// The byte order mark and the names of the columns.
pub(super) fn head() -> String {
    format!("\u{feff}{}\r\n", COLUMNS.join(","))
}

/// Adds a row with its line end.
pub(super) fn line(row: &Row, out: &mut String) {
    let Row {
        attempt_id,
        call_id,
        target_id,
        target_name,
        target_data,
        number,
        destination_index,
        try_count,
        status,
        result,
        tm_dial,
        tm_ringing,
        tm_answer,
        tm_end,
        hangup_by,
        hangup_reason,
        hangup_cause,
        sip_code,
        digits,
        recording_ids,
    } = row;
    // What we make ourselves has nothing to quote.
    let _ = write!(out, "{attempt_id},");
    if let Some(id) = call_id {
        let _ = write!(out, "{id}");
    }
    let _ = write!(out, ",{target_id}");
    for text in [target_name, target_data, number] {
        cell(text, out);
    }
    let _ = write!(out, ",{destination_index},{try_count}");
    cell(status, out);
    cell(result, out);
    for time in [tm_dial, tm_ringing, tm_answer, tm_end] {
        moment(*time, out);
    }
    cell(hangup_by, out);
    cell(hangup_reason, out);
    let _ = write!(out, ",{hangup_cause},{sip_code}");
    cell(digits, out);
    let ids: Vec<String> = recording_ids.iter().map(ToString::to_string).collect();
    cell(&ids.join(" "), out);
    out.push_str("\r\n");
}

/// RFC 3339, empty for none.
fn moment(time: Option<Timestamp>, out: &mut String) {
    out.push(',');
    if let Some(time) = time {
        let _ = write!(out, "{time}");
    }
}

/// A separator and a text, guarded and quoted where it must be.
fn cell(text: &str, out: &mut String) {
    out.push(',');
    let guard = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !phone::is_e164(text);
    let quote = text.contains([',', '"', '\r', '\n']);
    if quote {
        out.push('"');
    }
    if guard {
        out.push('\'');
    }
    if quote {
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_computed() {
        let cases = [
            ("", ","),
            ("Ann", ",Ann"),
            ("Lovelace, Ann", ",\"Lovelace, Ann\""),
            ("the \"first\"", ",\"the \"\"first\"\"\""),
            ("two\nlines", ",\"two\nlines\""),
            ("=1+1", ",'=1+1"),
            ("@SUM(A1)", ",'@SUM(A1)"),
            ("-1", ",'-1"),
            ("\t=1", ",'\t=1"),
            ("=HYPERLINK(\"x\",1)", ",\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("+15551234567", ",+15551234567"),
            ("+1555+1234567", ",'+1555+1234567"),
            ("+1-800", ",'+1-800"),
            ("a=b", ",a=b"),
        ];
        for (text, expected) in cases {
            let mut out = String::new();
            cell(text, &mut out);
            assert_eq!(out, expected, "{text}");
        }
    }

    #[test]
    fn the_columns_are_the_fields_of_a_row_in_their_order() {
        let row = Row {
            attempt_id: "0190a0b0-c0d0-7000-8000-000000000001".parse().unwrap(),
            call_id: None,
            target_id: "0190a0b0-c0d0-8000-8000-000000000002".parse().unwrap(),
            target_name: "Ann".to_owned(),
            target_data: "{\"a\":1}".to_owned(),
            number: "+15551234567".to_owned(),
            destination_index: 1,
            try_count: 2,
            status: "done".to_owned(),
            result: "success".to_owned(),
            tm_dial: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            tm_ringing: None,
            tm_answer: None,
            tm_end: Some("2026-01-02T03:04:06.5Z".parse().unwrap()),
            hangup_by: "remote".to_owned(),
            hangup_reason: "normal".to_owned(),
            hangup_cause: 16,
            sip_code: 200,
            digits: "12#".to_owned(),
            recording_ids: [1, 2].map(|n| uuid::Uuid::from_u128(n).into()).to_vec(),
        };
        let fields = serde_json::to_string(&row).unwrap();
        let mut rest = fields.as_str();
        for column in COLUMNS {
            let key = format!("\"{column}\":");
            let at = rest.find(&key).unwrap_or_else(|| panic!("{column}"));
            rest = &rest[at + key.len()..];
        }
        let mut out = String::new();
        line(&row, &mut out);
        assert_eq!(
            out,
            "0190a0b0-c0d0-7000-8000-000000000001,,0190a0b0-c0d0-8000-8000-000000000002,Ann,\
             \"{\"\"a\"\":1}\",+15551234567,1,2,done,success,2026-01-02T03:04:05Z,,,\
             2026-01-02T03:04:06.5Z,remote,normal,16,200,12#,\
             00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002\r\n"
        );
        assert!(head().starts_with("\u{feff}attempt_id,call_id"));
    }
}
