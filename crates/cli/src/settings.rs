//! Which API, and who asks: flags, then variables, then the file of `login`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::error::Error;

/// Where the API of a program with default options is.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Variable that holds the address.
const URL: &str = "TRUNKLINE_URL";

/// Variable that holds the token.
const TOKEN: &str = "TRUNKLINE_TOKEN";

/// Which API, who asks, and in which form he wants the answer.
#[derive(Debug, Clone, Default, Args)]
pub struct ApiArgs {
    /// Address of the HTTP API [variable: TRUNKLINE_URL] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", global = true, help_heading = "API")]
    pub url: Option<String>,

    /// Token of the HTTP API; better kept by `trunkline login` or in the variable, which
    /// other users of this machine do not see [variable: TRUNKLINE_TOKEN]
    #[arg(long, value_name = "TOKEN", global = true, help_heading = "API")]
    pub token: Option<String>,

    /// Prints JSON
    #[arg(long, global = true, help_heading = "API")]
    pub json: bool,
}

/// What variables and file say.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    url: Option<String>,
    token: Option<String>,
    /// The file of `login`, wherever it is or would be.
    pub(crate) path: Option<PathBuf>,
    kept: Option<Kept>,
    /// Whether others than its owner can read the file.
    open: bool,
}

/// What the file of `login` holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Settings {
    /// The process's variables, and the file that they lead to.
    ///
    /// # Errors
    ///
    /// When there is a file and it cannot be read.
    pub fn of_process() -> Result<Self, Error> {
        Self::without_file().with_file()
    }

    /// The process's variables, and where the file would be.
    pub(crate) fn without_file() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| variable(name).filter(|text: &String| !text.is_empty());
        let folder = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
        Self {
            url: variable(URL),
            token: variable(TOKEN),
            path: folder.map(|folder| folder.join("trunkline").join("cli.toml")),
            kept: None,
            open: false,
        }
    }

    /// With what the file says, if there is one.
    fn with_file(self) -> Result<Self, Error> {
        let Some(path) = &self.path else {
            return Ok(self);
        };
        Ok(Self {
            kept: Kept::read(path)?,
            open: is_open(path),
            ..self
        })
    }

    /// What the owner of the file should know.
    pub(crate) fn warning(&self) -> Option<String> {
        let path = self.path.as_ref().filter(|_| self.open)?;
        Some(format!(
            "others can read the token in `{0}`; run: chmod 600 {0}",
            path.display()
        ))
    }

    /// The address that somebody has named.
    #[must_use]
    pub fn named_url(&self, args: &ApiArgs) -> Option<String> {
        let given = given(args.url.as_ref()).or_else(|| self.url.clone());
        given.or_else(|| Some(self.kept.as_ref()?.url.clone()))
    }

    /// The address that is meant.
    #[must_use]
    pub fn url(&self, args: &ApiArgs) -> String {
        self.named_url(args)
            .unwrap_or_else(|| DEFAULT_URL.to_owned())
    }

    /// The token of the flag or of the variable.
    pub(crate) fn given_token(&self, args: &ApiArgs) -> Option<String> {
        given(args.token.as_ref()).or_else(|| self.token.clone())
    }

    /// Address and token.
    ///
    /// # Errors
    ///
    /// When there is no token for that address.
    pub fn choose(&self, args: &ApiArgs) -> Result<(String, String), Error> {
        let url = self.url(args);
        if let Some(token) = self.given_token(args) {
            return Ok((url, token));
        }
        match &self.kept {
            // A token is nothing for strangers: it goes only where it belongs.
            Some(kept) if same(&kept.url, &url) => Ok((url, kept.token.clone())),
            Some(kept) => Err(Error::usage(format!(
                "the token that `trunkline login` keeps is for {}, not for {url}",
                kept.url
            ))
            .then(format!("run `trunkline login --url {url}`, or set {TOKEN}"))),
            None => Err(Error::usage("a token of the API is wanted").then(format!(
                "the first start of `trunkline serve` shows one; keep it with `trunkline login`, \
                 or set {TOKEN}"
            ))),
        }
    }
}

fn given(flag: Option<&String>) -> Option<String> {
    flag.filter(|text| !text.is_empty()).cloned()
}

fn same(left: &str, right: &str) -> bool {
    left.trim_end_matches('/') == right.trim_end_matches('/')
}

impl Kept {
    fn read(path: &Path) -> Result<Option<Self>, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(source) => {
                return Err(Error::File {
                    act: "read",
                    path: path.to_owned(),
                    source,
                });
            }
        };
        match toml::from_str(&text) {
            Ok(kept) => Ok(Some(kept)),
            Err(error) => Err(Error::failed(format!(
                "`{}` cannot be read: {}",
                path.display(),
                error.message()
            ))
            .then("write it anew with `trunkline login`, after `trunkline logout`")),
        }
    }

    /// Writes the file whole or not at all, for its owner's eyes only.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::File {
            act: "write",
            path: path.to_owned(),
            source,
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        // The escapes of JSON are TOML's too.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let text = format!(
            "# Written by `trunkline login`.\nurl = {}\ntoken = {}\n",
            quoted(&self.url),
            quoted(&self.token)
        );
        let new = path.with_extension("toml.new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // A file that was left there might have other rights.
        let _ = std::fs::remove_file(&new);
        let mut file = options.open(&new).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&new, path).map_err(failed)
    }
}

#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(home: &Path, variables: &[(&str, &str)]) -> Settings {
        let home = home.to_str().unwrap().to_owned();
        Settings::of(|name| match name {
            "XDG_CONFIG_HOME" => Some(home.clone()),
            name => variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned()),
        })
        .with_file()
        .unwrap()
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let home = tempfile::tempdir().unwrap();
        let kept = Kept {
            url: "http://file:1".to_owned(),
            token: "tl_\"file\"".to_owned(),
        };
        kept.write(&home.path().join("trunkline/cli.toml")).unwrap();
        let flags = ApiArgs {
            url: Some("http://flag:1".to_owned()),
            token: Some("tl_flag".to_owned()),
            json: false,
        };
        let variables = [(URL, "http://variable:1"), (TOKEN, "tl_variable")];
        let texts = |url: &str, token: &str| (url.to_owned(), token.to_owned());

        let both = settings(home.path(), &variables);
        assert_eq!(
            both.choose(&flags).unwrap(),
            texts("http://flag:1", "tl_flag")
        );
        assert_eq!(
            both.choose(&ApiArgs::default()).unwrap(),
            texts("http://variable:1", "tl_variable")
        );
        let file = settings(home.path(), &[]);
        assert_eq!(
            file.choose(&ApiArgs::default()).unwrap(),
            texts("http://file:1", "tl_\"file\"")
        );
        assert!(file.warning().is_none());
    }

    #[test]
    fn the_token_of_the_file_goes_to_its_own_address_only() {
        let home = tempfile::tempdir().unwrap();
        let kept = Kept {
            url: "http://here:1/".to_owned(),
            token: "tl_here".to_owned(),
        };
        kept.write(&home.path().join("trunkline/cli.toml")).unwrap();
        for (url, good) in [("http://here:1", true), ("http://there:1", false)] {
            let chosen = settings(home.path(), &[(URL, url)]).choose(&ApiArgs::default());
            assert_eq!(chosen.is_ok(), good, "{url}");
        }
    }

    #[test]
    fn without_a_token_one_is_told_where_it_comes_from() {
        let home = tempfile::tempdir().unwrap();
        let error = settings(home.path(), &[])
            .choose(&ApiArgs::default())
            .unwrap_err();
        assert_eq!(error.exit_status(), 2);
        assert!(error.next_step().contains(TOKEN), "{}", error.next_step());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_warned_about() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("trunkline/cli.toml");
        let kept = Kept {
            url: DEFAULT_URL.to_owned(),
            token: "tl_x".to_owned(),
        };
        kept.write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let warning = settings(home.path(), &[]).warning().unwrap();
        assert!(warning.contains("chmod 600"), "{warning}");
    }
}
