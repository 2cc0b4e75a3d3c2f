//! The writer: many batches, one transaction, each batch for itself.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;
use trunkline_store::{Batch, Error};

use crate::connection;
use crate::error::of;
use crate::queue::Queue;
use crate::stats::Counters;

/// Batches a second above which a group waits longer: many callers are served at
/// once then, and each commit costs the same pages and the same sync. Who calls
/// alone does not wait for others.
const CROWD_PER_S: f64 = 300.0;
/// How many times as long, at most.
const CROWD_WAITS: u32 = 16;
/// A crowd is all there when a pause in which so many batches were to be expected
/// brings none: then all callers wait for the commit.
const PAUSE_OF: f64 = 5.0;
/// Weight of the newest group in what is taken for the present rate.
const NEWEST: f64 = 0.2;

/// Where the result of a job goes.
pub(crate) type Reply = oneshot::Sender<Result<(), Error>>;

/// What the writer thread is asked to do.
pub(crate) enum Job {
    Apply(Batch, Reply),
    /// Limits the size of the file, in pages.
    Limit(u32, Reply),
}

/// Works until the queue is closed and empty, then moves the log into the
/// database file.
pub(crate) fn run(
    connection: &Connection,
    queue: &Queue<Job>,
    group: usize,
    wait: Duration,
    counters: &Counters,
) {
    let mut pace = Pace::new(Instant::now());
    while let Some(mut jobs) = queue.take(group) {
        gather(queue, &mut jobs, group, &pace.wait(wait));
        pace.note(jobs.len(), Instant::now());
        serve(connection, jobs, counters);
    }
    if let Err(error) = checkpoint(connection) {
        tracing::warn!(%error, "the log was not moved into the database file; the next start reads it");
    }
}

/// Waits for the rest of a group.
fn gather(queue: &Queue<Job>, jobs: &mut Vec<Job>, group: usize, wait: &Wait) {
    let mut left = wait.longest;
    while jobs.len() < group && !left.is_zero() {
        let pause = wait.pause.min(left);
        std::thread::sleep(pause);
        left -= pause;
        let came = queue.take_more(group - jobs.len());
        if came.is_empty() {
            return;
        }
        jobs.extend(came);
    }
}

/// How a group waits for others: in pauses, until one brings nothing.
#[derive(Debug, PartialEq, Eq)]
struct Wait {
    longest: Duration,
    pause: Duration,
}

/// How many batches come, lately.
struct Pace {
    last: Instant,
    per_s: f64,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self {
            last: now,
            per_s: 0.0,
        }
    }

    /// How a group waits for others, `alone` being the time of a caller without
    /// company.
    fn wait(&self, alone: Duration) -> Wait {
        if self.per_s < CROWD_PER_S || alone.is_zero() {
            return Wait {
                longest: alone,
                pause: alone,
            };
        }
        let longest = alone * CROWD_WAITS;
        let pause = Duration::from_secs_f64(PAUSE_OF / self.per_s).clamp(alone, longest);
        Wait { longest, pause }
    }

    /// Notes a group.
    fn note(&mut self, batches: usize, now: Instant) {
        let passed = now.duration_since(self.last).as_secs_f64().max(1e-6);
        self.last = now;
        self.per_s += NEWEST * (batches as f64 / passed - self.per_s);
    }
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn serve(connection: &Connection, jobs: Vec<Job>, counters: &Counters) {
    let (mut batches, mut replies) = (
        Vec::with_capacity(jobs.len()),
        Vec::with_capacity(jobs.len()),
    );
    for job in jobs {
        match job {
            Job::Apply(batch, reply) => {
                batches.push(batch);
                replies.push(reply);
            }
            Job::Limit(pages, reply) => {
                drop(reply.send(connection::limit_pages(connection, pages)))
            }
        }
    }
    let results = apply(connection, &batches, counters);
    for (reply, result) in replies.into_iter().zip(results) {
        // A caller that went away does not take its batch with it.
        drop(reply.send(result));
    }
}

/// Applies a group: all batches in one transaction, or one after the other when
/// that transaction as a whole cannot be committed.
pub(crate) fn apply(
    connection: &Connection,
    batches: &[Batch],
    counters: &Counters,
) -> Vec<Result<(), Error>> {
    if batches.is_empty() {
        return Vec::new();
    }
    let mut commits = 1;
    let results = match group(connection, batches) {
        Ok(results) => results,
        // Another process has the lock: waiting for it again for each batch
        // would only hold up what comes next.
        Err(lost @ Error::Unavailable(_)) => vec![Err(lost); batches.len()],
        Err(lost) if batches.len() == 1 => vec![Err(lost)],
        Err(_) => {
            // A full disk, for one, ends SQLite's transaction with everything
            // in it. Alone, each batch gets the answer that is its own, and
            // what frees space goes through.
            commits = batches.len() as u64;
            let alone = |batch: &Batch| group(connection, std::slice::from_ref(batch));
            batches
                .iter()
                .map(|batch| alone(batch).and_then(only))
                .collect()
        }
    };
    let applied = results.iter().filter(|result| result.is_ok()).count() as u64;
    counters.group(
        applied,
        results.len() as u64 - applied,
        commits.min(applied),
    );
    results
}

fn only(mut results: Vec<Result<(), Error>>) -> Result<(), Error> {
    results.pop().unwrap_or(Ok(()))
}

/// One transaction. `Err`: nothing of the group is in the database.
///
/// First without savepoints, which cost a copy of every page that a batch
/// changes: nearly all batches succeed, or are refused before they have changed
/// anything. A batch that is refused half-way has the group done again with them.
fn group(connection: &Connection, batches: &[Batch]) -> Result<Vec<Outcome>, Error> {
    match transaction(connection, batches, plainly) {
        Ok(results) => Ok(results),
        Err(Lost::HalfWay(_)) if batches.len() > 1 => {
            transaction(connection, batches, in_savepoint).map_err(Lost::into_error)
        }
        Err(lost) => Err(lost.into_error()),
    }
}

/// What became of a batch.
type Outcome = Result<(), Error>;

/// Why a transaction is not committed.
enum Lost {
    /// The database does not take it.
    Failed(Error),
    /// This is why a batch is refused some of whose statements have changed rows.
    HalfWay(Error),
}

impl Lost {
    fn into_error(self) -> Error {
        match self {
            Self::Failed(error) | Self::HalfWay(error) => error,
        }
    }
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The result of each batch that `run` applies; `Ok(Err(_))` of `run`: nothing
/// of the batch is left, the transaction goes on.
fn transaction(
    connection: &Connection,
    batches: &[Batch],
    run: fn(&Connection, &Batch) -> Result<Outcome, Lost>,
) -> Result<Vec<Outcome>, Lost> {
    if !connection.is_autocommit() {
        // A roll-back has failed before.
        control(connection, "ROLLBACK")?;
    }
    // Immediate: the lock is taken here, so no later statement can find it gone.
    control(connection, "BEGIN IMMEDIATE")?;
    let results: Result<Vec<_>, Lost> =
        batches.iter().map(|batch| run(connection, batch)).collect();
    let committed = results.and_then(|results| {
        control(connection, "COMMIT")?;
        Ok(results)
    });
    if committed.is_err() && !connection.is_autocommit() {
        control(connection, "ROLLBACK")?;
    }
    committed
}

/// A statement that fails leaves nothing of itself (SQLite's default, ABORT).
fn plainly(connection: &Connection, batch: &Batch) -> Result<Outcome, Lost> {
    let before = connection.total_changes();
    match statements(connection, batch) {
        Ok(()) => Ok(Ok(())),
        Err(error) if connection.is_autocommit() => Err(Lost::Failed(error)),
        Err(error) if connection.total_changes() == before => Ok(Err(error)),
        Err(error) => Err(Lost::HalfWay(error)),
    }
}

fn in_savepoint(connection: &Connection, batch: &Batch) -> Result<Outcome, Lost> {
    control(connection, "SAVEPOINT batch")?;
    let result = statements(connection, batch);
    if let Err(error) = &result {
        if connection.is_autocommit() {
            return Err(Lost::Failed(error.clone()));
        }
        control(connection, "ROLLBACK TO batch")?;
    }
    control(connection, "RELEASE batch")?;
    Ok(result)
}

fn statements(connection: &Connection, batch: &Batch) -> Result<(), Error> {
    for (at, statement) in batch.statements.iter().enumerate() {
        connection::execute(connection, at, statement)?;
    }
    Ok(())
}

fn control(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    let done = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.raw_execute());
    done.map(|_| ()).map_err(|error| of(&error))
}

#[cfg(test)]
mod tests {
    use trunkline_store::{Statement, Value};

    use super::*;

    fn insert(id: i64) -> Statement {
        Statement::any("INSERT INTO t VALUES (?)", vec![Value::Int(id)])
    }

    /// Must delete a row that is not there.
    fn refused() -> Statement {
        Statement::one("DELETE FROM t WHERE id = ?", vec![Value::Int(-1)])
    }

    fn batch(statements: impl IntoIterator<Item = Statement>) -> Batch {
        statements.into_iter().fold(Batch::new(), Batch::with)
    }

    fn apply_all(batches: &[Batch]) -> (Vec<bool>, Vec<i64>, Counters) {
        let connection = connection::memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY)")
            .unwrap();
        let counters = Counters::default();
        let results = apply(&connection, batches, &counters);
        assert!(connection.is_autocommit());
        let mut rows = connection.prepare("SELECT id FROM t ORDER BY id").unwrap();
        let ids = rows.query_map([], |row| row.get(0)).unwrap();
        let ids = ids.collect::<Result<_, _>>().unwrap();
        (results.iter().map(Result::is_ok).collect(), ids, counters)
    }

    #[test]
    fn a_batch_that_is_refused_leaves_nothing_and_costs_the_others_nothing() {
        let twice = [insert(7), insert(7)];
        for (refused, what) in [
            (batch([refused()]), "before anything"),
            (batch([refused(), insert(9)]), "before anything, with more"),
            (batch([insert(9), refused()]), "half-way"),
            (batch(twice), "half-way by a constraint"),
            (batch([insert(1)]), "by a constraint"),
        ] {
            let group = [batch([insert(1)]), refused.clone(), batch([insert(2)])];
            let (accepted, ids, counters) = apply_all(&group);
            assert_eq!(
                (accepted, ids),
                (vec![true, false, true], vec![1, 2]),
                "{what}"
            );
            let stats = counters.read();
            assert_eq!(
                (stats.batches, stats.refused, stats.commits),
                (2, 1, 1),
                "{what}"
            );
        }
        let (accepted, ids, _) = apply_all(&[batch([insert(9), refused()])]);
        assert_eq!((accepted, ids), (vec![false], vec![]), "alone");
    }

    #[test]
    fn a_crowd_waits_for_company_and_who_is_alone_does_not() {
        let ms = Duration::from_millis;
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut of = |batches: usize, each: u64| {
            for _ in 0..50 {
                now += ms(each);
                pace.note(batches, now);
            }
            let wait = pace.wait(ms(1));
            assert_eq!(pace.wait(ms(0)).longest, ms(0), "switched off");
            (wait.longest, wait.pause.as_millis())
        };
        assert_eq!(of(0, 1), (ms(1), 1), "nobody");
        assert_eq!(of(2, 2), (ms(16), 5), "1,000 a second");
        assert_eq!(of(100, 10), (ms(16), 1), "10,000 a second");
        assert_eq!(of(1, 20), (ms(1), 1), "50 a second");
    }

    #[tokio::test]
    async fn a_group_is_closed_by_a_pause_that_brings_nobody_and_by_being_full() {
        let queue = Queue::new(8);
        let job = || Job::Apply(Batch::new(), oneshot::channel().0);
        let wait = Wait {
            longest: Duration::MAX,
            pause: Duration::ZERO,
        };
        for _ in 0..2 {
            assert!(queue.push(job()).await);
        }
        let mut jobs = queue.take(1).unwrap();
        gather(&queue, &mut jobs, 8, &wait);
        assert_eq!(jobs.len(), 2);
        for _ in 0..2 {
            assert!(queue.push(job()).await);
        }
        gather(&queue, &mut jobs, 3, &wait);
        assert_eq!(jobs.len(), 3);
    }
}
