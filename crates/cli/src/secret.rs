//! A secret that is typed: not on the line, which every user of the machine sees.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::error::Error;

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// The password; better with --password-file or --password-stdin, which other users of this
    /// machine do not see
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,

    /// The first line of this file is the password
    #[arg(long, value_name = "FILE", conflicts_with = "password")]
    password_file: Option<PathBuf>,

    /// The first line of standard input is the password
    #[arg(long, conflicts_with_all = ["password", "password_file"])]
    password_stdin: bool,
}

impl Password {
    /// The password, if one was given.
    pub(crate) fn read(self, cx: &Context) -> Result<Option<String>, Error> {
        if self.password_stdin {
            if std::io::stdin().is_terminal() {
                cx.out.say("type the password and press Enter:");
            }
            return line(std::io::stdin().lock(), "standard input".into()).map(Some);
        }
        match self.password_file {
            None => Ok(self.password),
            Some(path) => match std::fs::File::open(&path) {
                Ok(file) => line(std::io::BufReader::new(file), path).map(Some),
                Err(source) => Err(Error::File {
                    act: "read",
                    path,
                    source,
                }),
            },
        }
    }
}

fn line(mut from: impl std::io::BufRead, path: PathBuf) -> Result<String, Error> {
    let mut line = String::new();
    if let Err(source) = from.read_line(&mut line) {
        return Err(Error::File {
            act: "read",
            path,
            source,
        });
    }
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::usage(format!(
            "`{}` has no password",
            path.display()
        ))),
        password => Ok(password.to_owned()),
    }
}
