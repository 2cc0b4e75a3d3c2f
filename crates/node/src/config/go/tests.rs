//! Every option of the chapter is there and does what the table says.

use super::*;

fn flags(given: &[(&'static str, &str)]) -> GoFlags {
    let given = given
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    GoFlags {
        given: given.collect(),
        ..GoFlags::default()
    }
}

fn load(
    role: Role,
    given: &[(&'static str, &str)],
    environment: Environment,
) -> Result<GoConfig, String> {
    Config::load_go(role, &flags(given), &environment).map_err(|error| error.to_string())
}

fn names(role: Role) -> Vec<(&'static str, &'static str)> {
    let options = options(role).iter();
    options
        .map(|option| (option.name, option.default))
        .collect()
}

const BROKER: &str = "amqp://guest:guest@localhost:5672";

#[test]
fn the_table_is_the_chapters() {
    let call = [
        ("rabbitmq_address", ""),
        ("prometheus_endpoint", ""),
        ("prometheus_listen_address", ""),
        ("database_dsn", ""),
        ("redis_address", ""),
        ("redis_password", ""),
        ("redis_database", "0"),
        ("homer_api_address", ""),
        ("homer_auth_token", ""),
        ("homer_whitelist", ""),
        ("asterisk_ws_port", "8088"),
        ("project_base_domain", "voipbin.net"),
        (
            "project_bucket_name",
            "voipbin-voip-media-bucket-europe-west4",
        ),
    ];
    assert_eq!(names(Role::CallManager), call);
    let campaign = [
        ("rabbitmq_address", BROKER),
        ("prometheus_endpoint", "/metrics"),
        ("prometheus_listen_address", ":2112"),
        (
            "database_dsn",
            "testid:testpassword@tcp(127.0.0.1:3306)/test",
        ),
        ("redis_address", "127.0.0.1:6379"),
        ("redis_password", ""),
        ("redis_database", "1"),
    ];
    assert_eq!(names(Role::CampaignManager), campaign);
    let proxy = [
        ("ari_address", "localhost:8088"),
        ("ari_account", "asterisk:asterisk"),
        ("ari_subscribe_all", "true"),
        ("ari_application", "voipbin"),
        ("ami_host", "127.0.0.1"),
        ("ami_port", "5038"),
        ("ami_username", "asterisk"),
        ("ami_password", "asterisk"),
        ("ami_event_filter", ""),
        ("interface_name", "eth0"),
        ("rabbitmq_address", BROKER),
        ("rabbitmq_queue_listen", "asterisk.call.request"),
        ("prometheus_endpoint", "/metrics"),
        ("prometheus_listen_address", ":2112"),
        ("redis_address", "localhost:6379"),
        ("redis_password", ""),
        ("redis_database", "1"),
        ("recording_bucket_name", ""),
        (
            "recording_asterisk_directory",
            "/var/spool/asterisk/recording",
        ),
        ("recording_bucket_directory", "/mnt/media/recording"),
        ("kubernetes_disabled", "false"),
    ];
    assert_eq!(names(Role::AsteriskProxy), proxy);
}

/// The defaults in effect are those that the table tells: giving every option its own
/// default changes nothing.
#[test]
fn the_defaults_are_those_of_the_table() {
    for role in ROLES {
        let broker = ("rabbitmq_address", BROKER);
        let bare = load(role, &[broker], Environment::default()).unwrap();
        assert_eq!(bare.notices, Vec::<String>::new(), "{role}");
        assert_eq!(bare.config.roles, [role]);
        let mut given: Vec<_> = options(role)
            .iter()
            .filter(|option| !option.default.is_empty() && option.name != "database_dsn")
            .map(|option| (option.name, option.default))
            .collect();
        given.push(broker);
        let mut told = load(role, &given, Environment::default()).unwrap().config;
        for asterisk in &mut told.asterisk {
            asterisk.account_given = false;
        }
        assert_eq!(told, bare.config, "{role}");
    }
}

/// Where the reference's are empty and it crashes, ours are in effect.
#[test]
fn metrics_have_a_port_and_a_path_everywhere() {
    for role in ROLES {
        let config = load(
            role,
            &[("rabbitmq_address", BROKER)],
            Environment::default(),
        );
        let metrics = config.unwrap().config.metrics;
        assert_eq!(metrics.listen, ([0, 0, 0, 0], 2112).into(), "{role}");
        assert_eq!(metrics.endpoint, "/metrics", "{role}");
    }
}

#[test]
fn a_flag_stands_before_a_variable_and_both_before_a_file_and_our_variables() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "roles = [\"gateway\"]\n[metrics]\nlisten = \"127.0.0.1:1\"\nendpoint = \"/file\"\n\
                [call]\nrequest_workers = 7\nbase_domain = \"file.example\"\n";
    std::fs::write(file.path(), text).unwrap();
    let environment = |more: &[(&str, &str)]| -> Environment {
        let ours = [
            ("TRUNKLINE_BUS__URL", "amqp://ours"),
            ("TRUNKLINE_METRICS__ENDPOINT", "/ours"),
            ("PROJECT_BASE_DOMAIN", ""),
            ("PROJECT_BUCKET_NAME", ""),
        ];
        let all = ours.iter().chain(more);
        let owned = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    };
    let with = |given: &[(&'static str, &str)], more: &[(&str, &str)]| {
        let flags = GoFlags {
            config: Some(file.path().to_owned()),
            data_dir: Some("/rows".into()),
            ..flags(given)
        };
        Config::load_go(Role::CallManager, &flags, &environment(more))
            .unwrap()
            .config
    };
    let url = |config: &Config| config.bus.url.0.as_ref().unwrap().to_string();

    let config = with(&[], &[]);
    assert_eq!(config.roles, [Role::CallManager]);
    assert_eq!(config.data_dir, PathBuf::from("/rows"));
    assert_eq!(config.call.request_workers, 7);
    assert_eq!(
        config.call.base_domain, "file.example",
        "empty counts as unset"
    );
    assert_eq!(
        config.call.bucket_name, "voipbin-voip-media-bucket-europe-west4",
        "empty counts as unset"
    );
    assert_eq!(config.metrics.listen, ([127, 0, 0, 1], 1).into());
    assert_eq!(config.metrics.endpoint, "/ours");
    assert_eq!(url(&config), "amqp://guest:***@ours:5672");

    let go = [
        ("RABBITMQ_ADDRESS", "amqp://go"),
        ("PROMETHEUS_ENDPOINT", "/go"),
        ("PROJECT_BASE_DOMAIN", "go.example"),
        ("PROJECT_BUCKET_NAME", "go-bucket"),
    ];
    let config = with(&[], &go);
    assert_eq!(
        (url(&config).as_str(), config.metrics.endpoint.as_str()),
        ("amqp://guest:***@go:5672", "/go")
    );
    assert_eq!(config.call.base_domain, "go.example");
    assert_eq!(config.call.bucket_name, "go-bucket");

    let config = with(
        &[
            ("rabbitmq_address", "amqp://flag"),
            ("prometheus_endpoint", ""),
        ],
        &go,
    );
    assert_eq!(
        (url(&config).as_str(), config.metrics.endpoint.as_str()),
        ("amqp://guest:***@flag:5672", "/go")
    );
}

#[test]
fn each_option_of_the_proxy_reaches_ours() {
    let given = [
        ("ari_address", "pbx:8089"),
        ("ari_account", "ann:secret"),
        ("ari_subscribe_all", "False"),
        ("ari_application", "other"),
        ("ami_port", "5039"),
        ("ami_host", "pbx"),
        ("ami_password", "pass:word"),
        ("ami_username", "bob"),
        (
            "rabbitmq_queue_listen",
            "asterisk.call.request, asterisk.conference.request",
        ),
        ("prometheus_listen_address", "localhost:2113"),
        ("kubernetes_disabled", "true"),
    ];
    let loaded = load(Role::AsteriskProxy, &given, Environment::default()).unwrap();
    assert_eq!(loaded.notices, Vec::<String>::new());
    let config = loaded.config;
    let [asterisk] = config.asterisk.as_slice() else {
        panic!("{:?}", config.asterisk);
    };
    let proxy = &asterisk.proxy;
    assert_eq!(proxy.url, "http://pbx:8089");
    assert_eq!(
        proxy.account,
        trunkline_asterisk_proxy::Account::new("ann:secret")
    );
    assert!(!proxy.subscribe_all && !proxy.event_filter);
    assert_eq!(proxy.application, "other");
    assert_eq!(proxy.ami, "pbx:5039");
    assert_eq!(
        proxy.ami_account,
        trunkline_asterisk_proxy::Account::new("bob:pass:word")
    );
    let queues = ["asterisk.call.request", "asterisk.conference.request"];
    assert_eq!(proxy.permanent_queues, queues);
    assert_eq!(config.metrics.listen, ([127, 0, 0, 1], 2113).into());
    let shown = config.to_toml().unwrap();
    assert!(
        !shown.contains("secret") && !shown.contains("word"),
        "{shown}"
    );

    // By default every event of everything is told, as in the reference, and AMI is used.
    let bare = load(Role::AsteriskProxy, &[], Environment::default())
        .unwrap()
        .config;
    let proxy = &bare.asterisk[0].proxy;
    assert!(proxy.subscribe_all && !proxy.event_filter);
    assert_eq!(proxy.ami, "127.0.0.1:5038");
    let ours = Environment::from([
        ("TRUNKLINE_AMI", "ours:1"),
        ("TRUNKLINE_ARI_ACCOUNT", "a:b"),
    ]);
    let config = load(Role::AsteriskProxy, &[], ours).unwrap().config;
    assert_eq!(config.asterisk[0].proxy.ami, "ours:1");
    assert_eq!(
        config.asterisk[0].proxy.account,
        trunkline_asterisk_proxy::Account::new("a:b")
    );
}

/// The reference takes 0, or something else, in silence.
#[test]
fn a_value_that_cannot_be_read_is_an_error_with_flag_and_variable() {
    let cases = [
        (Role::CallManager, "rabbitmq_address", "http://u:hidden@x"),
        (
            Role::CallManager,
            "rabbitmq_address",
            "amqp://u:hidden@x?certfile=c",
        ),
        (Role::CallManager, "prometheus_listen_address", "2112"),
        (Role::CampaignManager, "prometheus_endpoint", "metrics"),
        (Role::CampaignManager, "prometheus_endpoint", "/:x"),
        (Role::CallManager, "redis_database", "one"),
        (Role::CallManager, "asterisk_ws_port", "70000"),
        (Role::AsteriskProxy, "ari_address", "pbx:port"),
        (Role::AsteriskProxy, "ari_address", "https://pbx:8089"),
        (Role::AsteriskProxy, "ari_address", "ws://u:hidden@pbx:8088"),
        (Role::AsteriskProxy, "ami_host", "pbx:5038"),
        (Role::AsteriskProxy, "ami_host", "tcp://pbx"),
        (Role::AsteriskProxy, "ami_port", "0"),
        (Role::AsteriskProxy, "ari_account", "hidden"),
        (Role::AsteriskProxy, "ari_subscribe_all", "perhaps"),
        (Role::AsteriskProxy, "ami_port", "http"),
        (Role::AsteriskProxy, "ami_username", "a:b"),
        (Role::AsteriskProxy, "kubernetes_disabled", "2"),
        (Role::AsteriskProxy, "rabbitmq_queue_listen", "a,,b"),
        (Role::AsteriskProxy, "rabbitmq_queue_listen", "a,a"),
        (
            Role::CampaignManager,
            "database_dsn",
            "root:hidden@tcp(db)/x",
        ),
        (
            Role::CallManager,
            "database_dsn",
            "mysql://root:hidden@db:3306/x",
        ),
        (Role::CallManager, "redis_address", "localhost"),
        (Role::AsteriskProxy, "redis_address", "localhost:0"),
        (Role::AsteriskProxy, "redis_address", "::1:6379"),
        (
            Role::CampaignManager,
            "redis_address",
            "redis://:hidden@localhost:6379",
        ),
    ];
    for (role, name, value) in cases {
        let variable = name.to_uppercase();
        let environment = Environment::from([(variable.as_str(), value)]);
        let by_flag = load(role, &[(name, value)], Environment::default()).unwrap_err();
        let by_variable = load(role, &[], environment).unwrap_err();
        let (flag, variable) = (format!("flag `--{name}`"), format!("variable `{variable}`"));
        let named = [(&by_flag, flag), (&by_variable, variable)];
        for (told, giver) in named {
            let (flag, variable) = (format!("--{name}"), name.to_uppercase());
            assert!(told.contains(&format!("(from the {giver}")), "{told}");
            assert!(told.contains(&flag) && told.contains(&variable), "{told}");
        }
        assert!(!(by_flag + &by_variable).contains("hidden"));
    }
}

/// One option of ours may come of two of theirs; the one that is right is not blamed.
#[test]
fn of_two_options_the_one_that_is_wrong_is_named() {
    let told = |given: &[(&'static str, &str)]| {
        load(Role::AsteriskProxy, given, Environment::default()).unwrap_err()
    };
    let port = told(&[("ami_host", "pbx"), ("ami_port", "0")]);
    assert!(
        port.contains("--ami_port") && !port.contains("--ami_host"),
        "{port}"
    );
    // What only shows when both are together is told with both.
    let option = |name: &str| {
        options(Role::AsteriskProxy)
            .iter()
            .find(|option| option.name == name)
    };
    let given = ["ami_host", "ari_account", "ami_port"]
        .map(|name| (option(name).unwrap(), Giver::Flag, String::new()));
    let error = ConfigError::Options(vec![Problem::new("asterisk.0.ami", "is wrong")]);
    let told = attribute(error, &given).to_string();
    assert!(
        told.contains("--ami_host") && told.contains("--ami_port"),
        "{told}"
    );
    assert!(!told.contains("--ari_account"), "{told}");
}

#[test]
fn amis_host_may_be_an_ipv6_address() {
    for host in ["fd00::5", "[fd00::5]"] {
        let given = [("ami_host", host), ("ami_port", "05039")];
        let loaded = load(Role::AsteriskProxy, &given, Environment::default()).unwrap();
        assert_eq!(loaded.config.asterisk[0].proxy.ami, "[fd00::5]:5039");
    }
}

#[test]
fn a_broker_may_be_at_an_ipv6_address() {
    let given = [("rabbitmq_address", "amqp://u:hidden@[fd00::5]:5672")];
    let config = load(Role::CallManager, &given, Environment::default()).unwrap();
    let url = config.config.bus.url.0.unwrap().to_string();
    assert_eq!(url, "amqp://u:***@[fd00::5]:5672");
}

#[test]
fn a_bucket_for_recordings_reaches_every_proxy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[[asterisk]]\nurl = \"http://a:1\"\n[[asterisk]]\nurl = \"http://b:1\"\n";
    std::fs::write(file.path(), text).unwrap();
    let given = [
        ("rabbitmq_address", BROKER),
        ("recording_bucket_name", "sounds"),
    ];
    let flags = GoFlags {
        config: Some(file.path().to_owned()),
        ..flags(&given)
    };
    let told = Config::load_go(Role::AsteriskProxy, &flags, &Environment::default()).unwrap();
    let buckets = told.config.asterisk.iter();
    let buckets: Vec<&str> = buckets
        .map(|it| it.proxy.recording_bucket.as_str())
        .collect();
    assert_eq!(buckets, ["sounds", "sounds"]);
    assert!(told.notices[0].contains("cannot be used yet"));
}

#[test]
fn what_is_not_there_yet_says_so() {
    let role = Role::CallManager;
    let environment = || {
        Environment::from([
            ("RABBITMQ_ADDRESS", BROKER),
            ("REDIS_PASSWORD", "hidden"),
            ("HOMER_AUTH_TOKEN", "hidden"),
        ])
    };
    let notices = load(role, &[("redis_database", "1")], environment())
        .unwrap()
        .notices;
    let expected = [
        "the variable `REDIS_PASSWORD`; the flag is `--redis_password`: is not used yet",
        "the flag `--redis_database`; the variable is `REDIS_DATABASE`: is not used yet",
        "the variable `HOMER_AUTH_TOKEN`; the flag is `--homer_auth_token`: is not used yet",
    ];
    assert_eq!(notices.len(), expected.len(), "{notices:?}");
    for (notice, expected) in notices.iter().zip(expected) {
        assert!(
            notice.starts_with(expected) && !notice.contains("hidden"),
            "{notice}"
        );
    }
    let refused = load(
        role,
        &[("database_dsn", "r:hidden@tcp(db)/x")],
        environment(),
    )
    .unwrap_err();
    assert!(
        refused.contains("no MySQL yet") && refused.contains("--data-dir"),
        "{refused}"
    );
    // What would be wrong with it is told first.
    let given = [("database_dsn", "r:hidden@tcp(db:port)/x")];
    let wrong = load(role, &given, environment()).unwrap_err();
    assert!(
        wrong.contains("tcp(host:3306)/database") && !wrong.contains("no MySQL"),
        "{wrong}"
    );
    for address in ["redis:6379", ":6379", "[fd00::5]:6379"] {
        let given = [("redis_address", address)];
        assert_eq!(load(role, &given, environment()).unwrap().notices.len(), 3);
    }
    let alone = load(role, &[], Environment::default()).unwrap_err();
    assert!(
        alone.contains("--rabbitmq_address") && alone.contains("RABBITMQ_ADDRESS"),
        "{alone}"
    );
    let proxy = load(
        Role::AsteriskProxy,
        &[("kubernetes_disabled", "false")],
        Environment::default(),
    );
    assert!(proxy.unwrap().notices[0].contains("annotation"));
}

/// The reference annotates its pod unless it is told not to.
#[test]
fn a_pod_that_gets_no_annotation_is_told_once() {
    let pod = || {
        Environment::from([
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
            ("RABBITMQ_ADDRESS", BROKER),
        ])
    };
    let notices = |role, given: &[(&'static str, &str)], environment| {
        load(role, given, environment).unwrap().notices
    };
    let told = notices(Role::AsteriskProxy, &[], pod());
    assert!(
        told.len() == 1 && told[0].contains("asterisk-id"),
        "{told:?}"
    );
    let told = notices(
        Role::AsteriskProxy,
        &[("kubernetes_disabled", "false")],
        pod(),
    );
    assert!(
        told.len() == 1 && told[0].contains("asterisk-id"),
        "{told:?}"
    );
    let quiet = [
        notices(
            Role::AsteriskProxy,
            &[("kubernetes_disabled", "true")],
            pod(),
        ),
        notices(Role::AsteriskProxy, &[], Environment::default()),
        notices(Role::CallManager, &[], pod()),
    ];
    assert_eq!(quiet.concat(), Vec::<String>::new());
}

#[test]
fn each_role_has_a_data_folder_of_its_own() {
    for role in ROLES {
        let given = [("rabbitmq_address", BROKER)];
        let folder = load(role, &given, Environment::default())
            .unwrap()
            .config
            .data_dir;
        assert_eq!(folder, PathBuf::from(format!("./trunkline-data/{role}")));
        let ours = Environment::from([("TRUNKLINE_DATA_DIR", "/rows")]);
        let folder = load(role, &given, ours).unwrap().config.data_dir;
        assert_eq!(folder, PathBuf::from("/rows"));
    }
}
