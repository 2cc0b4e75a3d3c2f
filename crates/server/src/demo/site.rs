//! The parts that the demo runs on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use trunkline_rig::{Api, Asterisk, Callees, Options, Tools, Trunkline};

use super::DemoArgs;
use super::report::say;

/// Asterisk, callees and Trunkline, each a process of its own on loopback.
pub(super) struct Site {
    tools: Tools,
    dir: PathBuf,
    asterisk: Asterisk,
    callees: Option<Callees>,
    trunkline: Option<Trunkline>,
}

impl Site {
    /// Brings all parts up.
    pub(super) async fn start(args: &DemoArgs) -> Result<Self> {
        let tools = Tools::find(&args.checkout)?;
        tools.fetch().await?;
        let dir = match &args.dir {
            Some(dir) => dir.clone(),
            None => tools
                .checkout()
                .join("target")
                .join(format!("demo-{}", std::process::id())),
        };
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("failed to make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        say("demo: starting Asterisk");
        let asterisk = Asterisk::start(&tools, &dir.join("asterisk")).await?;
        say("demo: starting the people's telephones (SIPp)");
        let callees = Callees::start(&tools, &dir.join("callees"))?;
        say("demo: starting Trunkline with an empty configuration");
        let options = Options {
            program: std::env::current_exe()?,
            dir: dir.join("trunkline"),
            asterisk: asterisk.url(),
            account: asterisk.account()?,
            environment: Vec::new(),
            file_blocks: None,
        };
        let trunkline = Trunkline::start(options).await?;
        Ok(Self {
            tools,
            dir,
            asterisk,
            callees: Some(callees),
            trunkline: Some(trunkline),
        })
    }

    /// The API of its Trunkline.
    pub(super) fn api(&self) -> Result<Api> {
        Ok(self
            .trunkline
            .as_ref()
            .context("Trunkline does not run")?
            .api())
    }

    /// Where its callees take calls.
    pub(super) fn callees(&self) -> Result<String> {
        Ok(self
            .callees
            .as_ref()
            .context("the callees do not run")?
            .address())
    }

    /// Speaks the message into a file that Asterisk can play.
    pub(super) async fn speak(&self, text: &str) -> Result<PathBuf> {
        let file = self.dir.join("message.wav");
        self.tools.say(&file, text).await?;
        Ok(file)
    }

    /// Ends all parts; their files stay when something went wrong.
    pub(super) async fn stop(&mut self, failed: bool) -> Result<()> {
        if let Some(trunkline) = self.trunkline.take() {
            trunkline.stop().await?;
        }
        if let Some(callees) = self.callees.take() {
            callees.stop().await?;
        }
        self.asterisk.down().await?;
        if failed {
            say(&format!("demo: the logs are in {}", self.dir.display()));
        } else {
            remove(&self.dir);
        }
        Ok(())
    }
}

fn remove(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        say(&format!(
            "demo: {} could not be removed: {error}",
            dir.display()
        ));
    }
}
