//! `trunkline login`: keeps address and token, so that nobody types them again.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use serde_json::json;

use crate::api::Api;
use crate::error::Error;
use crate::output::Out;
use crate::settings::{ApiArgs, Kept, Settings};

/// Any list that every token may read.
const ASKED: &str = "/v1/campaigns?page_size=1";

/// Keeps a token.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trunkline login                       # asks for the token
  trunkline login --url http://pbx:8080 < token.txt

The token is read from --token, else from TRUNKLINE_TOKEN, else from standard
input. The API is asked whether it knows the token before anything is written.
Address and token go to trunkline/cli.toml in $XDG_CONFIG_HOME or ~/.config, which
only you can read. The token goes to that address and to no other.")]
pub struct LoginArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// Forgets the token.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

pub(crate) async fn login(args: LoginArgs, out: &Out) -> Result<std::process::ExitCode, Error> {
    // What cannot be read is replaced.
    let settings = Settings::of_process().unwrap_or_else(|_| Settings::without_file());
    let path = settings.path.clone().ok_or_else(|| {
        Error::usage("there is no folder to keep the token in")
            .then("set HOME or XDG_CONFIG_HOME, or use TRUNKLINE_TOKEN instead")
    })?;
    let url = settings.url(&args.api);
    let token = match settings.given_token(&args.api) {
        Some(token) => token,
        None => ask(out, &url)?,
    };
    Api::new(&url, &token)?.get(ASKED).await?;
    let kept = Kept { url, token };
    kept.write(&path)?;
    let sentence = format!(
        "The token for {} is kept in {}. Try: trunkline campaign list",
        kept.url,
        path.display()
    );
    out.done(&json!({"url": kept.url, "file": path}), &sentence)?;
    Ok(std::process::ExitCode::SUCCESS)
}

pub(crate) fn logout(out: &Out) -> Result<std::process::ExitCode, Error> {
    let Some(path) = Settings::without_file().path else {
        return Err(Error::usage("there is no folder in which a token is kept"));
    };
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::failed(format!("there is no `{}`", path.display())));
        }
        Err(source) => {
            return Err(Error::File {
                act: "remove",
                path,
                source,
            });
        }
    }
    let sentence = format!(
        "{} is removed; the API still knows the token (`trunkline token revoke`).",
        path.display()
    );
    out.done(&json!({"file": path}), &sentence)?;
    Ok(std::process::ExitCode::SUCCESS)
}

fn ask(out: &Out, url: &str) -> Result<String, Error> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        out.say(&format!("paste the token for {url} and press Enter:"));
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    read.map_err(|source| Error::File {
        act: "read the token from",
        path: "standard input".into(),
        source,
    })?;
    match line.trim() {
        "" => Err(Error::usage("no token was given")
            .then("the first start of `trunkline serve` shows one")),
        token => Ok(token.to_owned()),
    }
}
