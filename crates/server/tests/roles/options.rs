//! Flags and variables of the Go services, without a broker.

use crate::world::run;

const SECRETS: [(&str, &str); 4] = [
    ("RABBITMQ_ADDRESS", "amqp://ann:hidden@127.0.0.1:1/calls"),
    ("ARI_ACCOUNT", "ann:hidden"),
    ("AMI_PASSWORD", "hidden"),
    ("REDIS_PASSWORD", "hidden"),
];

#[tokio::test]
async fn what_would_be_in_effect_is_shown_without_secrets() {
    let line = ["asterisk-proxy", "--print-config", "--ari-address=pbx:8089"];
    let (status, shown, said) = run(&line, &SECRETS).await;
    assert_eq!(status, 0, "{said}");
    for words in [
        "roles = [\"asterisk-proxy\"]",
        "url = \"amqp://ann:***@127.0.0.1:1/calls\"",
        "url = \"http://pbx:8089\"",
        "listen = \"0.0.0.0:2112\"",
        "subscribe_all = true",
        "event_filter = false",
        "ami = \"127.0.0.1:5038\"",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!(shown + &said).contains("hidden"));
}

#[tokio::test]
async fn a_role_that_should_use_mysql_does_not_start_and_says_what_to_do() {
    let dsn = ("DATABASE_DSN", "root:hidden@tcp(db:3306)/bin_manager");
    for role in ["call-manager", "campaign-manager"] {
        let variables = [dsn, SECRETS[0]];
        let (status, _, said) = run(&[role], &variables).await;
        assert_eq!(status, 1, "{said}");
        for words in [
            "no MySQL yet",
            "--database_dsn",
            "DATABASE_DSN",
            "--data-dir",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("hidden"), "{said}");
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_read_ends_the_start() {
    let line = ["campaign-manager", "--redis_database", "first"];
    let (status, _, said) = run(&line, &[]).await;
    assert_eq!(status, 1);
    let words = "the option `redis_database` is `first`; it must be a whole number \
                 (from the flag `--redis_database`; the variable is `REDIS_DATABASE`)";
    assert!(said.contains(words), "{said}");
    let (status, _, said) = run(&["call-manager"], &[]).await;
    assert_eq!(status, 1);
    assert!(said.contains("RABBITMQ_ADDRESS"), "{said}");
}

#[tokio::test]
async fn the_help_names_each_flag_with_its_variable_and_default() {
    let (status, help, _) = run(&["asterisk-proxy", "--help"], &[]).await;
    assert_eq!(status, 0);
    // Lines are as wide as the terminal.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "--rabbitmq_queue_listen",
        "[variable: RABBITMQ_QUEUE_LISTEN] [default: asterisk.call.request]",
        "--config",
        "TRUNKLINE_LOG__FORMAT",
    ] {
        assert!(help.contains(words), "{words}: {help}");
    }
}
