//! What a command works with.

use crate::api::Api;
use crate::error::Error;
use crate::output::Out;
use crate::settings::{ApiArgs, Settings};

/// The API, and where what is found goes.
#[derive(Debug, Clone)]
pub struct Context {
    pub api: Api,
    pub out: Out,
}

impl Context {
    /// The API that the line, the variables and the file of `login` name.
    ///
    /// # Errors
    ///
    /// When there is no token, or the address is none.
    pub fn new(args: &ApiArgs, out: Out) -> Result<Self, Error> {
        let settings = Settings::of_process()?;
        if let Some(warning) = settings.warning() {
            out.say(&warning);
        }
        let (url, token) = settings.choose(args)?;
        Ok(Self {
            api: Api::new(&url, &token)?,
            out,
        })
    }
}
