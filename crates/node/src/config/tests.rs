//! The defaults are what their manual says, and a wrong option is named.

use super::*;

fn load(flags: &Flags, environment: Environment) -> Result<Config, String> {
    Config::load(flags, &environment).map_err(|error| error.to_string())
}

fn from_file(text: &str) -> Result<Config, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    load(
        &Flags {
            config: Some(file.path().to_owned()),
            ..Flags::default()
        },
        Environment::default(),
    )
}

#[test]
fn the_default_file_lists_every_option_with_its_default() {
    let written: toml::Table = DEFAULT_TOML.parse().unwrap();
    assert_eq!(written, Config::default().table().unwrap());
    let loaded = Config::load(&Flags::default(), &Environment::default()).unwrap();
    assert_eq!(loaded, Config::default());
}

#[test]
fn the_default_file_explains_every_option() {
    let lines: Vec<&str> = DEFAULT_TOML.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if !line.starts_with('#') && line.contains(" = ") {
            assert!(lines[at - 1].starts_with('#'), "no comment above `{line}`");
        }
    }
}

#[test]
fn later_sources_win() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "data_dir = \"/file\"\nroles = [\"gateway\"]\n[gateway]\nlisten = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    let path = file.path().to_str().unwrap();
    let environment = Environment::from([
        ("TRUNKLINE_CONFIG", path),
        ("TRUNKLINE_GATEWAY__LISTEN", "127.0.0.1:2"),
        ("TRUNKLINE_METRICS__LISTEN", "127.0.0.1:3"),
        ("TRUNKLINE_ROLES", "gateway, call-manager"),
        ("TRUNKLINE_CALL__MAX_CALL_DURATION_MS", "60000"),
        ("TRUNKLINE_UNRELATED", "x"),
        ("HOME", "/root"),
    ]);
    let flags = Flags {
        metrics_listen: Some("127.0.0.1:4".to_owned()),
        ..Flags::default()
    };
    let config = load(&flags, environment).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/file"));
    assert_eq!(config.roles, [Role::Gateway, Role::CallManager]);
    assert_eq!(config.gateway.listen, ([127, 0, 0, 1], 2).into());
    assert_eq!(config.metrics.listen, ([127, 0, 0, 1], 4).into());
    assert_eq!(config.call.max_call_duration_ms, 60_000);
    assert_eq!(config.gateway.page_size, 100);
}

#[test]
fn roles_share_the_common_delivery_unless_they_have_their_own() {
    let config =
        from_file("[delivery]\noutbox_batch = 7\n[campaign.delivery]\ndue_batch = 9\n").unwrap();
    assert_eq!(config.delivery.outbox_batch, 7);
    assert_eq!(config.flow.delivery, config.delivery);
    assert_eq!(
        (
            config.campaign.delivery.outbox_batch,
            config.campaign.delivery.due_batch
        ),
        (7, 9)
    );
}

#[test]
fn a_wrong_option_is_named_with_its_value_and_what_is_allowed() {
    let cases = [
        (
            "[gateway]\nlisten = \"everywhere\"",
            ["gateway.listen", "everywhere", "socket address"],
        ),
        (
            "[gateway]\nlistn = \"x\"",
            ["gateway.listn", "does not exist", "listen"],
        ),
        (
            "[gateway]\nbody_limit_bytes = \"big\"",
            ["gateway.body_limit_bytes", "big", "usize"],
        ),
        (
            "[call]\nrequest_workers = 0",
            ["call.request_workers", "is 0", "at least 1"],
        ),
        (
            "roles = [\"call-manger\"]",
            ["roles", "call-manger", "call-manager"],
        ),
        ("roles = []", ["roles", "is empty", "campaign-manager"]),
        ("colour = 1", ["colour", "does not exist", "data_dir"]),
        (
            "[log]\nlevel = \"info,x=loud\"",
            ["log.level", "info,x=loud", "expected one of"],
        ),
        ("[log]\nformat = \"xml\"", ["log.format", "xml", "json"]),
        (
            "[metrics]\nlisten = \"127.0.0.1:8080\"",
            ["metrics.listen", "8080", "gateway.listen"],
        ),
        (
            "[[asterisk]]\nurl = \"ftp://x\"",
            ["asterisk.0.url", "http://", "host"],
        ),
        (
            "[[asterisk]]\n[[asterisk]]",
            ["asterisk.1.url", "8088", "another one"],
        ),
        ("[[asterisk]]\nuri = \"x\"", ["asterisk", "uri", "url"]),
        (
            "[[asterisk]]\naccount_file = \"/nowhere\"",
            ["asterisk.0.account_file", "/nowhere", "No such file"],
        ),
        (
            "[[asterisk]]\nami_account_file = \"/nowhere\"",
            ["asterisk.0.ami_account_file", "/nowhere", "No such file"],
        ),
        (
            "[call]\napplication = \"mine\"",
            ["asterisk.0.application", "voipbin", "mine"],
        ),
        ("data_dir = [", ["not valid TOML", "line 1", "]"]),
    ];
    for (text, words) in cases {
        let error = from_file(text).unwrap_err();
        for word in words {
            assert!(
                error.contains(word),
                "`{word}` is missing for {text:?}: {error}"
            );
        }
    }
}

#[test]
fn options_that_contradict_each_other_are_both_named() {
    for (text, option, other) in [
        (
            "[delivery]\ndue_lease_ms = 10000\n",
            "delivery.due_lease_ms",
            "delivery.due_request_timeout_ms",
        ),
        (
            "[campaign.delivery]\ndue_request_timeout_ms = 20000\n",
            "campaign.delivery.due_lease_ms",
            "campaign.delivery.due_request_timeout_ms",
        ),
        (
            "[delivery]\ninbox_keep_ms = 1000\n",
            "delivery.inbox_keep_ms",
            "delivery.outbox_patience_ms",
        ),
        (
            "[delivery]\nretry_max_ms = 499\n",
            "delivery.retry_max_ms",
            "delivery.retry_min_ms",
        ),
        (
            "[webhook]\nretry_min_ms = 300001\n",
            "webhook.retry_max_ms",
            "webhook.retry_min_ms",
        ),
        (
            "[call]\nasterisk_lost_after_ms = 15000\n",
            "call.asterisk_lost_after_ms",
            "call.reconcile_grace_ms",
        ),
        (
            "[call]\nasterisk_away_after_ms = 600001\n",
            "call.asterisk_lost_after_ms",
            "call.asterisk_away_after_ms",
        ),
    ] {
        let error = from_file(text).unwrap_err();
        assert!(error.contains(option) && error.contains(other), "{error}");
        assert_eq!(error.matches(other).count(), 1, "said once: {error}");
    }
    assert!(from_file("[delivery]\nretry_max_ms = 500\n").is_ok());
}

#[test]
fn an_error_tells_who_said_it() {
    let environment = Environment::from([("TRUNKLINE_GATEWAY__PAGE_SIZE", "many")]);
    let error = load(&Flags::default(), environment).unwrap_err();
    assert!(error.contains("TRUNKLINE_GATEWAY__PAGE_SIZE"), "{error}");
    let flags = Flags {
        listen: Some("8080".to_owned()),
        ..Flags::default()
    };
    let error = load(&flags, Environment::default()).unwrap_err();
    assert!(
        error.contains("--listen") && error.contains("`8080`"),
        "{error}"
    );
    let flags = Flags {
        config: Some("/nowhere.toml".into()),
        ..Flags::default()
    };
    assert!(
        load(&flags, Environment::default())
            .unwrap_err()
            .contains("/nowhere.toml")
    );
}

#[test]
fn an_account_comes_from_option_file_or_variable_and_is_never_printed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "file:hidden2\n").unwrap();
    let text = format!(
        "[[asterisk]]\nurl = \"http://a:1\"\naccount = \"option:hidden1\"\n\
         [[asterisk]]\nurl = \"http://b:1\"\naccount_file = \"{}\"\n\
         [[asterisk]]\nurl = \"http://c:1\"\n",
        file.path().display()
    );
    let configuration = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(configuration.path(), text).unwrap();
    let flags = Flags {
        config: Some(configuration.path().to_owned()),
        ..Flags::default()
    };
    let config = load(
        &flags,
        Environment::from([("TRUNKLINE_ARI_ACCOUNT", "variable:hidden3")]),
    )
    .unwrap();
    let accounts: Vec<_> = config
        .asterisk
        .iter()
        .map(|asterisk| asterisk.proxy.account.clone())
        .collect();
    let expected = ["option:hidden1", "file:hidden2", "variable:hidden3"]
        .map(trunkline_asterisk_proxy::Account::new);
    assert_eq!(accounts, expected);
    let printed = format!("{} {config:?}", config.to_toml().unwrap());
    assert!(
        !printed.contains("hidden") && printed.contains("***"),
        "{printed}"
    );

    let error = from_file("[[asterisk]]\naccount = [\"hidden\"]").unwrap_err();
    assert!(!error.contains("hidden"), "{error}");
}

/// The router would take these for patterns and panic, or nobody could ask for them.
#[test]
fn the_metrics_path_is_a_path_that_can_be_asked_for() {
    let load = |path: &str| from_file(&format!("[metrics]\nendpoint = \"{path}\""));
    let wrong = [
        "", "metrics", "/health", "/:x", "/a/:x", "/*x", "/{x}", "/a b?c", "/a?b", "/a#b",
        "/a%20b", "/ü", "/..", "/a/./b",
    ];
    for path in wrong {
        let told = load(path).unwrap_err();
        assert!(told.contains("metrics.endpoint"), "{path}: {told}");
    }
    for path in ["/", "/metrics", "/a/b-c_d.e~f/", "/healthy"] {
        assert_eq!(load(path).unwrap().metrics.endpoint, path);
    }
}

#[test]
fn a_brokers_address_that_cannot_be_used_is_told_without_its_password() {
    let cases = [
        ("http://root:hidden@broker", "amqp://guest"),
        (
            "amqps://root:hidden@broker?cacertfile=/ca.pem",
            "cacertfile",
        ),
    ];
    for (url, word) in cases {
        let environment = Environment::from([("TRUNKLINE_BUS__URL", url)]);
        let told = load(&Flags::default(), environment).unwrap_err();
        assert!(told.contains("bus.url") && told.contains(word), "{told}");
        assert!(!told.contains("hidden"), "{told}");
    }
}

#[test]
fn what_is_printed_can_be_read_again() {
    let flags = Flags {
        asterisk: vec!["http://10.0.0.1:8088".to_owned()],
        ..Flags::default()
    };
    let config = load(&flags, Environment::default()).unwrap();
    let printed = config.to_toml().unwrap().replace("account = \"***\"\n", "");
    assert_eq!(from_file(&printed).unwrap(), config);
}

#[test]
fn names_of_roles_are_those_of_their_services() {
    for role in Role::ALL {
        assert_eq!(serde_json::to_value(role).unwrap(), role.name());
    }
    assert!(Role::ALL.is_sorted());
}

#[test]
fn ami_of_the_only_asterisk_comes_from_variables() {
    let environment = Environment::from([
        ("TRUNKLINE_AMI", "127.0.0.1:5038"),
        ("TRUNKLINE_AMI_ACCOUNT", "trunkline:hidden"),
    ]);
    let load = |urls: &[&str]| {
        let flags = Flags {
            asterisk: urls.iter().map(|&url| url.to_owned()).collect(),
            ..Flags::default()
        };
        Config::load(&flags, &environment).unwrap()
    };
    let one = load(&["http://a:1"]);
    assert_eq!(one.asterisk[0].proxy.ami, "127.0.0.1:5038");
    assert!(!one.to_toml().unwrap().contains("hidden"));
    // Which of two it would be is not said.
    let two = load(&["http://a:1", "http://b:1"]);
    assert!(
        two.asterisk
            .iter()
            .all(|asterisk| asterisk.proxy.ami.is_empty())
    );
}
