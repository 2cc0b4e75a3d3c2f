//! The data folder, its lock, the database in it, and the room that is left.

use std::path::{Path, PathBuf};

use trunkline_node::Config;
use trunkline_node::inspect::{self, DataDirState, OpenError};

use super::finding::Findings;
use super::told::Told;

/// Less than this, and the next busy day may not fit: bytes.
const LITTLE: u64 = 1 << 30;

/// Less than this, and writes may fail at any moment: bytes.
const NOTHING: u64 = 100 << 20;

/// Looks at all of it.
pub(super) fn look(findings: &mut Findings, config: &Config, told: &mut Told) {
    if folder(findings, &config.data_dir, told.ours()) {
        let since = findings.len();
        database(findings, config);
        told.settle(findings, since, "store");
    }
    let since = findings.len();
    room(findings, &config.data_dir);
    // The program tells of the disk that sounds are on.
    if same_disk(&config.data_dir, &config.media_folder()) {
        told.settle(findings, since, "disk");
    }
}

/// Whether there may be a database.
fn folder(findings: &mut Findings, path: &Path, ours: bool) -> bool {
    const ABOUT: &str = "data folder";
    let shown = path.display();
    let next = "make it writable for this user, or name another one (option `data_dir`)";
    match inspect::data_dir(path) {
        DataDirState::Missing => match missing(path) {
            Ok(()) => {
                let found = format!("`{shown}` is not there; the first start makes it");
                findings.ok(ABOUT, found);
                false
            }
            Err(why) => {
                findings.fail(ABOUT, format!("`{shown}` cannot be made: {why}"), next);
                false
            }
        },
        DataDirState::Free => {
            findings.ok(ABOUT, format!("`{shown}` is writable and not in use"));
            private(findings, path);
            true
        }
        DataDirState::InUse { holder } if ours => {
            let found = format!("`{shown}` is used by the Trunkline that runs ({holder})");
            findings.ok(ABOUT, found);
            private(findings, path);
            true
        }
        DataDirState::InUse { holder } => {
            findings.warn(
                ABOUT,
                format!("`{shown}` is used by a Trunkline ({holder}) that does not answer at the address of this configuration"),
                "give doctor the options that `trunkline serve` got, or look at the log of that process",
            );
            true
        }
        DataDirState::Unusable(error) => {
            findings.fail(ABOUT, format!("`{shown}` cannot be used: {error}"), next);
            false
        }
    }
}

/// Whether a folder that is not there could be made: by the nearest one that is.
fn missing(path: &Path) -> Result<(), String> {
    let whole = std::path::absolute(path).map_err(|error| error.to_string())?;
    let Some(parent) = whole.ancestors().skip(1).find(|parent| parent.exists()) else {
        return Err("none of its parents is there".to_owned());
    };
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if !parent.is_dir() {
        return Err(format!("`{}` is no folder", parent.display()));
    }
    rustix::fs::access(parent, access).map_err(|error| format!("`{}`: {error}", parent.display()))
}

/// Others must not read what customers say.
#[cfg(unix)]
fn private(findings: &mut Findings, path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let open = std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0);
    if open {
        let shown = path.display();
        findings.warn(
            "data folder",
            format!("other users of this machine can look into `{shown}`"),
            format!("chmod 700 {shown}"),
        );
    }
}

#[cfg(not(unix))]
fn private(_: &mut Findings, _: &Path) {}

fn database(findings: &mut Findings, config: &Config) {
    const ABOUT: &str = "database";
    let path = config.database();
    let shown = path.display();
    match inspect::database(config) {
        Ok(None) => findings.ok(
            ABOUT,
            format!("`{shown}` is not there; the first start makes it"),
        ),
        Ok(Some(schema)) if schema.missing == 0 => {
            findings.ok(ABOUT, format!("`{shown}` opens and is up to date"));
        }
        Ok(Some(schema)) => {
            let (missing, known) = (schema.missing, schema.known);
            let found = format!(
                "`{shown}` is of an older Trunkline; the next start brings it to step {known} ({missing} to go)"
            );
            findings.warn(
                ABOUT,
                found,
                "copy the file before that start, so that there is a way back",
            );
        }
        Err(error @ OpenError::Newer { .. }) => findings.fail(
            ABOUT,
            format!("`{shown}`: {error}"),
            "run the newer Trunkline that wrote it, or name another data folder",
        ),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            findings.fail(
                ABOUT,
                format!("{error}: {}", cause.unwrap_or_default()),
                "bring the last backup back (docs/operations.md), or name another file (option `store.path`)",
            );
        }
    }
}

/// The room on the disk of the data folder.
fn room(findings: &mut Findings, path: &Path) {
    const ABOUT: &str = "disk";
    let Some(stat) = nearest(path).and_then(|there| rustix::fs::statvfs(&there).ok()) else {
        findings.warn(ABOUT, "the system does not tell how much room is left", "");
        return;
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let found = format!("{} free for the data folder", size(free));
    let next = "make room, or move the data folder (option `data_dir`)";
    match free {
        free if free < NOTHING => findings.fail(ABOUT, found, next),
        free if free < LITTLE => findings.warn(ABOUT, found, next),
        _ => findings.ok(ABOUT, found),
    }
}

/// The nearest folder of a path that is there.
fn nearest(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut folders = whole.ancestors();
    folders.find(|parent| parent.exists()).map(Path::to_owned)
}

fn same_disk(one: &Path, other: &Path) -> bool {
    let disk = |path| Some(rustix::fs::stat(&nearest(path)?).ok()?.st_dev);
    disk(one) == disk(other)
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1 << 30 => format!("{} GiB", bytes >> 30),
        bytes => format!("{} MiB", bytes >> 20),
    }
}
