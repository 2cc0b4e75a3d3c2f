//! How a campaign stands, and what follows from two looks at it. Pure.

use serde_json::{Value, json};

/// How far back the pace is looked at, seconds.
const WINDOW: f64 = 60.0;

/// Looks that are remembered.
const MOST_LOOKS: usize = 600;

/// What the API says about a campaign at one moment. What it does not know is
/// missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Progress {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) dialing: u64,
    pub(super) ringing: Option<u64>,
    pub(super) answered: u64,
    /// Attempts that ended, by how, the most frequent first.
    pub(super) ended: Vec<(String, u64)>,
    pub(super) done: u64,
    pub(super) reached: Option<u64>,
    /// People who may still be called.
    pub(super) left: Option<u64>,
    pub(super) exhausted: Option<u64>,
    /// Attempts begun within the last minute.
    pub(super) per_minute: u64,
    /// Why a part is missing.
    pub(super) trouble: String,
}

impl Progress {
    pub(super) fn read(answer: &Value) -> Self {
        let number = |at: &str| answer.pointer(at).and_then(Value::as_u64);
        let text = |at: &str| {
            let text = answer.pointer(at).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let mut ended: Vec<(String, u64)> = answer
            .pointer("/calls/ended")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(reason, number)| Some((reason.clone(), number.as_u64()?)))
            .collect();
        if ended.is_empty() {
            let results = ["success", "fail"].map(|name| {
                let number = number(&format!("/attempts/{name}")).unwrap_or(0);
                (name.to_owned(), number)
            });
            ended.extend(results.into_iter().filter(|(_, number)| *number > 0));
        }
        ended.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let unanswered = number("/attempts/dialing").unwrap_or(0);
        let ringing = number("/calls/ringing");
        Self {
            name: text("/name"),
            status: text("/status"),
            dialing: unanswered.saturating_sub(ringing.unwrap_or(0)),
            ringing,
            answered: number("/attempts/progressing").unwrap_or(0),
            ended,
            done: number("/attempts/done").unwrap_or(0),
            reached: number("/targets/done"),
            left: number("/targets/callable")
                .zip(number("/targets/progressing"))
                .map(|(a, b)| a + b),
            exhausted: number("/targets/exhausted"),
            per_minute: number("/attempts/last_minute").unwrap_or(0),
            trouble: text("/trouble"),
        }
    }

    /// People of whom nothing more is to be expected.
    fn finished(&self) -> Option<u64> {
        Some(self.reached? + self.exhausted?)
    }

    pub(super) fn is_over(&self) -> bool {
        self.status == "stop"
    }

    pub(super) fn to_json(&self, pace: &Pace) -> Value {
        let ended: serde_json::Map<String, Value> = self
            .ended
            .iter()
            .map(|(reason, number)| (reason.clone(), json!(number)))
            .collect();
        json!({
            "name": self.name,
            "status": self.status,
            "dialing": self.dialing,
            "ringing": self.ringing,
            "answered": self.answered,
            "attempts_done": self.done,
            "ended": ended,
            "people_reached": self.reached,
            "people_exhausted": self.exhausted,
            "people_left": self.left,
            "attempts_per_minute": self.per_minute,
            "seconds_left": pace.seconds_left(self),
            "trouble": self.trouble,
        })
    }
}

/// Earlier looks: when, and of how many people nothing more was to be expected.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looks: std::collections::VecDeque<(f64, u64)>,
}

impl Pace {
    /// Remembers a look at `at` seconds.
    pub(super) fn look(&mut self, at: f64, progress: &Progress) {
        if let Some(finished) = progress.finished() {
            self.looks.push_back((at, finished));
        }
        let old = |(then, _): &(f64, u64)| at - then > WINDOW;
        while self.looks.len() > MOST_LOOKS
            || (self.looks.len() > 2 && self.looks.front().is_some_and(old))
        {
            self.looks.pop_front();
        }
    }

    /// How long it takes at the pace of the last minute; nothing before there is
    /// one.
    pub(super) fn seconds_left(&self, progress: &Progress) -> Option<u64> {
        let left = progress.left?;
        if left == 0 {
            return Some(0);
        }
        let ((from, before), (to, now)) = (*self.looks.front()?, *self.looks.back()?);
        let (seconds, people) = (to - from, now.saturating_sub(before));
        if seconds < 1.0 || people == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = left as f64 * seconds / people as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate above zero"
        )]
        Some(estimate.ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Value {
        json!({"name": "november", "status": "run",
            "attempts": {"dialing": 3, "progressing": 2, "done": 9, "success": 5, "fail": 4, "last_minute": 14},
            "calls": {"ringing": 1, "ended": {"busy": 1, "normal": 5, "noanswer": 3}},
            "targets": {"callable": 20, "progressing": 5, "exhausted": 1, "done": 5}, "trouble": ""})
    }

    #[test]
    fn what_the_api_says_becomes_what_people_ask() {
        let read = Progress::read(&answer());
        assert_eq!((read.dialing, read.ringing, read.answered), (2, Some(1), 2));
        assert_eq!((read.left, read.reached), (Some(25), Some(5)));
        let ended: Vec<&str> = read
            .ended
            .iter()
            .map(|(reason, _)| reason.as_str())
            .collect();
        assert_eq!(ended, ["normal", "noanswer", "busy"]);
        assert!(!read.is_over());
    }

    #[test]
    fn what_is_missing_is_not_zero() {
        let mut partial = answer();
        partial["calls"] = Value::Null;
        partial["targets"] = Value::Null;
        let read = Progress::read(&partial);
        assert_eq!((read.dialing, read.ringing, read.left), (3, None, None));
        assert_eq!(
            read.ended,
            [("success".to_owned(), 5), ("fail".to_owned(), 4)]
        );
        assert_eq!(Pace::default().seconds_left(&read), None);
    }

    #[test]
    fn time_left_is_the_pace_of_the_last_minute() {
        let mut pace = Pace::default();
        let mut progress = Progress::read(&answer());
        pace.look(0.0, &progress);
        assert_eq!(pace.seconds_left(&progress), None);
        progress.reached = Some(15);
        pace.look(10.0, &progress);
        assert_eq!(pace.seconds_left(&progress), Some(25));
        for second in 11..200 {
            pace.look(f64::from(second), &progress);
        }
        assert_eq!(pace.seconds_left(&progress), None, "nothing moves");
        progress.left = Some(0);
        assert_eq!(pace.seconds_left(&progress), Some(0));
    }
}
