//! A Trunkline whose roles are processes of their own: each with its own data folder,
//! all over one broker. On disk they share the sounds and recordings with the key of
//! their links, and nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::api::Api;
use crate::broker::Broker;
use crate::proxy::Proxy;
use crate::trunkline::{Options, Stopped, Trunkline};

/// Pause between two looks at whether a role is ready.
const LOOK: Duration = Duration::from_millis(100);
/// The role that has the API.
const GATEWAY: &str = "gateway";
/// Who begins new work, and so ends before the others.
const FIRST_TO_STOP: [&str; 2] = [GATEWAY, "campaign-manager"];

/// The roles, and the broker between them. Dropping it kills all of them.
pub struct Fleet {
    broker: Broker,
    dir: PathBuf,
    members: Vec<Member>,
}

/// One role.
struct Member {
    role: String,
    process: Option<Trunkline>,
    /// How it is started again, while it does not run.
    stopped: Option<Stopped>,
    /// What stands between it and the broker, if anything does.
    line: Option<Proxy>,
}

impl Fleet {
    /// Starts a process for each of `roles`, all at once, and waits until every one is
    /// ready; `progress` is told how many are. `options` says what they have in common,
    /// and its folder gets a folder for each.
    ///
    /// # Errors
    ///
    /// When a role does not come up, with the last that it said.
    pub async fn start(
        broker: Broker,
        options: &Options,
        roles: &[&str],
        progress: impl FnMut(usize),
    ) -> Result<Self> {
        let lines = roles.iter().map(|_| None).collect();
        Self::start_with(broker, options, roles, lines, progress).await
    }

    /// The same with a [`Proxy`] between each role and the broker ([`Fleet::line`]).
    ///
    /// # Errors
    ///
    /// As [`Fleet::start`].
    pub async fn start_on_lines(
        broker: Broker,
        options: &Options,
        roles: &[&str],
        progress: impl FnMut(usize),
    ) -> Result<Self> {
        let mut lines = Vec::new();
        for _ in roles {
            lines.push(Some(Proxy::start(broker.socket_address()).await?));
        }
        Self::start_with(broker, options, roles, lines, progress).await
    }

    async fn start_with(
        broker: Broker,
        options: &Options,
        roles: &[&str],
        lines: Vec<Option<Proxy>>,
        mut progress: impl FnMut(usize),
    ) -> Result<Self> {
        ensure!(roles.contains(&GATEWAY), "a fleet needs a {GATEWAY}");
        let dir = options.dir.clone();
        let shared = dir.join("shared");
        std::fs::create_dir_all(&shared)?;
        let mut members = Vec::new();
        for (role, line) in roles.iter().zip(lines) {
            let way = line
                .as_ref()
                .map_or(broker.socket_address(), Proxy::address);
            let own = of_role(options, role, &shared, broker.address_at(way));
            members.push(Member {
                role: (*role).to_owned(),
                process: None,
                stopped: Some(Stopped::never_started(own)?),
                line,
            });
        }
        let mut fleet = Self {
            broker,
            dir,
            members,
        };
        fleet.name_the_gateway()?;
        for role in roles {
            fleet.launch(role)?;
        }
        for (at, role) in roles.iter().enumerate() {
            fleet.ready(role).await?;
            progress(at + 1);
        }
        Ok(fleet)
    }

    /// Whoever makes links to sounds must know where Asterisk fetches them.
    fn name_the_gateway(&mut self) -> Result<()> {
        let gateway = self.member(GATEWAY)?.stopped.as_ref();
        let url = gateway.context("the gateway runs already")?.api_url();
        for stopped in self.members.iter_mut().filter_map(|it| it.stopped.as_mut()) {
            stopped.set_environment("TRUNKLINE_MEDIA__PUBLIC_URL", &url);
        }
        Ok(())
    }

    /// Its API.
    ///
    /// # Errors
    ///
    /// When the gateway does not run.
    pub fn api(&self) -> Result<Api> {
        Ok(self.role(GATEWAY)?.api())
    }

    /// The broker, to break it.
    pub fn broker(&mut self) -> &mut Broker {
        &mut self.broker
    }

    /// What stands between a role and the broker, to break it.
    ///
    /// # Errors
    ///
    /// When nothing does.
    pub fn line(&self, role: &str) -> Result<&Proxy> {
        let line = self.member(role)?.line.as_ref();
        line.with_context(|| format!("{role} has no line of its own"))
    }

    /// The broker's address with its account.
    #[must_use]
    pub fn broker_address(&self) -> String {
        self.broker.address()
    }

    /// The folder with a folder for each role.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The database of a role.
    #[must_use]
    pub fn database(&self, role: &str) -> PathBuf {
        self.dir.join(role).join("data/trunkline.db")
    }

    /// The process of a role.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn role(&self, role: &str) -> Result<&Trunkline> {
        let process = self.member(role)?.process.as_ref();
        process.with_context(|| format!("{role} does not run"))
    }

    /// Fails with its last words when a role that should run has ended by itself.
    ///
    /// # Errors
    ///
    /// Names the role.
    pub fn check(&mut self) -> Result<()> {
        for member in &mut self.members {
            if let Some(process) = &mut member.process {
                process.process().check()?;
            }
        }
        Ok(())
    }

    /// Kills a role with SIGKILL; [`Fleet::launch`] starts it again.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub async fn kill(&mut self, role: &str) -> Result<()> {
        let member = self.member_mut(role)?;
        let process = member.process.take();
        let process = process.with_context(|| format!("{role} does not run"))?;
        member.stopped = Some(process.kill().await?);
        Ok(())
    }

    /// Starts the process of a role, on its data if it has any, and does not wait.
    ///
    /// # Errors
    ///
    /// When it runs already, or the program is missing.
    pub fn launch(&mut self, role: &str) -> Result<()> {
        let member = self.member_mut(role)?;
        let stopped = member.stopped.take();
        let stopped = stopped.with_context(|| format!("{role} runs already"))?;
        member.process = Some(Trunkline::launch(stopped)?);
        Ok(())
    }

    /// Waits until a role is ready.
    ///
    /// # Errors
    ///
    /// When it has ended, or is not ready in time.
    pub async fn ready(&mut self, role: &str) -> Result<()> {
        let process = self.member_mut(role)?.process.as_mut();
        let process = process.with_context(|| format!("{role} does not run"))?;
        process.ready(LOOK).await
    }

    /// The warnings and errors in each role's log, with the log; only of roles that
    /// have some, those with the most first.
    #[must_use]
    pub fn complaints(&self) -> Vec<(usize, PathBuf)> {
        let mut all: Vec<_> = self
            .members
            .iter()
            .map(|member| {
                let log = self.dir.join(&member.role).join("trunkline.log");
                let text = std::fs::read(&log).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                let bad = |line: &&str| line.contains(" WARN ") || line.contains("ERROR ");
                (text.lines().filter(bad).count(), log)
            })
            .filter(|(count, _)| *count > 0)
            .collect();
        all.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        all
    }

    /// Memory of all roles that is resident, KiB. Linux only.
    ///
    /// # Errors
    ///
    /// When a role has ended.
    pub fn resident_kib(&mut self) -> Result<u64> {
        let processes = self.members.iter_mut().filter_map(|it| it.process.as_mut());
        processes.map(|it| it.process().resident_kib()).sum()
    }

    /// Ends everything cleanly: whoever begins work, then the rest from the last that
    /// was started to the first, then the broker.
    ///
    /// # Errors
    ///
    /// Names the roles that did not end cleanly.
    pub async fn stop(mut self) -> Result<()> {
        let mut order = FIRST_TO_STOP.map(str::to_owned).to_vec();
        let rest = self.members.iter().rev().map(|member| member.role.clone());
        order.extend(rest.filter(|role| !FIRST_TO_STOP.contains(&role.as_str())));
        let mut unclean = Vec::new();
        for role in order {
            let Ok(member) = self.member_mut(&role) else {
                continue;
            };
            let Some(process) = member.process.take() else {
                continue;
            };
            let (status, _) = process.stop().await?;
            if !status.success() {
                unclean.push(format!("{role} ended with {status}"));
            }
        }
        self.broker.down().await?;
        if !unclean.is_empty() {
            bail!("{}", unclean.join(", "));
        }
        Ok(())
    }

    fn member(&self, role: &str) -> Result<&Member> {
        let found = self.members.iter().find(|member| member.role == role);
        found.with_context(|| format!("the fleet has no {role}"))
    }

    fn member_mut(&mut self, role: &str) -> Result<&mut Member> {
        let found = self.members.iter_mut().find(|member| member.role == role);
        found.with_context(|| format!("the fleet has no {role}"))
    }
}

/// What one role is started with.
fn of_role(common: &Options, role: &str, shared: &Path, broker: String) -> Options {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let mut own = Options {
        dir: common.dir.join(role),
        roles: vec![role.to_owned()],
        ..common.clone()
    };
    own.environment.extend([
        ("TRUNKLINE_BUS__URL".to_owned(), broker),
        (
            "TRUNKLINE_MEDIA__FOLDER".to_owned(),
            text(shared.join("media")),
        ),
        (
            "TRUNKLINE_MEDIA__KEY_FILE".to_owned(),
            text(shared.join("media.key")),
        ),
    ]);
    own
}
