//! What a world says: every line of its log with the virtual time, for people
//! and for comparing two runs; and the errors among them, which fail a run, and
//! the repairs, which fail a run in which nothing went wrong.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The lines of one run.
#[derive(Clone)]
pub struct Trace {
    lines: Arc<Mutex<Lines>>,
    keep: bool,
    began: Instant,
}

#[derive(Default)]
struct Lines {
    text: String,
    errors: Vec<String>,
    repairs: Vec<String>,
}

impl Trace {
    /// `keep` keeps every line from DEBUG on; otherwise the errors and repairs alone.
    #[must_use]
    pub fn new(keep: bool) -> Self {
        Self {
            lines: Arc::default(),
            keep,
            began: Instant::now(),
        }
    }

    /// Everything that was kept, one line each.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines().text.clone()
    }

    /// The errors so far.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.lines().errors.clone()
    }

    /// What the comparison with an Asterisk repaired so far.
    #[must_use]
    pub fn repairs(&self) -> Vec<String> {
        self.lines().repairs.clone()
    }

    /// Whether something was logged as an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        !self.lines().errors.is_empty()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spans are not looked at: what they would add stands in the events.
impl Subscriber for Trace {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let wanted = if self.keep {
            Level::DEBUG
        } else if is_repair(metadata) {
            Level::INFO
        } else {
            Level::ERROR
        };
        metadata.is_event() && *metadata.level() <= wanted && is_ours(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.keep {
            LevelFilter::DEBUG
        } else {
            LevelFilter::INFO
        })
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line::default();
        event.record(&mut line);
        let (ms, level) = (self.began.elapsed().as_millis(), metadata.level());
        let target = metadata.target().trim_start_matches("trunkline_");
        let text = format!(
            "{ms:>8} {level:<5} {target}: {}{}",
            line.message, line.fields
        );
        let mut lines = self.lines();
        if *level == Level::ERROR {
            lines.errors.push(text.clone());
        }
        if is_repair(metadata) && *level <= Level::INFO {
            lines.repairs.push(text.clone());
        }
        if self.keep {
            lines.text.push_str(&text);
            lines.text.push('\n');
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Whether the comparison with an Asterisk says it: each of its repairs is a line.
fn is_repair(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "trunkline_call::reconcile::repair"
}

fn is_ours(target: &str) -> bool {
    target.starts_with("trunkline") || matches!(target, "fault" | "world" | "asterisk" | "evidence")
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
        debug_assert!(written.is_ok(), "a text takes every text");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            let written = write!(self.fields, " {}={value}", field.name());
            debug_assert!(written.is_ok(), "a text takes every text");
        }
    }
}
