//! The database: a file with threads, or memory without.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::oneshot;
use trunkline_model::Timestamp;
use trunkline_store::{Batch, Database, Dialect, Error, Rows, Value};

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::connection::{self, Reader};
use crate::error::OpenError;
use crate::migrate;
use crate::queue::Queue;
use crate::reader;
use crate::stats::{Counters, Stats};
use crate::writer;

/// A SQLite database with the current schema.
pub struct SqliteDatabase {
    engine: Engine,
    clock: Box<dyn Clock>,
    counters: Arc<Counters>,
}

/// How a query for a single row ends.
const ONE_ROW: &str = " LIMIT 1";

enum Engine {
    File(Threads),
    Memory(Mutex<Connection>),
}

struct Threads {
    writes: Arc<Queue<writer::Job>>,
    reads: Arc<Queue<reader::Job>>,
    /// Readers for single rows: quick enough to be asked where the question
    /// arises, which saves two changes of thread.
    single: Mutex<Vec<Reader>>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteDatabase {
    /// Opens or creates a file, brings its schema up to date and starts the
    /// threads. Blocks the calling thread while it does.
    ///
    /// # Errors
    ///
    /// [`OpenError::Newer`] when a newer program wrote the file.
    pub fn open(path: impl AsRef<Path>, config: Config) -> Result<Self, OpenError> {
        Self::open_with_clock(path, config, SystemClock)
    }

    /// As [`SqliteDatabase::open`], with a clock of the caller's.
    ///
    /// # Errors
    ///
    /// As [`SqliteDatabase::open`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a configuration is handed over"
    )]
    pub fn open_with_clock(
        path: impl AsRef<Path>,
        config: Config,
        clock: impl Clock,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let failed = |source| OpenError::Open {
            path: path.to_owned(),
            source,
        };
        let connection = connection::writer(path, &config).map_err(failed)?;
        migrate::migrate(&connection, clock.now())?;

        let mut threads = Threads::new(&config);
        let counters = Arc::new(Counters::default());
        threads.start_writer(connection, &config, Arc::clone(&counters))?;
        for _ in 0..config.readers.max(1) {
            threads.start_reader(connection::reader(path, &config).map_err(failed)?)?;
            threads.add_single(connection::reader(path, &config).map_err(failed)?);
        }
        Ok(Self {
            engine: Engine::File(threads),
            clock: Box::new(clock),
            counters,
        })
    }

    /// An empty database in memory that runs on the calling task.
    ///
    /// # Errors
    ///
    /// Only when memory is short.
    pub fn in_memory(clock: impl Clock) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Open {
            path: ":memory:".into(),
            source,
        };
        let connection = connection::memory().map_err(failed)?;
        migrate::migrate(&connection, clock.now())?;
        Ok(Self {
            engine: Engine::Memory(Mutex::new(connection)),
            clock: Box::new(clock),
            counters: Arc::default(),
        })
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// Limits the size of the database, in pages of 4 KiB; it never shrinks
    /// below what it holds. Beyond the limit writes fail with [`Error::Full`].
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the database is closed.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), Error> {
        match &self.engine {
            Engine::File(threads) => {
                threads
                    .write(|reply| writer::Job::Limit(pages, reply))
                    .await
            }
            Engine::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                connection::limit_pages(&connection, pages)
            }
        }
    }

    /// Finishes the batches that were accepted, refuses further ones, moves the
    /// log into the file and ends the threads. Blocks while it does; dropping
    /// the database does the same.
    pub fn close(&self) {
        match &self.engine {
            Engine::File(threads) => threads.close(),
            Engine::Memory(_) => {}
        }
    }
}

impl Threads {
    fn new(config: &Config) -> Self {
        Self {
            writes: Arc::new(Queue::new(config.write_queue)),
            reads: Arc::new(Queue::new(config.read_queue)),
            single: Mutex::default(),
            handles: Mutex::default(),
        }
    }

    fn start_writer(
        &mut self,
        connection: Connection,
        config: &Config,
        counters: Arc<Counters>,
    ) -> Result<(), OpenError> {
        let queue = Arc::clone(&self.writes);
        let (group, wait) = (config.group.max(1), config.group_wait);
        self.start("store-writer", move || {
            writer::run(&connection, &queue, group, wait, &counters)
        })
    }

    fn start_reader(&mut self, connection: Connection) -> Result<(), OpenError> {
        let queue = Arc::clone(&self.reads);
        let reader = Reader::new(connection);
        self.start("store-reader", move || reader::run(&reader, &queue))
    }

    fn add_single(&mut self, connection: Connection) {
        let singles = self
            .single
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        singles.push(Reader::new(connection));
    }

    /// Answers a query for one row on the spot; `None` when it asks for more, or
    /// all readers for it are busy.
    fn read_single(&self, sql: &str, params: &[Value]) -> Option<Result<Rows, Error>> {
        if !sql.ends_with(ONE_ROW) {
            return None;
        }
        let reader = self
            .single
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()?;
        let rows = reader.query(sql, params);
        self.single
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(reader);
        Some(rows)
    }

    fn start(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let handle = handle.map_err(OpenError::Thread)?;
        self.handles
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .push(handle);
        Ok(())
    }

    async fn write(&self, job: impl FnOnce(writer::Reply) -> writer::Job) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        if !self.writes.push(job(reply)).await {
            return Err(closed());
        }
        answer.await.map_err(|_| closed())?
    }

    async fn read(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        if let Some(rows) = self.read_single(sql, &params) {
            return rows;
        }
        let (reply, answer) = oneshot::channel();
        if !self
            .reads
            .push(reader::Job {
                sql: sql.to_owned(),
                params,
                reply,
            })
            .await
        {
            return Err(closed());
        }
        answer.await.map_err(|_| closed())?
    }

    fn close(&self) {
        self.single
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.reads.close();
        self.writes.close();
        for handle in self
            .handles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            if handle.join().is_err() {
                tracing::error!("a database thread has panicked");
            }
        }
    }
}

// A database that could not be opened completely ends its threads as well.
impl Drop for Threads {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        match &self.engine {
            Engine::File(threads) => threads.read(sql, params).await,
            Engine::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                connection::query(&connection, sql, &params)
            }
        }
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        match &self.engine {
            Engine::File(threads) => {
                threads
                    .write(|reply| writer::Job::Apply(batch, reply))
                    .await
            }
            Engine::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let mut results = writer::apply(&connection, &[batch], &self.counters);
                results.pop().unwrap_or(Ok(()))
            }
        }
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.clock.now())
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}

fn closed() -> Error {
    Error::Unavailable("the database is closed".to_owned())
}
