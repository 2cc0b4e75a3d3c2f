//! What the program that runs told of parts at which doctor looks too: of each
//! thing one finding is shown, and never two.

use super::finding::{Finding, Findings};

/// What it told, as long as nothing that doctor has seen itself stands for it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whether the program is the one of this configuration. Another one's parts
    /// are not those at which doctor looks.
    ours: bool,
    parts: Vec<Finding>,
}

impl Told {
    /// Whether a program of this configuration answers.
    pub(super) fn ours(&self) -> bool {
        self.ours
    }

    pub(super) fn set_ours(&mut self, ours: bool) {
        self.ours = ours;
    }

    pub(super) fn add(&mut self, part: Finding) {
        self.parts.push(part);
    }

    /// What it told about a part, which is shown by nobody else from here on.
    pub(super) fn take(&mut self, about: &str) -> Option<Finding> {
        if !self.ours {
            return None;
        }
        let at = self.parts.iter().position(|part| part.about == about)?;
        Some(self.parts.remove(at))
    }

    /// Doctor has looked at the same thing: its findings are those from `since` on.
    /// They stay, for they name the options; unless what was told is worse.
    pub(super) fn settle(&mut self, findings: &mut Findings, since: usize, about: &str) {
        let Some(part) = self.take(about) else {
            return;
        };
        let own = findings.worst_since(since);
        if own.is_none_or(|own| own < part.level) {
            findings.replace_since(since, part);
        }
    }

    /// Shows what was told of everything else.
    pub(super) fn rest(self, findings: &mut Findings) {
        for part in self.parts {
            findings.add(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    /// What is shown when doctor found `own` and the program told `told`.
    fn shown(ours: bool, own: &[Level], told: Level) -> Vec<(String, Level)> {
        let mut all = Told::default();
        all.set_ours(ours);
        all.add(Finding::new(told, "disk", "told", "do"));
        let mut findings = Findings::default();
        findings.ok("folder", "before");
        let since = findings.len();
        for level in own {
            findings.add(Finding::new(*level, "room", "own", "do"));
        }
        all.settle(&mut findings, since, "disk");
        all.rest(&mut findings);
        let shown = findings.into_iter().skip(1);
        shown.map(|one| (one.found, one.level)).collect()
    }

    #[test]
    fn of_what_both_have_seen_the_worse_is_shown_once() {
        use Level::{Fail, Ok, Warn};
        let own = |level| vec![("own".to_owned(), level)];
        let told = |level| vec![("told".to_owned(), level)];
        let cases = [
            (vec![Ok], Ok, own(Ok)),
            (vec![Fail], Fail, own(Fail)),
            (vec![Fail], Warn, own(Fail)),
            (vec![Ok], Warn, told(Warn)),
            (vec![Warn, Warn], Fail, told(Fail)),
            (vec![], Ok, told(Ok)),
        ];
        for (found, level, expected) in cases {
            assert_eq!(shown(true, &found, level), expected, "{found:?} {level:?}");
        }
        let both = [own(Ok), told(Ok)].concat();
        assert_eq!(shown(false, &[Ok], Ok), both, "another program's disk");
    }
}
