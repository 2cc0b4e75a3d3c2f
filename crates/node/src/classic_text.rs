//! The classic text format of metrics, which Go's `promhttp` serves. The crate with
//! which metrics are registered writes OpenMetrics only; here its text becomes the other.
//!
//! What differs: `HELP` and `TYPE` of a counter carry the name of its sample, there is no
//! `UNIT` and no `EOF`, and numbers are as Go prints them, those of `le` too. Series are
//! known by the text of their labels: `le="50"` and `le="50.0"` are two of them.

/// What the text is.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The same metrics, from the text that the crate has written.
pub(crate) fn of_open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // Its name depends on the type, which follows.
            help = rest.split_once(' ').map(|(_, help)| help);
        } else if let Some((name, kind)) = kind(line) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some(help) = help.take() {
                out.push_str(&format!("# HELP {name}{suffix} {help}\n"));
            }
            out.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            push_sample(&mut out, line);
        }
    }
    out
}

/// Name and type, of a line that tells one.
fn kind(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("# TYPE ")?.split_once(' ')
}

fn push_sample(out: &mut String, line: &str) {
    let Some((series, value)) = line.rsplit_once(' ') else {
        return;
    };
    match bound(series) {
        Some((before, bound, after)) => {
            out.push_str(before);
            push_number(out, bound);
            out.push_str(after);
        }
        None => out.push_str(series),
    }
    out.push(' ');
    push_number(out, value);
    out.push('\n');
}

/// The bound of a bucket, with what stands before and after it. Inside a label's value
/// a quotation mark has a backslash before it, so this is found nowhere else.
fn bound(series: &str) -> Option<(&str, &str, &str)> {
    let label = ["{le=\"", ",le=\""];
    let (at, label) = label
        .iter()
        .find_map(|label| Some((series.find(label)?, label)))?;
    let start = at + label.len();
    let end = start + series[start..].find('"')?;
    Some((&series[..start], &series[start..end], &series[end..]))
}

fn push_number(out: &mut String, text: &str) {
    match text.parse() {
        Ok(number) => out.push_str(&go(number)),
        Err(_) => out.push_str(text),
    }
}

/// Go's `strconv.FormatFloat(number, 'g', -1, 64)`: the shortest digits that mean it, with
/// an exponent of two digits from 1e+06 and below 0.0001 on.
fn go(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let short = format!("{number:e}");
    let parts = short.split_once('e');
    let parts = parts.and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
    match parts {
        Some((digits, power)) if !(-4..6).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        Some(_) | None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::registry::{Registry, Unit};

    use super::*;

    type Labels = Vec<(&'static str, &'static str)>;

    #[test]
    fn every_kind_of_metric_is_as_go_writes_it() {
        let mut registry = Registry::default();
        let calls = Counter::<u64>::default();
        calls.inc_by(2_000_000);
        registry.register("calls", "Calls so far", calls);
        let times = Family::<Labels, Histogram>::new_with_constructor(|| {
            Histogram::new([0.5, 50.0, 3_000_000.0])
        });
        // A label that ends in `le`, and a value that looks like the label.
        let labels = vec![("role", "a,le=\"1.0\"\\")];
        times.get_or_create(&labels).observe(49.25);
        registry.register("process_time", "How long", times);
        let room = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
        room.set(0.000_02);
        registry.register_with_unit("room", "Room", Unit::Bytes, room);

        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let role = r#"role="a,le=\"1.0\"\\""#;
        let expected = format!(
            "# HELP calls_total Calls so far.\n\
             # TYPE calls_total counter\n\
             calls_total 2e+06\n\
             # HELP process_time How long.\n\
             # TYPE process_time histogram\n\
             process_time_sum{{{role}}} 49.25\n\
             process_time_count{{{role}}} 1\n\
             process_time_bucket{{le=\"0.5\",{role}}} 0\n\
             process_time_bucket{{le=\"50\",{role}}} 1\n\
             process_time_bucket{{le=\"3e+06\",{role}}} 1\n\
             process_time_bucket{{le=\"+Inf\",{role}}} 1\n\
             # HELP room_bytes Room.\n\
             # TYPE room_bytes gauge\n\
             room_bytes 2e-05\n"
        );
        assert_eq!(of_open_metrics(&text), expected);
    }

    /// By the rules of Go's `strconv`: an exponent below -4 and from 6 on.
    #[test]
    fn numbers_are_as_go_prints_them() {
        let cases = [
            (0.0, "0"),
            (50.0, "50"),
            (0.1 + 0.2, "0.30000000000000004"),
            (-2.5, "-2.5"),
            (100_000.0, "100000"),
            (999_999.5, "999999.5"),
            (1_000_000.0, "1e+06"),
            (1_767_225_600.25, "1.76722560025e+09"),
            (18_446_744_073_709_551_615.0, "1.8446744073709552e+19"),
            (0.000_1, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (1e-100, "1e-100"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, expected) in cases {
            assert_eq!(go(number), expected);
        }
    }
}
