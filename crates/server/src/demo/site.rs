//! The parts that the demo runs on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use trunkline_node::Role;
use trunkline_rig::{
    Api, Asterisk, AsteriskSim, Broker, Callees, Fleet, Options, Tools, Trunkline,
};

use super::report::{Live, say};
use super::{DemoArgs, Kind, Shape};

/// Where nobody carries calls: the simulated Asterisk asks for no carrier.
const NOBODY: &str = "127.0.0.1:9";

/// Asterisk, callees and Trunkline, each a process of its own on loopback.
pub(super) struct Site {
    dir: PathBuf,
    telephony: Telephony,
    trunkline: Option<Shaped>,
}

/// Trunkline, in one process or in many.
enum Shaped {
    One(Box<Trunkline>),
    Fleet(Box<Fleet>),
}

/// Who is called, and through what.
enum Telephony {
    Real {
        asterisk: Box<Asterisk>,
        callees: Option<Callees>,
    },
    /// Callees are part of it.
    Simulated(Option<AsteriskSim>),
}

impl Telephony {
    async fn start(kind: Kind, tools: &Tools, dir: &Path) -> Result<Self> {
        match kind {
            Kind::Real => {
                say("demo: starting Asterisk");
                let asterisk = Box::new(Asterisk::start(tools, &dir.join("asterisk")).await?);
                say("demo: starting the people's telephones (SIPp)");
                let callees = Some(Callees::start(tools, &dir.join("callees"))?);
                Ok(Self::Real { asterisk, callees })
            }
            Kind::Simulated => {
                say("demo: starting a simulated Asterisk");
                let program = beside("asterisk-sim")?;
                let sim = AsteriskSim::start(&program, &dir.join("asterisk"), &[]).await?;
                Ok(Self::Simulated(Some(sim)))
            }
        }
    }

    /// Where ARI answers, and its account.
    fn ari(&self) -> Result<(String, String)> {
        match self {
            Self::Real { asterisk, .. } => Ok((asterisk.url(), asterisk.account()?)),
            Self::Simulated(sim) => {
                let sim = sim.as_ref().context("asterisk-sim does not run")?;
                Ok((sim.url(), sim.account().to_owned()))
            }
        }
    }

    fn carrier(&self) -> Result<String> {
        match self {
            Self::Real { callees, .. } => {
                let callees = callees.as_ref().context("the callees do not run")?;
                Ok(callees.address())
            }
            Self::Simulated(_) => Ok(NOBODY.to_owned()),
        }
    }

    async fn stop(&mut self) -> Result<()> {
        match self {
            Self::Real { asterisk, callees } => {
                if let Some(callees) = callees.take() {
                    callees.stop().await?;
                }
                asterisk.down().await
            }
            Self::Simulated(sim) => match sim.take() {
                Some(mut sim) => sim.crash().await,
                None => Ok(()),
            },
        }
    }
}

impl Shaped {
    async fn start(shape: Shape, tools: &Tools, options: Options) -> Result<Self> {
        match shape {
            Shape::Embedded => {
                say("demo: starting Trunkline, with no configuration but that of its voice");
                Ok(Self::One(Box::new(Trunkline::start(options).await?)))
            }
            Shape::Rabbitmq => Ok(Self::Fleet(Box::new(fleet(tools, &options).await?))),
        }
    }

    /// Ends it; after a failure, says which logs have something to say.
    async fn stop(self, failed: bool) -> Result<()> {
        match self {
            Self::One(trunkline) => trunkline.stop().await.map(drop),
            Self::Fleet(fleet) => {
                let complaints = fleet.complaints();
                let stopped = fleet.stop().await;
                if failed {
                    for (count, log) in complaints {
                        let log = log.display();
                        say(&format!("demo: {count} warnings and errors in {log}"));
                    }
                }
                stopped
            }
        }
    }
}

/// A broker, and each role in a process of its own.
async fn fleet(tools: &Tools, options: &Options) -> Result<Fleet> {
    say("demo: starting a broker (RabbitMQ)");
    let broker = Broker::start(tools, &options.dir.join("broker")).await?;
    let roles = Role::ALL.map(Role::name);
    let count = roles.len();
    say(&format!(
        "demo: starting {count} processes, one for each role"
    ));
    let mut live = Live::new();
    let mut show = |ready| live.show(format!("demo: {ready} of {count} roles are ready"));
    let fleet = Fleet::start(broker, options, &roles, &mut show).await;
    live.end();
    fleet
}

impl Site {
    /// Brings all parts up.
    pub(super) async fn start(args: &DemoArgs) -> Result<Self> {
        let tools = Tools::find(&args.checkout)?;
        if args.asterisk == Kind::Real {
            tools.fetch().await?;
        }
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
        let telephony = Telephony::start(args.asterisk, &tools, &dir).await?;
        let (asterisk, account) = telephony.ari()?;
        let options = Options {
            program: std::env::current_exe()?,
            dir: dir.join("trunkline"),
            asterisk,
            account,
            environment: vec![(
                "TRUNKLINE_TTS__COMMAND".to_owned(),
                voice(args.asterisk, &tools)?,
            )],
            roles: Vec::new(),
            file_blocks: None,
        };
        let trunkline = Shaped::start(args.shape, &tools, options).await?;
        Ok(Self {
            dir,
            telephony,
            trunkline: Some(trunkline),
        })
    }

    fn trunkline(&self) -> Result<&Shaped> {
        self.trunkline.as_ref().context("Trunkline does not run")
    }

    /// The API of its Trunkline.
    pub(super) fn api(&self) -> Result<Api> {
        match self.trunkline()? {
            Shaped::One(trunkline) => Ok(trunkline.api()),
            Shaped::Fleet(fleet) => fleet.api(),
        }
    }

    /// Where its callees take calls.
    pub(super) fn carrier(&self) -> Result<String> {
        self.telephony.carrier()
    }

    /// Where the files of its parts are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the broker answers, with its account; none in one process.
    pub(super) fn broker(&self) -> Option<String> {
        match &self.trunkline {
            Some(Shaped::Fleet(fleet)) => Some(fleet.broker_address()),
            Some(Shaped::One(_)) | None => None,
        }
    }

    /// Where ARI answers, with its account.
    pub(super) fn ari(&self) -> Result<(String, String)> {
        self.telephony.ari()
    }

    /// Fails when a part has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        match &mut self.trunkline {
            Some(Shaped::One(trunkline)) => trunkline.process().check(),
            Some(Shaped::Fleet(fleet)) => fleet.check(),
            None => Ok(()),
        }
    }

    /// Ends all parts; their files stay when something went wrong.
    pub(super) async fn stop(&mut self, failed: bool) -> Result<()> {
        if let Some(trunkline) = self.trunkline.take() {
            trunkline.stop(failed).await?;
        }
        self.telephony.stop().await?;
        if failed {
            say(&format!("demo: the logs are in {}", self.dir.display()));
        } else {
            remove(&self.dir);
        }
        Ok(())
    }
}

/// A program beside this one.
fn beside(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    let there = program.is_file();
    ensure!(
        there,
        "{name} must be beside this program: cargo build -p trunkline-asterisk-sim"
    );
    Ok(program)
}

/// The speech engine, as the option `tts.command` has it.
fn voice(kind: Kind, tools: &Tools) -> Result<String> {
    let (program, arguments): (_, &[&str]) = match kind {
        Kind::Real => (
            tools.path("espeak-ng.sh"),
            &[
                "-v", "{voice}", "-s", "170", "-f", "{text}", "-w", "{output}",
            ],
        ),
        Kind::Simulated => (beside("speech-sim")?, &["{text}", "{output}"]),
    };
    let program = program.to_string_lossy().into_owned();
    let words: Vec<&str> = [program.as_str()]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    Ok(serde_json::to_string(&words)?)
}

fn remove(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        say(&format!(
            "demo: {} could not be removed: {error}",
            dir.display()
        ));
    }
}
