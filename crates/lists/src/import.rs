//! Importing: one thread reads, a few requests are on their way.
//!
//! The thread stops where the channel is full, so what is in memory is bounded by
//! the batches of the channel and those on their way.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkline_model::id::{OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{MOST_AT_ONCE, NewTarget};

use crate::error::Error;
use crate::options::Options;
use crate::person::person;
use crate::plan::{Plan, open, unread};
use crate::progress::Progress;
use crate::records::Record;
use crate::refused::Refused;
use crate::retry::{Failure, Recipient, pause};

/// Bytes of a person in a request beside his texts.
const FRAME: usize = 160;

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Lines with a person, good or not.
    pub people: u64,
    pub created: u64,
    /// On the list before.
    pub known: u64,
    /// Lines that nobody can be called by.
    pub refused: u64,
    /// Lines with somebody who is in the file already.
    pub twice: u64,
    /// The file of both; none when there are none.
    pub refused_file: Option<PathBuf>,
    /// False: it was stopped before the end of the file.
    pub complete: bool,
}

/// People on their way, and where they come from.
struct Batch {
    people: Vec<NewTarget>,
    /// By person: the line, and its fields.
    origins: Vec<(u64, Vec<String>)>,
    bytes: usize,
}

impl Batch {
    fn new() -> Self {
        Self {
            people: Vec::new(),
            origins: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, person: NewTarget, line: u64, fields: Vec<String>) {
        let texts = [&person.name, &person.detail, &person.data];
        self.bytes += FRAME + texts.iter().map(|text| text.len()).sum::<usize>();
        self.people.push(person);
        self.origins.push((line, fields));
    }
}

/// What the reading thread and the requests share.
struct Shared {
    progress: Arc<Progress>,
    refused: Mutex<Refused>,
    stop: CancellationToken,
}

impl Shared {
    fn refuse(&self, line: u64, why: &str, fields: &[String]) -> Result<(), Error> {
        let refused = self.refused.lock();
        refused
            .unwrap_or_else(PoisonError::into_inner)
            .add(line, why, fields)
    }
}

/// Imports a file into a list. `stop` ends it after the requests that are on
/// their way; beginning again then repeats nothing that matters.
///
/// # Errors
///
/// When the file cannot be read, the options do not fit it, or the API does not
/// take it.
pub async fn import<R: Recipient>(
    path: &Path,
    options: &Options,
    list: OutdialId,
    to: Arc<R>,
    progress: Arc<Progress>,
    stop: CancellationToken,
) -> Result<Summary, Error> {
    let size = std::fs::metadata(path).map_err(|error| unread(path, error))?;
    progress.size.store(size.len(), Relaxed);
    let plan = {
        let (path, options, read) = (path.to_owned(), options.clone(), Arc::clone(&progress.read));
        on_thread(move || open(&path, &options, read)).await?
    };
    let refused = options.refused.clone().unwrap_or_else(|| beside(path));
    let shared = Arc::new(Shared {
        refused: Mutex::new(Refused::new(refused, plan.mapping.columns.clone())?),
        progress,
        stop: stop.clone(),
    });
    let (batches, mut coming) = mpsc::channel(options.in_flight.max(1));
    let reading = {
        let (path, options, shared) = (path.to_owned(), options.clone(), Arc::clone(&shared));
        on_thread(move || read(plan, &path, &options, list, &shared, &batches))
    };
    let (read, sent) = tokio::join!(reading, async {
        let sent = send(&mut coming, options, list, &*to, &shared).await;
        // Nobody takes more: the thread ends at its next batch.
        coming.close();
        while coming.recv().await.is_some() {}
        sent
    });
    let written = shared
        .refused
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .flush();
    let (whole, sent) = (sent.and_then(|sent| read.map(|read| (read, sent))))?;
    written?;
    Ok(summary(&shared, whole && sent))
}

/// The file of refused lines beside a file.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".refused.csv");
    path.with_file_name(name)
}

fn summary(shared: &Shared, complete: bool) -> Summary {
    let progress = &shared.progress;
    let refused = shared
        .refused
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Summary {
        people: progress.people.load(Relaxed),
        created: progress.created.load(Relaxed),
        known: progress.known.load(Relaxed),
        refused: progress.refused.load(Relaxed),
        twice: progress.twice.load(Relaxed),
        refused_file: refused.path().map(Path::to_owned),
        complete,
    }
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

// ── Reading ──────────────────────────────────────────────────────────────────

/// Reads the file to its end (true), or until it is to stop.
fn read(
    mut plan: Plan,
    path: &Path,
    options: &Options,
    list: OutdialId,
    shared: &Shared,
    batches: &mpsc::Sender<Batch>,
) -> Result<bool, Error> {
    let most = options.batch.clamp(1, MOST_AT_ONCE);
    let mut seen: HashMap<OutdialTargetId, u32> = HashMap::new();
    let mut batch = Batch::new();
    while let Some(record) = plan.records.next().map_err(|error| unread(path, error))? {
        if shared.stop.is_cancelled() {
            return Ok(false);
        }
        shared.progress.people.fetch_add(1, Relaxed);
        let (line, fields) = match record {
            Record::Fields { line, fields } => (line, fields),
            Record::Broken { line, why, text } => {
                shared.progress.refused.fetch_add(1, Relaxed);
                shared.refuse(line, &why, &[text])?;
                continue;
            }
        };
        let person = match person(&fields, &plan.mapping, list, options.country) {
            Ok(person) => person,
            Err(why) => {
                shared.progress.refused.fetch_add(1, Relaxed);
                shared.refuse(line, &why, &fields)?;
                continue;
            }
        };
        let number = u32::try_from(line).unwrap_or(u32::MAX);
        if let Some(first) = seen.insert(person.id, number) {
            seen.insert(person.id, first);
            shared.progress.twice.fetch_add(1, Relaxed);
            shared.refuse(
                line,
                &format!("the same numbers as in line {first}"),
                &fields,
            )?;
            continue;
        }
        batch.add(person, line, fields);
        if batch.people.len() >= most || batch.bytes >= options.batch_bytes {
            let full = std::mem::replace(&mut batch, Batch::new());
            if batches.blocking_send(full).is_err() {
                return Ok(false);
            }
        }
    }
    Ok(batch.people.is_empty() || batches.blocking_send(batch).is_ok())
}

// ── Sending ──────────────────────────────────────────────────────────────────

/// Sends what comes, to the end (true), or until it is to stop.
async fn send<R: Recipient>(
    coming: &mut mpsc::Receiver<Batch>,
    options: &Options,
    list: OutdialId,
    to: &R,
    shared: &Shared,
) -> Result<bool, Error> {
    let mut sent = FuturesUnordered::new();
    let mut complete = true;
    loop {
        let room = sent.len() < options.in_flight.max(1);
        tokio::select! {
            biased;
            () = shared.stop.cancelled(), if complete => complete = false,
            Some(outcome) = sent.next(), if !sent.is_empty() => {
                let taken: Result<bool, Error> = outcome;
                complete &= taken?;
            }
            batch = coming.recv(), if room && complete => match batch {
                Some(batch) => sent.push(send_one(batch, options, list, to, shared)),
                None => break,
            },
            else => break,
        }
    }
    while let Some(outcome) = sent.next().await {
        complete &= outcome?;
    }
    Ok(complete)
}

/// Sends a batch until it is taken (true), or it is to stop.
async fn send_one<R: Recipient>(
    mut batch: Batch,
    options: &Options,
    list: OutdialId,
    to: &R,
    shared: &Shared,
) -> Result<bool, Error> {
    let progress = &shared.progress;
    let (mut repetition, mut since) = (0, Instant::now());
    while !batch.people.is_empty() {
        match to.add(list, &batch.people).await {
            Ok(reply) => {
                progress.created.fetch_add(reply.created, Relaxed);
                progress.known.fetch_add(reply.known.len() as u64, Relaxed);
                return Ok(true);
            }
            Err(Failure::One { at, why }) if at < batch.people.len() => {
                batch.people.remove(at);
                let (line, fields) = batch.origins.remove(at);
                progress.refused.fetch_add(1, Relaxed);
                shared.refuse(line, &why, &fields)?;
                (repetition, since) = (0, Instant::now());
            }
            Err(Failure::One { why, .. } | Failure::Refused(why)) => {
                return Err(Error::Refused(why));
            }
            Err(Failure::Again { after, why }) => {
                let waited = since.elapsed();
                let pause = pause(repetition, after);
                if waited + pause > options.patience {
                    let waited_s = waited.as_secs();
                    return Err(Error::GaveUp { waited_s, why });
                }
                repetition += 1;
                progress.repeats.fetch_add(1, Relaxed);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = shared.stop.cancelled() => return Ok(false),
                }
            }
        }
    }
    Ok(true)
}
