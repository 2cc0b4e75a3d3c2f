//! The writer: many batches, one transaction, each batch for itself.

use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use trunkline_store::{Batch, Error};

use crate::connection;
use crate::error::of;
use crate::queue::Queue;
use crate::stats::Counters;

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
    while let Some(mut jobs) = queue.take(group) {
        if jobs.len() < group && !wait.is_zero() {
            std::thread::sleep(wait);
            jobs.extend(queue.take_more(group - jobs.len()));
        }
        serve(connection, jobs, counters);
    }
    if let Err(error) = checkpoint(connection) {
        tracing::warn!(%error, "the log was not moved into the database file; the next start reads it");
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
fn group(connection: &Connection, batches: &[Batch]) -> Result<Vec<Result<(), Error>>, Error> {
    if !connection.is_autocommit() {
        // A roll-back has failed before.
        control(connection, "ROLLBACK")?;
    }
    // Immediate: the lock is taken here, so no later statement can find it gone.
    control(connection, "BEGIN IMMEDIATE")?;
    let results = batches
        .iter()
        .map(|batch| in_savepoint(connection, batch))
        .collect::<Result<Vec<_>, _>>();
    let committed = results.and_then(|results| control(connection, "COMMIT").map(|()| results));
    if committed.is_err() && !connection.is_autocommit() {
        control(connection, "ROLLBACK")?;
    }
    committed
}

/// `Ok(Err(_))`: this batch is undone, the transaction goes on. `Err`: the
/// transaction is lost.
fn in_savepoint(connection: &Connection, batch: &Batch) -> Result<Result<(), Error>, Error> {
    control(connection, "SAVEPOINT batch")?;
    let result = statements(connection, batch);
    if let Err(error) = &result {
        if connection.is_autocommit() {
            return Err(error.clone());
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
