//! Every command against a program that runs, with a simulated Asterisk.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::desk::{Desk, Done};
use crate::harness::program;

#[test]
fn a_token_is_kept_by_login_and_forgotten_by_logout() {
    let desk = Desk::new();
    let type_in = |line: &[&str], text: &str| {
        let mut child = desk
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{text}").unwrap();
        drop(stdin);
        Done::of(child.wait_with_output().unwrap())
    };
    let file = desk.folder.path().join("trunkline/cli.toml");
    let wrong = type_in(&["login", "--url", &desk.url], "tl_wrong");
    assert_eq!(wrong.status, 1, "{}", wrong.err);
    assert!(!file.exists(), "nothing is kept before the API took it");
    let none = Done::of(desk.command(&["campaign", "list"]).output().unwrap());
    assert!(
        none.status == 2 && none.err.contains("trunkline login"),
        "{}",
        none.err
    );

    let good = type_in(&["login", "--url", &desk.url, "--json"], &desk.token);
    assert_eq!(good.status, 0, "{}", good.err);
    let shown: Value = serde_json::from_str(&good.out).unwrap();
    assert_eq!(shown["url"], desk.url.as_str());
    assert!(!good.out.contains(&desk.token) && !good.err.contains(&desk.token));
    mode_is_600(&file);
    let listed = Done::of(desk.command(&["campaign", "list"]).output().unwrap());
    assert_eq!(
        (listed.status, listed.out.as_str()),
        (0, ""),
        "{}",
        listed.err
    );
    assert!(
        listed.err.contains("there is no campaign"),
        "{}",
        listed.err
    );

    let elsewhere = ["campaign", "list", "--url", "http://127.0.0.1:1"];
    let elsewhere = Done::of(desk.command(&elsewhere).output().unwrap());
    assert_eq!(elsewhere.status, 2, "a token goes to its own address only");
    let out = Done::of(desk.command(&["logout", "--json"]).output().unwrap());
    assert!(out.status == 0 && !file.exists(), "{}", out.err);
    assert_eq!(
        Done::of(desk.command(&["logout"]).output().unwrap()).status,
        1
    );
    desk.stop();
}

#[cfg(unix)]
fn mode_is_600(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(not(unix))]
fn mode_is_600(_: &Path) {}

#[test]
fn what_calls_need_is_made_changed_and_deleted() {
    let desk = Desk::new();
    let table = desk.ok(&["allow", "countries"]);
    assert!(table.starts_with("No country may be called"), "{table}");
    desk.allow_calls();
    assert_eq!(desk.ok(&["allow", "countries"]), "May be called: de, ch\n");
    let left = desk.json(&["allow", "countries", "ch", "--remove"]);
    assert_eq!(left["destination_whitelist"], json!(["de"]));
    let config = desk.ids(&["outbound-config", "list"]).remove(0);
    desk.ok(&["outbound-config", "change", "allowed", "--codecs", "PCMA"]);
    let shown = desk.json(&["outbound-config", "get", &config]);
    assert_eq!(shown["codecs"], "PCMA");

    // Names stand for ids.
    desk.ok(&[
        "provider",
        "change",
        "carrier",
        "--codecs",
        "PCMU",
        "--header",
        "X-Account=7",
    ]);
    let provider = desk.json(&["provider", "get", "carrier"]);
    assert_eq!(provider["tech_headers"], json!({"X-Account": "7"}));
    desk.ok(&["route", "change", "all", "--priority", "4"]);
    assert_eq!(desk.json(&["route", "get", "all"])["priority"], 4);
    desk.ok(&["number", "change", "+493012345600", "--name", "hotline"]);
    let number = desk.ok(&["number", "get", "+493012345600"]);
    assert!(number.contains("hotline"), "{number}");
    for noun in ["provider", "route", "number"] {
        let listed = desk.ok(&[noun, "list"]);
        assert!(
            listed.starts_with("ID ") && listed.lines().count() == 2,
            "{listed}"
        );
        assert_eq!(desk.ids(&[noun, "list"]).len(), 1);
    }
    let deletions = [
        ["route", "all"],
        ["provider", "carrier"],
        ["number", "+493012345600"],
        ["outbound-config", config.as_str()],
    ];
    for [noun, name] in deletions {
        let row = desk.json(&[noun, "delete", name]);
        assert!(row["id"].is_string(), "{row}");
        assert!(desk.ids(&[noun, "list"]).is_empty(), "{noun}");
    }
    desk.stop();
}

#[test]
fn a_call_is_made_followed_and_ended() {
    let desk = Desk::new();
    desk.allow_calls();
    let stay = desk.flow(
        "stay.json",
        &json!([{"type": "sleep", "option": {"duration": 600_000}}]),
    );
    let bye = desk.flow("bye.json", &json!({"actions": [{"type": "hangup"}]}));
    let (stay, bye) = (stay.to_str().unwrap(), bye.to_str().unwrap());
    let from = ["--from", "+493012345600"];

    let line = [
        &[
            "call",
            "create",
            "--to",
            "+4930123401",
            "--flow",
            bye,
            "--wait",
        ][..],
        &from,
    ]
    .concat();
    let watched = desk.ok(&line);
    assert!(
        watched.contains(" answered\n") && watched.contains("ended by us: normal"),
        "{watched}"
    );
    let busy = [
        &[
            "call",
            "create",
            "--to",
            "+4930123440",
            "--flow",
            bye,
            "--wait",
            "--json",
        ][..],
        &from,
    ];
    let busy = desk.run(&busy.concat());
    assert_eq!(busy.status, 1, "nobody answered: {}", busy.err);
    let last: Value = serde_json::from_str(busy.out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["status"], &last["hangup_reason"]),
        (&json!("hangup"), &json!("busy"))
    );

    let made = [
        &["call", "create", "--to", "+4930123420", "--flow", stay][..],
        &from,
    ]
    .concat();
    let call = desk.id(&made);
    loop {
        let shown = desk.json(&["call", "get", &call]);
        if shown["status"] == "progressing" {
            assert_eq!(shown["outcome"]["status"], "progressing");
            break;
        }
    }
    assert_eq!(
        desk.ids(&["call", "list", "--status", "progressing"]),
        [call.as_str()]
    );
    assert!(desk.ok(&["call", "get", &call]).contains("+4930123420"));
    let ended = desk.json(&["call", "hangup", &call]);
    assert_eq!(ended["id"], call.as_str());
    let watched = desk.ok(&["call", "watch", &call]);
    assert!(watched.contains("ended by us"), "{watched}");
    assert!(desk.ok(&["call", "list", "--limit", "2"]).lines().count() == 3);
    desk.stop();
}

#[test]
fn a_campaign_is_made_run_watched_and_deleted() {
    let desk = Desk::new();
    desk.allow_calls();
    let bye = desk.flow("bye.json", &json!([{"type": "hangup"}]));
    let campaign = desk.id(&[
        "campaign",
        "create",
        "--name",
        "november",
        "--from",
        "+493012345600",
        "--flow",
        bye.to_str().unwrap(),
        "--tries",
        "1,1",
        "--try-interval",
        "1s",
        "--rate",
        "50",
        "--concurrent",
        "9",
    ]);
    // The list and the plan that were made for it have its name.
    let numbers = ["+4930123401", "+4930123402", "+4930123440"];
    for number in numbers {
        desk.id(&[
            "target", "add", "november", "--name", number, "--to", number,
        ]);
    }
    let somebody = desk.id(&[
        "target",
        "add",
        "november",
        "--to",
        "+4930123403",
        "--to",
        "+4930123404",
    ]);
    desk.json(&["target", "delete", &somebody]);
    let people = desk.ids(&["target", "list", "november"]);
    assert_eq!(people.len(), 3);
    let shown = desk.json(&["target", "get", &people[0]]);
    assert_eq!(shown["destination_0"]["target"], numbers[2]);

    let rules = desk.json(&["campaign", "rules", "november", "--rate", "60"]);
    assert_eq!(
        (&rules["calls_per_second"], &rules["max_concurrent"]),
        (&json!(60.0), &json!(9))
    );
    assert!(
        desk.ok(&["campaign", "rules", "november"])
            .contains("max_concurrent")
    );
    let why = desk.ok(&["campaign", "explain", "november"]);
    assert!(why.starts_with("stopped; if it ran: "), "{why}");
    let before = desk.ok(&["campaign", "watch", "november", "--once"]);
    assert!(
        before.contains("0 done, 0 people reached, 3 left"),
        "{before}"
    );

    let watched = desk.ok(&["campaign", "run", "november", "--watch", "--json"]);
    let views: Vec<Value> = watched
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = views.last().unwrap();
    assert_eq!(last["status"], "stop", "{last}");
    assert_eq!(last["ended"], json!({"normal": 2, "busy": 1}));
    assert_eq!(
        (
            &last["people_reached"],
            &last["people_exhausted"],
            &last["people_left"]
        ),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!(
        desk.json(&["campaign", "get", "november"])["status"],
        "stop"
    );
    let listed = desk.ok(&["campaign", "list"]);
    assert!(listed.contains("november  stop"), "{listed}");

    desk.ok(&["outplan", "change", "november", "--tries", "2"]);
    assert_eq!(
        desk.json(&["outplan", "get", "november"])["max_try_count_0"],
        2
    );
    assert!(desk.ok(&["campaign", "run", &campaign]).contains("runs"));
    desk.ok(&["campaign", "stop", &campaign]);
    desk.ok(&["campaign", "watch", &campaign]);
    let deletions = [
        ["campaign", "november"],
        ["outdial", "november"],
        ["outplan", "november"],
    ];
    for [noun, name] in deletions {
        desk.json(&[noun, "delete", name]);
        assert!(desk.ids(&[noun, "list"]).is_empty(), "{noun}");
    }
    desk.stop();
}

/// The options of `campaign-control campaign create`.
#[test]
fn a_campaign_is_made_with_what_voipbins_command_takes() {
    let desk = Desk::new();
    let bye = desk.flow("bye.json", &json!([{"type": "hangup"}]));
    let create = |more: &[&str]| {
        let line = [
            "campaign",
            "create",
            "--from",
            "+493012345600",
            "--flow",
            bye.to_str().unwrap(),
        ];
        desk.id(&[&line[..], more].concat())
    };
    let after = create(&["--name", "after"]);
    let shown = desk.json(&["campaign", "get", "after"]);
    assert_eq!(
        (&shown["type"], &shown["service_level"]),
        (&json!("call"), &json!(100))
    );
    let more = "--name first --detail words --type flow --service-level 80 --end continue";
    let mut more: Vec<&str> = more.split(' ').collect();
    more.extend(["--next-campaign", "after"]);
    let first = create(&more);
    let shown = desk.json(&["campaign", "get", &first]);
    let expected = json!({
        "name": "first", "detail": "words", "type": "flow", "service_level": 80,
        "end_handle": "continue", "next_campaign_id": after,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}: {shown}");
    }
    desk.stop();
}

#[test]
fn a_list_out_of_a_file_is_called_and_its_results_come_back() {
    let desk = Desk::new();
    desk.allow_calls();
    let bye = desk.flow("bye.json", &json!([{"type": "hangup"}]));
    let made = "campaign create --name november --from +493012345600 --tries 1 --flow";
    let mut made: Vec<&str> = made.split(' ').collect();
    made.push(bye.to_str().unwrap());
    desk.id(&made);
    let people = "Name;Telefon\n=Ada;030 123401\nBob;030 123402\nEve;030 123440\nMax;none\n";
    std::fs::write(desk.folder.path().join("people.csv"), people).unwrap();
    let import = ["campaign", "import", "november", "people.csv"];
    let german = [&import[..], &["--country", "de"]].concat();
    let looked = desk.ok(&[&german[..], &["--dry-run"]].concat());
    assert!(looked.contains("Telefon -> number"), "{looked}");
    assert!(
        looked.contains("line 5: refused: number `none`"),
        "{looked}"
    );
    assert!(desk.ids(&["target", "list", "november"]).is_empty());

    let imported = desk.run(&german);
    assert_eq!(imported.status, 4, "{}", imported.err);
    assert!(
        imported.out.contains("Added: 3; refused lines: 1"),
        "{}",
        imported.out
    );
    let refused = desk.folder.path().join("people.csv.refused.csv");
    assert!(std::fs::read_to_string(refused).unwrap().contains("\n5,"));
    let again = desk.run(&[&german[..], &["--json"]].concat());
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((&again["created"], &again["known"]), (&json!(0), &json!(3)));
    assert_eq!(desk.ids(&["target", "list", "november"]).len(), 3);
    // Without its country no number can be read, and nobody is added.
    let nowhere = desk.run(&import);
    assert!(
        nowhere.out.starts_with("Added: 0; refused lines: 4"),
        "{}",
        nowhere.out
    );
    desk.refused(
        &["campaign", "import", "november", "nowhere.csv"],
        1,
        "nowhere.csv",
    );
    let unmapped = [&import[..], &["--map", "number=Fax"]].concat();
    desk.refused(&unmapped, 2, "Name, Telefon");

    desk.ok(&["campaign", "run", "november", "--watch", "--json"]);
    let results = ["campaign", "results", "november"];
    let table = desk.ok(&results);
    assert!(
        table.contains("Bob") && table.contains("+4930123402"),
        "{table}"
    );
    let file = [&results[..], &["--format", "csv", "--out", "out.csv"]].concat();
    desk.ok(&file);
    let csv = std::fs::read_to_string(desk.folder.path().join("out.csv")).unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(
        csv.contains(",'=Ada,") && csv.contains(",+4930123401,0,1,done,success,"),
        "{csv}"
    );
    let lines = desk.ok(&[&results[..], &["--format", "jsonl"]].concat());
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let eve = rows.iter().find(|row| row["target_name"] == "Eve").unwrap();
    assert_eq!(
        (&eve["result"], &eve["hangup_cause"]),
        (&json!("fail"), &json!(17)),
        "{eve}"
    );
    assert!(eve["tm_dial"].is_string() && eve["tm_end"].is_string() && eve["tm_answer"].is_null());
    let reached = rows.iter().filter(|row| row["tm_answer"].is_string());
    assert_eq!(reached.count(), 2);
    desk.refused(&[&results[..], &["--out", "x"]].concat(), 2, "--format csv");
    desk.stop();
}

#[test]
fn what_was_made_for_a_campaign_that_is_refused_goes_again() {
    let desk = Desk::new();
    let bye = desk.flow("bye.json", &json!([{"type": "hangup"}]));
    let create = [
        "campaign",
        "create",
        "--name",
        "x",
        "--from",
        "+493012345600",
        "--flow",
        bye.to_str().unwrap(),
        "--rate=-1",
    ];
    desk.refused(&create, 1, "calls_per_second");
    for noun in ["campaign", "outdial", "outplan"] {
        assert!(desk.ids(&[noun, "list"]).is_empty(), "{noun}");
    }
    desk.stop();
}

#[test]
fn names_that_are_not_one_rows_and_what_cannot_be_meant_are_refused() {
    let desk = Desk::new();
    let first = desk.id(&["outdial", "create", "--name", "twice"]);
    desk.id(&[
        "outdial",
        "create",
        "--name",
        "twice",
        "--detail",
        "the second",
    ]);
    desk.id(&[
        "outplan",
        "create",
        "--name",
        "plan",
        "--from",
        "+493012345600",
    ]);
    desk.refused(&["outdial", "get", "twice"], 2, &first);
    desk.refused(&["outdial", "get", "once"], 1, "trunkline outdial list");
    desk.refused(&["call", "get", "x"], 1, "NOT_FOUND");
    desk.refused(&["target", "get", "x"], 2, "trunkline target list");
    desk.refused(
        &["target", "add", "twice", "--to", "030 1234"],
        2,
        "cannot be called",
    );
    desk.refused(&["outplan", "change", "plan"], 2, "nothing to change");
    desk.refused(&["provider", "create"], 2, "--host");
    desk.refused(&["route", "create"], 2, "--trunk or --provider");
    desk.refused(&["campaign", "create"], 2, "Usage");
    desk.refused(
        &["campaign", "create", "--name", "x", "--say", "y"],
        2,
        "--from",
    );
    desk.refused(&["api", "GET", "/v1/nothing"], 1, "NO_SUCH_ROUTE");
    desk.refused(
        &["api", "POST", "/v1/outdials", "--data", "{"],
        2,
        "no JSON",
    );
    desk.refused(&["campaign", "list", "--url", "nonsense"], 2, "no address");
    desk.refused(
        &["campaign", "list", "--url", "http://127.0.0.1:1"],
        3,
        "trunkline serve",
    );
    desk.refused(
        &["campaign", "list", "--token", "tl_wrong"],
        1,
        "trunkline login",
    );
    let asterisk = desk.asterisk.as_ref().unwrap().url();
    desk.refused(
        &["campaign", "list", "--url", &asterisk],
        1,
        "the API answered 404",
    );
    desk.stop();
}

#[test]
fn tokens_and_raw_requests() {
    let desk = Desk::new();
    let made = desk.json(&["token", "create", "--name", "crm", "--expires", "30d"]);
    let text = made["token"].as_str().unwrap();
    assert!(made["tm_expire"].is_string(), "{made}");
    assert!(desk.ok(&["campaign", "list", "--token", text]).is_empty());
    let listed = desk.ok(&["token", "list"]);
    assert!(listed.contains("crm") && !listed.contains(text), "{listed}");
    desk.json(&["token", "revoke", "crm"]);
    desk.refused(&["campaign", "list", "--token", text], 1, "trunkline login");

    let body = desk.flow("body.json", &json!({"name": "raw"}));
    let data = format!("@{}", body.display());
    let row = desk.json(&["api", "post", "/v1/outdials", "--data", &data]);
    let path = format!("/v1/outdials/{}", row["id"].as_str().unwrap());
    assert_eq!(desk.json(&["api", "GET", &path])["name"], "raw");
    assert_eq!(desk.json(&["parked", "list"])["result"], json!([]));
    desk.stop();
}

#[test]
fn trunks_and_phones_are_made_changed_and_deleted() {
    let desk = Desk::new();
    let secret = desk.folder.path().join("secret");
    std::fs::write(&secret, "s3cret-word\n").unwrap();
    let trunk = desk.id(&[
        "trunk",
        "create",
        "--name",
        "carrier",
        "--host",
        "127.0.0.1",
        "--user",
        "4930999",
        "--password-file",
        secret.to_str().unwrap(),
        "--qualify",
        "0",
    ]);
    let shown = desk.ok(&["trunk", "get", "carrier"]);
    assert!(
        shown.contains(&trunk) && !shown.contains("s3cret"),
        "{shown}"
    );
    desk.ok(&["trunk", "change", "carrier", "--codecs", "PCMA"]);
    assert_eq!(desk.json(&["trunk", "get", &trunk])["codecs"], "PCMA");
    let route = desk.json(&["route", "create", "--target", "+49", "--trunk", "carrier"]);
    assert_eq!(
        route["provider_id"],
        desk.json(&["trunk", "get", "carrier"])["provider_id"]
    );
    // Nobody registers a simulated trunk: the test says so, and does not fail as a
    // command does.
    let tested = desk.run(&["trunk", "test", "carrier", "--json"]);
    let report: Value = serde_json::from_str(&tested.out).unwrap();
    assert_eq!(tested.status, i32::from(report["ok"] != true), "{report}");
    assert!(report["detail"].is_string(), "{report}");

    let phone = desk.json(&["phone", "create", "1001", "--name", "Ada"]);
    assert!(phone["generated_password"].is_string(), "{phone}");
    desk.ok(&["phone", "change", "1001", "--name", "Grace"]);
    assert_eq!(desk.json(&["phone", "get", "1001"])["name"], "Grace");
    let renewed = desk.json(&["phone", "password", "1001"]);
    assert_ne!(renewed["generated_password"], phone["generated_password"]);
    desk.id(&["outdial", "create", "--name", "inside"]);
    let target = desk.id(&["target", "add", "inside", "--to", "extension:1001"]);
    let target = desk.json(&["target", "get", &target]);
    assert_eq!(target["destination_0"]["target"], phone["id"]);
    for noun in ["phone", "trunk"] {
        assert!(desk.ok(&[noun, "list"]).starts_with("ID "), "{noun}");
    }
    desk.json(&["phone", "delete", "1001"]);
    desk.json(&["route", "delete", route["id"].as_str().unwrap()]);
    desk.json(&["trunk", "delete", "carrier"]);
    for noun in ["phone", "trunk"] {
        assert!(desk.ids(&[noun, "list"]).is_empty(), "{noun}");
    }
    desk.stop();
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let desk = Desk::new();
    let mut tail = desk.command(&["events", "--type", "outdial_", "--count", "1", "--json"]);
    let mut tail = tail
        .env("TRUNKLINE_URL", &desk.url)
        .env("TRUNKLINE_TOKEN", &desk.token)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It hears what comes after it has begun: tell it until it has.
    let mut made = 0;
    while tail.try_wait().unwrap().is_none() {
        desk.id(&["outdial", "create", "--name", "heard"]);
        made += 1;
        assert!(made < 1_000, "it hears nothing");
    }
    let output = Done::of(tail.wait_with_output().unwrap());
    let event: Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(
        (&event["type"], &event["data"]["name"]),
        (&json!("outdial_created"), &json!("heard"))
    );
    // And goes on after what it has heard.
    let last = event["id"].as_str().unwrap();
    desk.id(&["outdial", "create", "--name", "later"]);
    let rest = [
        "events", "--after", last, "--type", "outdial_", "--count", "1",
    ];
    let rest = desk.ok(&rest);
    assert!(rest.contains("outdial_created"), "{rest}");
    desk.stop();
}

#[test]
fn limits_are_shown_and_set() {
    let desk = Desk::new();
    let before = desk.json(&["limits"]);
    assert_ne!(before["concurrent_calls"], json!(7));
    let set = desk.json(&["limits", "--concurrent", "7"]);
    assert_eq!(set["concurrent_calls"], json!(7));
    assert_eq!(
        set["calls_per_second"], before["calls_per_second"],
        "what is left out stays"
    );
    assert!(desk.ok(&["limits"]).contains("concurrent_calls  7"));
    desk.stop();
}

#[test]
fn completions_and_version_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = program().args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains("campaign"),
            "{shell}"
        );
    }
    let output = program().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with(concat!("trunkline ", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
}
