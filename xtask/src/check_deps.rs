//! Which crate may depend on which (style §2).
//!
//! ```text
//! model <- domain
//! model <- ports (bus store ari client media delivery) <- adapters (bus-rabbitmq store-sqlite asterisk-proxy)
//! domain, ports <- shells (call campaign flow outdial companion gateway)
//! all of them <- node <- server -> rig (its demo)
//! domain <- formats (flow-file) <- shells, cli
//! domain <- lists <- cli <- server
//! ```
//!
//! Reads a list of dependencies and says what is wrong with it; runs nothing.

use std::fmt;

use cargo_metadata::{DependencyKind, Metadata};

const PREFIX: &str = "trunkline-";

/// What a crate is in the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Model,
    Domain,
    /// A format of files over the rules: pure as well, with a parser of its own.
    Format,
    Port,
    Adapter,
    Shell,
    Node,
    /// Lists out of files, for whoever sends them to the HTTP API.
    Lists,
    /// Commands over the HTTP API: a user of ours, not a part.
    CommandLine,
    Server,
    /// Real parts as processes, for the demo and for tests.
    Rig,
    /// The other side of our border: uses nothing of ours, so that it cannot share
    /// a misunderstanding with us.
    OtherSide,
    /// Integration and end-to-end tests.
    Tests,
    Xtask,
}

/// One crate: its name without prefix, what it is, and the ports it may use
/// when it is a port itself.
struct Room(&'static str, Layer, &'static [&'static str]);

/// Every crate of the workspace. A new crate gets a row here first.
const HOUSE: &[Room] = &[
    Room("model", Layer::Model, &[]),
    Room("domain", Layer::Domain, &[]),
    Room("flow-file", Layer::Format, &[]),
    Room("bus", Layer::Port, &[]),
    Room("store", Layer::Port, &[]),
    Room("ari", Layer::Port, &["bus"]),
    Room("client", Layer::Port, &["bus"]),
    Room("media", Layer::Port, &[]),
    Room("delivery", Layer::Port, &["bus", "store"]),
    Room("egress", Layer::Port, &[]),
    Room("bus-rabbitmq", Layer::Adapter, &[]),
    Room("store-sqlite", Layer::Adapter, &[]),
    Room("asterisk-proxy", Layer::Adapter, &[]),
    Room("asterisk-sim", Layer::OtherSide, &[]),
    Room("call", Layer::Shell, &[]),
    Room("campaign", Layer::Shell, &[]),
    Room("companion", Layer::Shell, &[]),
    Room("flow", Layer::Shell, &[]),
    Room("gateway", Layer::Shell, &[]),
    Room("outdial", Layer::Shell, &[]),
    Room("node", Layer::Node, &[]),
    Room("lists", Layer::Lists, &[]),
    Room("cli", Layer::CommandLine, &[]),
    Room("server", Layer::Server, &[]),
    Room("rig", Layer::Rig, &[]),
    Room("sim", Layer::Tests, &[]),
    Room("it", Layer::Tests, &[]),
    Room("bench", Layer::Tests, &[]),
    Room("e2e", Layer::Tests, &[]),
    Room("xtask", Layer::Xtask, &[]),
];

/// What `domain` may use of others: crates that perform no IO.
const DOMAIN_THIRD_PARTY: &[&str] = &[
    "phonenumber",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "uuid",
];

/// One dependency as a manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    from: String,
    to: String,
    /// Whether only its tests use it.
    dev: bool,
}

/// A dependency that must not be, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    edge: Edge,
    why: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Edge { from, to, dev } = &self.edge;
        let table = if *dev {
            "dev-dependencies"
        } else {
            "dependencies"
        };
        write!(
            f,
            "`{from}` must not have `{to}` among its {table}: {}",
            self.why
        )
    }
}

/// Every dependency that the workspace's manifests declare.
pub(crate) fn edges(metadata: &Metadata) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                dev: dependency.kind == DependencyKind::Development,
            });
        }
    }
    edges
}

/// The dependencies that break the direction.
pub(crate) fn violations(edges: &[Edge]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for edge in edges {
        if let Err(why) = judge(edge) {
            violations.push(Violation {
                edge: edge.clone(),
                why,
            });
        }
    }
    violations
}

fn judge(edge: &Edge) -> Result<(), &'static str> {
    let from = room(&edge.from)
        .ok_or("the depending crate is not in the table `HOUSE` of xtask/src/check_deps.rs")?;
    let Some(to) = room(&edge.to) else {
        return third_party(from, &edge.to);
    };
    if edge.dev {
        in_tests(from.1, to.1)
    } else {
        in_code(from, to)
    }
}

fn third_party(from: &Room, to: &str) -> Result<(), &'static str> {
    if to.starts_with(PREFIX) {
        return Err("it is not in the table `HOUSE` of xtask/src/check_deps.rs");
    }
    let allowed = from.1 != Layer::Domain || DOMAIN_THIRD_PARTY.contains(&to);
    allowed
        .then_some(())
        .ok_or("domain uses nothing that performs IO; see DOMAIN_THIRD_PARTY")
}

/// What may be used by the code itself.
fn in_code(from: &Room, to: &Room) -> Result<(), &'static str> {
    use Layer::{
        Adapter, CommandLine, Domain, Format, Lists, Model, Node, OtherSide, Port, Rig, Server,
        Shell, Tests, Xtask,
    };
    let (allowed, why) = match from.1 {
        Model => (false, "model holds shapes and depends on no crate of ours"),
        Domain => (to.1 == Model, "domain depends on model only"),
        Format => (
            matches!(to.1, Model | Domain),
            "a format of files depends on the rules and the shapes",
        ),
        Port => (
            to.1 == Model || from.2.contains(&to.0),
            "a port depends on model and the ports its row names",
        ),
        Adapter => (
            matches!(to.1, Model | Port),
            "an adapter depends on model and ports",
        ),
        Shell => match to.1 {
            Model | Domain | Format | Port => (true, ""),
            Shell => (
                false,
                "a shell uses no other shell: ask it over the bus, through `trunkline-client`",
            ),
            Adapter => (false, "a shell uses ports; only node knows adapters"),
            Node | Lists | CommandLine | Server | Rig | OtherSide | Tests | Xtask => {
                (false, "a shell is wired by node, not the other way round")
            }
        },
        Node => (
            !matches!(
                to.1,
                Lists | CommandLine | Server | Rig | OtherSide | Tests | Xtask
            ),
            "node is below the program and its tests",
        ),
        Lists => (
            matches!(to.1, Model | Domain),
            "lists reads files and knows the HTTP API, as its users do",
        ),
        CommandLine => (
            matches!(to.1, Model | Domain | Format | Lists),
            "the command line sees the program over HTTP, as its users do",
        ),
        Server => (
            matches!(to.1, Model | Format | Node | CommandLine | Rig),
            "server knows node, the command line, the rig of its demo and its files, and the shapes in model",
        ),
        Rig => (
            to.1 == Model,
            "the rig sees the program from outside, as its users do",
        ),
        OtherSide => (false, "it must not share our misunderstandings"),
        Tests => (
            !matches!(to.1, Tests | Xtask),
            "tests share nothing with other tests",
        ),
        Xtask => (false, "xtask stands alone"),
    };
    allowed.then_some(()).ok_or(why)
}

/// What may be used by tests: they may stand on real adapters and other roles.
fn in_tests(from: Layer, to: Layer) -> Result<(), &'static str> {
    use Layer::{
        Adapter, CommandLine, Domain, Format, Lists, Model, Node, OtherSide, Port, Rig, Server,
        Shell, Tests, Xtask,
    };
    let (allowed, why) = match from {
        Model | Domain => (to == Model, "the tests of model and domain are pure"),
        Format => (
            matches!(to, Model | Domain),
            "the tests of a format are about its files",
        ),
        Port | Shell => (
            matches!(to, Model | Domain | Format | Port | Adapter | Shell),
            "whole nodes are tested in tests/it",
        ),
        Adapter => (
            matches!(to, Model | Domain | Format | Port | Adapter | Shell | Rig),
            "an adapter is tested against its server, which the rig starts",
        ),
        Node | Server | Rig | Tests => (
            !matches!(to, Tests | Xtask),
            "tests share nothing with other tests",
        ),
        Lists => (
            matches!(to, Model | Domain),
            "an import into a whole node is tested in the tests of node",
        ),
        CommandLine => (
            matches!(to, Model | Domain | Format),
            "its commands are tested with the program, in the tests of server",
        ),
        OtherSide => (false, "it must not share our misunderstandings"),
        Xtask => (false, "xtask stands alone"),
    };
    allowed.then_some(()).ok_or(why)
}

fn room(package: &str) -> Option<&'static Room> {
    let name = match package.strip_prefix(PREFIX) {
        Some(name) => name,
        None if package == "xtask" => package,
        None => return None,
    };
    HOUSE.iter().find(|room| room.0 == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_follows_the_direction() {
        let metadata = cargo_metadata::MetadataCommand::new()
            .no_deps()
            .exec()
            .unwrap();
        assert_eq!(violations(&edges(&metadata)), []);
    }

    #[test]
    fn what_breaks_the_direction_is_refused() {
        for (from, to) in [
            ("trunkline-model", "trunkline-bus"),
            ("trunkline-domain", "trunkline-store"),
            ("trunkline-domain", "tokio"),
            ("trunkline-store", "trunkline-bus"),
            ("trunkline-bus", "trunkline-domain"),
            ("trunkline-store-sqlite", "trunkline-domain"),
            ("trunkline-campaign", "trunkline-call"),
            ("trunkline-call", "trunkline-store-sqlite"),
            ("trunkline-gateway", "trunkline-node"),
            ("trunkline-node", "trunkline-server"),
            ("trunkline-server", "trunkline-gateway"),
            ("trunkline-node", "trunkline-unheard-of"),
            ("trunkline-unheard-of", "trunkline-model"),
            ("trunkline-asterisk-sim", "trunkline-model"),
            ("xtask", "trunkline-model"),
        ] {
            assert_eq!(
                violations(&[edge(from, to, false)]).len(),
                1,
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn tests_may_stand_on_adapters_and_code_may_not() {
        for (from, to) in [
            ("trunkline-call", "trunkline-store-sqlite"),
            ("trunkline-delivery", "trunkline-store-sqlite"),
            ("trunkline-gateway", "trunkline-campaign"),
            ("trunkline-store-sqlite", "trunkline-rig"),
        ] {
            assert_eq!(violations(&[edge(from, to, true)]), [], "{from} -> {to}");
            assert_eq!(
                violations(&[edge(from, to, false)]).len(),
                1,
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn a_violation_names_both_crates_and_the_reason() {
        let found = violations(&[edge("trunkline-campaign", "trunkline-call", false)]);
        assert_eq!(
            found[0].to_string(),
            "`trunkline-campaign` must not have `trunkline-call` among its dependencies: \
             a shell uses no other shell: ask it over the bus, through `trunkline-client`"
        );
    }

    fn edge(from: &str, to: &str, dev: bool) -> Edge {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            dev,
        }
    }
}
