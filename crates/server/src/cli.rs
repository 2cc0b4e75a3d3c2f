//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use trunkline_node::Flags;

use crate::completions::CompletionsArgs;
use crate::demo::DemoArgs;
use crate::doctor::DoctorArgs;
use crate::role::{self, AsteriskProxy, CallManager, CampaignManager, RoleArgs};

const AFTER_HELP: &str = "\
Options come from the built-in defaults, then the file, then variables such as
TRUNKLINE_GATEWAY__LISTEN, then flags; later ones win. `trunkline config --default`
prints every option with its meaning and default.

The account at Asterisk (user:password of its ari.conf) is read from the variable
TRUNKLINE_ARI_ACCOUNT, or from the file that the option `account_file` names.";

/// The version, and the commit if the build knew it.
const VERSION: &str = env!("TRUNKLINE_VERSION");

/// Call control and outbound campaigns for Asterisk.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version = VERSION, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs Trunkline until it is told to stop.
    ///
    /// Without any option everything runs in this process: the HTTP API on
    /// 127.0.0.1:8080, metrics and health on 127.0.0.1:2112, the data in
    /// ./trunkline-data, and the Asterisk at http://127.0.0.1:8088. The first start
    /// shows the token of the API, once.
    ///
    /// SIGTERM, SIGINT (Ctrl-C) and SIGHUP stop it cleanly; a second one ends it at
    /// once, which loses nothing that was answered.
    #[command(after_long_help = AFTER_HELP)]
    Serve(ConfigArgs),
    /// Runs call-manager alone, with the options of VoIPbin's.
    ///
    /// Takes the flags and variables of the Go service, on its queues; the rows are in
    /// SQLite under --data-dir. VoIPbin's other services, or other roles of Trunkline,
    /// stand beside it.
    #[command(after_long_help = role::AFTER_HELP)]
    CallManager(RoleArgs<CallManager>),
    /// Runs campaign-manager alone, with the options of VoIPbin's.
    ///
    /// Takes the flags and variables of the Go service, on its queues; the rows are in
    /// SQLite under --data-dir. VoIPbin's other services, or other roles of Trunkline,
    /// stand beside it.
    #[command(after_long_help = role::AFTER_HELP)]
    CampaignManager(RoleArgs<CampaignManager>),
    /// Runs the proxy of one Asterisk alone, with the options of VoIPbin's.
    ///
    /// Takes the flags and variables of the Go service: Asterisk's events to the
    /// exchange, requests from its queues to ARI and AMI.
    #[command(after_long_help = role::AFTER_HELP)]
    AsteriskProxy(RoleArgs<AsteriskProxy>),
    /// Prints or checks the configuration.
    ///
    /// Prints what would be in effect, secrets as ***, in the form of a
    /// configuration file.
    #[command(after_long_help = AFTER_HELP)]
    Config(ShowArgs),
    /// Runs a whole campaign on this machine, with a real Asterisk.
    Demo(DemoArgs),
    /// Looks for what is wrong, and says what to do.
    ///
    /// Looks at the configuration, the data folder and its database, ports, disk and
    /// clock, at the broker if there is one, at each Asterisk with its modules, and at
    /// the program that runs, if one does. Changes nothing.
    Doctor(DoctorArgs),
    /// Prints completions for a shell.
    Completions(CompletionsArgs),
    #[command(flatten)]
    Api(trunkline_cli::Command),
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file [variable: TRUNKLINE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder of everything that Trunkline keeps
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Where the HTTP API listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,

    /// Where metrics and health are; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<String>,

    /// HTTP server of an Asterisk, such as http://127.0.0.1:8088; once per Asterisk
    #[arg(long, value_name = "URL")]
    asterisk: Vec<String>,

    /// Roles that this process runs, comma between them; all by default
    #[arg(long, value_name = "ROLE,ROLE", value_delimiter = ',')]
    roles: Vec<String>,
}

impl ConfigArgs {
    pub(crate) fn flags(self) -> Flags {
        Flags {
            config: self.config,
            data_dir: self.data_dir,
            listen: self.listen,
            metrics_listen: self.metrics_listen,
            asterisk: self.asterisk,
            roles: self.roles,
        }
    }
}

/// What to show of the configuration.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) source: ConfigArgs,

    /// Prints the built-in defaults with their explanations
    #[arg(long, conflicts_with = "check")]
    pub(crate) default: bool,

    /// Only checks, and says what is wrong
    #[arg(long)]
    pub(crate) check: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_taken_over() {
        let line = "trunkline serve --config f --data-dir d --listen 1 --metrics-listen 2 --asterisk a --asterisk b \
            --roles gateway,call-manager";
        let Command::Serve(args) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("another command");
        };
        let texts = |items: [&str; 2]| items.map(str::to_owned).to_vec();
        let expected = Flags {
            config: Some("f".into()),
            data_dir: Some("d".into()),
            listen: Some("1".to_owned()),
            metrics_listen: Some("2".to_owned()),
            asterisk: texts(["a", "b"]),
            roles: texts(["gateway", "call-manager"]),
        };
        assert_eq!(args.flags(), expected);
    }
}
