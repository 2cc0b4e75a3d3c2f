//! An engine that is a program.
//!
//! No shell is involved and the text is never an argument: it lies in a file, or is
//! what the program reads. The program runs in a group of processes of its own and
//! in a folder of its own, gets a few variables of the environment and no secret,
//! and is ended with its whole group when it takes too long or writes too much.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout_at};
use trunkline_media::MediaFolder;

use super::config::{Config, OUTPUT, TEXT};
use super::failure::Failure;

/// Time between two looks at the size of what a program writes.
const LOOK: Duration = Duration::from_millis(50);
/// As much of what a program says is kept.
const SAID: usize = 2_048;

/// What is to be spoken, by whom.
pub(super) struct Job<'a> {
    pub(super) text: &'a str,
    pub(super) is_ssml: bool,
    pub(super) language: &'a str,
    pub(super) voice: &'a str,
}

/// Where the program of a command is, as the system's search finds it.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        let path = std::path::absolute(program).ok()?;
        return is_program(&path).then_some(path);
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// Runs the program and returns the WAV that it gave.
pub(super) async fn speak(
    config: &Config,
    folder: &MediaFolder,
    job: &Job<'_>,
    deadline: Instant,
) -> Result<Vec<u8>, Failure> {
    let (program, arguments) = config.command.split_first().unzip();
    let program = program.map_or("", String::as_str);
    let path = find(program).ok_or_else(|| Failure::Missing(program.to_owned()))?;
    let work = work_folder(folder, config, job.text).await?;
    let files = Files::of(&work);
    let mut arguments: Vec<String> = arguments.unwrap_or_default().to_vec();
    let writes_file = arguments.iter().any(|argument| argument.contains(OUTPUT));
    let reads_file = arguments.iter().any(|argument| argument.contains(TEXT));
    if job.is_ssml {
        arguments.extend_from_slice(&config.ssml_arguments);
    }
    let mut command = Command::new(path);
    command
        .args(arguments.iter().map(|argument| files.fill(argument, job)))
        .current_dir(work.path())
        .env_clear()
        .envs(config.environment.iter().filter_map(variable))
        .stdin(if reads_file {
            Stdio::null()
        } else {
            files.open()?
        })
        .stdout(if writes_file {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().map_err(|error| Failure::Start {
        program: program.to_owned(),
        why: error.to_string(),
    })?;
    let mut running = Running::new(child);
    let done = timeout_at(deadline, running.finish(config.max_output_bytes, &files)).await;
    let (status, output, said) = match done {
        Ok(done) => done?,
        Err(_) => return Err(Failure::TimedOut(config.timeout_ms)),
    };
    if !status.success() {
        return Err(Failure::Exit {
            program: program.to_owned(),
            status: status.to_string(),
            said: first_line(&said),
        });
    }
    if writes_file {
        return read_file(files.output, config.max_output_bytes).await;
    }
    Ok(output)
}

fn variable(name: &String) -> Option<(&String, OsString)> {
    Some((name, std::env::var_os(name)?))
}

/// The folder with the text in it.
async fn work_folder(
    folder: &MediaFolder,
    config: &Config,
    text: &str,
) -> Result<TempDir, Failure> {
    let (folder, room) = (folder.clone(), config.max_output_bytes);
    let text = text.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        let work = folder.work_folder(room)?;
        let path = work.path().join("text");
        std::fs::write(&path, text).map_err(|source| trunkline_media::Error::Io {
            what: "write",
            path,
            source,
        })?;
        Ok::<_, Failure>(work)
    });
    made.await.map_err(|_| Failure::Stopping)?
}

async fn read_file(path: PathBuf, most: u64) -> Result<Vec<u8>, Failure> {
    let read = tokio::task::spawn_blocking(move || match std::fs::metadata(&path) {
        Ok(about) if about.len() > most => Err(Failure::TooLarge(most)),
        // What was not written is no sound.
        Ok(_) => Ok(std::fs::read(&path).unwrap_or_default()),
        Err(_) => Ok(Vec::new()),
    });
    read.await.map_err(|_| Failure::Stopping)?
}

/// What the placeholders of files stand for.
struct Files {
    text: PathBuf,
    output: PathBuf,
}

impl Files {
    fn of(work: &TempDir) -> Self {
        Self {
            text: work.path().join("text"),
            output: work.path().join("speech.wav"),
        }
    }

    fn fill(&self, argument: &str, job: &Job<'_>) -> String {
        argument
            .replace(TEXT, &self.text.to_string_lossy())
            .replace(OUTPUT, &self.output.to_string_lossy())
            .replace("{voice}", job.voice)
            .replace("{language}", job.language)
    }

    fn open(&self) -> Result<Stdio, Failure> {
        let opened = std::fs::File::open(&self.text);
        let opened = opened.map_err(|source| trunkline_media::Error::Io {
            what: "read",
            path: self.text.clone(),
            source,
        })?;
        Ok(opened.into())
    }
}

/// A program that runs; dropped, it is ended with everything that it started.
struct Running {
    child: Child,
    /// None once the program's end was seen: the number may be another's then.
    group: Option<Pid>,
}

impl Running {
    fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = id.and_then(Pid::from_raw);
        Self { child, group }
    }

    /// Waits for its end; what it gave and what it said. Gives up when it writes
    /// too much.
    async fn finish(
        &mut self,
        most: u64,
        files: &Files,
    ) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), Failure> {
        let (output, said) = (self.child.stdout.take(), self.child.stderr.take());
        let reading = async {
            tokio::join!(read(output, most.saturating_add(1)), async {
                let mut said = said;
                let beginning = read(said.as_mut(), SAID as u64).await;
                // It must not stop because nobody reads on.
                if let Some(rest) = &mut said {
                    let _ = tokio::io::copy(rest, &mut tokio::io::sink()).await;
                }
                beginning
            })
        };
        let (output, said) = tokio::select! {
            biased;
            read = reading => read,
            () = grows_beyond(&files.output, most) => return Err(Failure::TooLarge(most)),
        };
        if output.len() as u64 > most {
            return Err(Failure::TooLarge(most));
        }
        let status = tokio::select! {
            biased;
            status = self.child.wait() => status,
            () = grows_beyond(&files.output, most) => return Err(Failure::TooLarge(most)),
        };
        let status = status.map_err(|error| Failure::Start {
            program: "the engine".to_owned(),
            why: error.to_string(),
        })?;
        self.group = None;
        Ok((status, output, said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The program is still there, at least as a process that nobody has waited
        // for, so the number is its own. Tokio waits for it in the background.
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let _ = from.take(most).read_to_end(&mut bytes).await;
    }
    bytes
}

/// Resolves when a file has become too large.
async fn grows_beyond(path: &Path, most: u64) {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        if std::fs::metadata(path).is_ok_and(|about| about.len() > most) {
            return;
        }
    }
}

fn first_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("it said nothing").trim();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}
