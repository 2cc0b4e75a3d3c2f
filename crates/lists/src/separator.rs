//! Which character stands between the fields.

/// In the order in which they are preferred.
const CANDIDATES: [char; 4] = [';', '\t', '|', ','];

/// The separator of these lines: the one that stands equally often in most of
/// them, outside of quotation marks. A comma when there is none.
pub(crate) fn guess<'l>(lines: impl Iterator<Item = &'l str> + Clone) -> char {
    let mut best = (0, 0, ',');
    for candidate in CANDIDATES {
        let counts: Vec<usize> = lines.clone().map(|line| count(line, candidate)).collect();
        let Some(usual) = most_frequent(&counts) else {
            continue;
        };
        let agree = counts.iter().filter(|count| **count == usual).count();
        if (agree, usual) > (best.0, best.1) {
            best = (agree, usual, candidate);
        }
    }
    best.2
}

/// The line with which some spreadsheets begin: `sep=;`.
pub(crate) fn declared(line: &str) -> Option<char> {
    let rest = line.trim_end().strip_prefix("sep=")?;
    let mut characters = rest.chars();
    let separator = characters.next().unwrap_or('\t');
    characters.next().is_none().then_some(separator)
}

fn count(line: &str, separator: char) -> usize {
    let mut quoted = false;
    let mut found = 0;
    for character in line.chars() {
        if character == '"' {
            quoted = !quoted;
        } else if character == separator && !quoted {
            found += 1;
        }
    }
    found
}

/// The number above none that is there most often, the greater one of two.
fn most_frequent(counts: &[usize]) -> Option<usize> {
    let candidates = counts.iter().filter(|count| **count > 0);
    candidates
        .max_by_key(|wanted| {
            let often = counts.iter().filter(|count| count == wanted).count();
            (often, **wanted)
        })
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_is_known_by_standing_equally_often() {
        let cases = [
            ("name,number\nAnn,+1", ','),
            ("name;number\n\"Lovelace, Ann\";+1", ';'),
            ("Name;Betrag\nAnn;1,50\nBob;2,75\nEve;3,00", ';'),
            ("name\tnumber\nAnn, Bob\t+1", '\t'),
            ("name|number|x\nAnn;B|+1|y", '|'),
            ("number\n+1\n+2", ','),
            ("", ','),
            ("name,number\nAnn;Bob,+1\nEve,+2", ','),
        ];
        for (text, expected) in cases {
            assert_eq!(guess(text.lines()), expected, "{text}");
        }
    }

    #[test]
    fn a_spreadsheet_may_say_it() {
        assert_eq!(declared("sep=;"), Some(';'));
        assert_eq!(declared("sep=\t"), Some('\t'));
        assert_eq!(declared("sep=;;"), None);
        assert_eq!(declared("name;number"), None);
    }
}
