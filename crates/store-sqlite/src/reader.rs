//! Readers: threads that share one queue of queries.

use tokio::sync::oneshot;
use trunkline_store::{Error, Rows, Value};

use crate::connection::Reader;
use crate::queue::Queue;

/// A query and where its rows go.
pub(crate) struct Job {
    pub(crate) sql: String,
    pub(crate) params: Vec<Value>,
    pub(crate) reply: oneshot::Sender<Result<Rows, Error>>,
}

/// Works until the queue is closed and empty.
pub(crate) fn run(reader: &Reader, queue: &Queue<Job>) {
    // One at a time: what this thread takes, no other reader can run.
    while let Some(jobs) = queue.take(1) {
        for job in jobs {
            if !job.reply.is_closed() {
                drop(job.reply.send(reader.query(&job.sql, &job.params)));
            }
        }
    }
}
