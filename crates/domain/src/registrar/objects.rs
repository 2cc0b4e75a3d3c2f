//! The objects that Asterisk is given for a trunk or a phone, in the order in which
//! it is given them: the endpoint comes last, so that whoever sees an endpoint of the
//! right version knows that everything behind it is there (tried with 22.10.1).

use std::net::Ipv6Addr;

use trunkline_model::Timestamp;
use trunkline_model::phone::Phone;
use trunkline_model::trunk::{Identity, Mode, Transport, Trunk};

use super::{check, phone};

/// Channel variable that says which version of the data an endpoint was made from.
pub const VERSION: &str = "TRUNKLINE_VERSION";
/// Channel variable that says which domain its calls are for.
pub const DOMAIN: &str = "TRUNKLINE_DOMAIN";
/// Channel variable that says in which country its numbers are read.
pub const COUNTRY: &str = "TRUNKLINE_COUNTRY";

/// Counts up when the objects below are made differently: Asterisk gets them anew.
const FORMAT: u32 = 1;

/// Kinds of objects in the order in which they are taken away: a registration first,
/// so that the carrier is told.
pub const REMOVAL: [&str; 5] = ["registration", "identify", "endpoint", "aor", "auth"];

/// One object of Asterisk's dynamic configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// Such as `endpoint`.
    pub kind: &'static str,
    /// Attributes with their values. May hold a password.
    pub fields: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What Asterisk is to have under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    /// See [`VERSION`].
    pub version: String,
    pub objects: Vec<Object>,
}

/// The objects of a trunk; `base` is the platform's base domain.
#[must_use]
pub fn of_trunk(trunk: &Trunk, base: &str) -> Wanted {
    let name = trunk.endpoint();
    let host = uri_host(&trunk.host);
    let transport = match trunk.transport {
        Transport::Tcp => "tcp",
        Transport::Udp | Transport::Tls | Transport::Other(_) => "udp",
    };
    let parameter = if transport == "tcp" {
        ";transport=tcp"
    } else {
        ""
    };
    let uri = format!("sip:{host}:{}{parameter}", trunk.port);
    let has_auth = !trunk.password.0.is_empty();
    let mut objects = Vec::new();
    if has_auth {
        let user = non_empty(&trunk.auth_username, &trunk.username);
        objects.push(auth(user, &trunk.password.0));
    }
    objects.push(object("aor", {
        let mut fields = vec![("contact", uri.clone())];
        fields.push(("qualify_frequency", trunk.qualify.to_string()));
        fields.push(("qualify_timeout", "3".to_owned()));
        fields
    }));
    objects.push(object("identify", {
        let mut fields = vec![("endpoint", name.clone()), ("match", trunk.host.clone())];
        fields.extend(trunk.matches.iter().map(|entry| ("match", entry.clone())));
        fields
    }));
    if trunk.mode == Mode::Registration {
        objects.push(registration(trunk, &name, &host, transport, &uri, has_auth));
    }
    objects.push(object("endpoint", {
        let mut fields = common(&trunk.codecs);
        fields.push(("transport", format!("transport-{transport}")));
        fields.push(("aors", name.clone()));
        if has_auth {
            fields.push(("outbound_auth", name.clone()));
        }
        let from_user = match trunk.mode {
            Mode::Registration => non_empty(&trunk.from_user, &trunk.username),
            Mode::Address | Mode::Other(_) => trunk.from_user.as_str(),
        };
        if !from_user.is_empty() {
            fields.push(("from_user", from_user.to_owned()));
        }
        let from_domain = uri_host(non_empty(&trunk.from_domain, &trunk.host));
        fields.push(("from_domain", from_domain));
        match trunk.identity {
            Identity::Pai => fields.push(("send_pai", "yes".to_owned())),
            Identity::Rpid => fields.push(("send_rpid", "yes".to_owned())),
            Identity::None | Identity::Other(_) => {}
        }
        fields.extend(variables(
            base,
            &trunk.country,
            &version(trunk.tm_update, trunk.tm_create),
        ));
        fields
    }));
    Wanted {
        version: version(trunk.tm_update, trunk.tm_create),
        name,
        objects,
    }
}

fn registration(
    trunk: &Trunk,
    name: &str,
    host: &str,
    transport: &str,
    uri: &str,
    has_auth: bool,
) -> Object {
    let user = trunk.username.as_str();
    // The account may be user@domain already.
    let client = match user.contains('@') {
        true => format!("sip:{user}"),
        false => format!("sip:{user}@{host}:{}", trunk.port),
    };
    let contact = non_empty(&trunk.caller_id, user.split('@').next().unwrap_or_default());
    let mut fields = vec![
        ("transport", format!("transport-{transport}")),
        ("server_uri", uri.to_owned()),
        ("client_uri", client),
        // What the carrier calls: our number, where it is known.
        ("contact_user", contact.to_owned()),
        ("expiration", trunk.expiration.to_string()),
        // Incoming calls are known by what this adds to our contact, whatever
        // address the carrier sends them from.
        ("line", "yes".to_owned()),
        ("endpoint", name.to_owned()),
        // It is tried for ever: who corrects his account at the carrier need not
        // tell us.
        ("auth_rejection_permanent", "no".to_owned()),
        ("max_retries", "4294967295".to_owned()),
        ("retry_interval", "20".to_owned()),
        ("forbidden_retry_interval", "60".to_owned()),
        ("fatal_retry_interval", "60".to_owned()),
        ("max_random_initial_delay", "0".to_owned()),
    ];
    if has_auth {
        fields.push(("outbound_auth", name.to_owned()));
    }
    object("registration", fields)
}

/// The objects of a phone; `base` is the platform's base domain.
#[must_use]
pub fn of_phone(it: &Phone, base: &str) -> Wanted {
    let name = it.username.clone();
    let version = version(it.tm_update, it.tm_create);
    let aor = vec![
        ("max_contacts", it.max_contacts.to_string()),
        ("remove_existing", "yes".to_owned()),
        ("qualify_frequency", "60".to_owned()),
    ];
    let mut endpoint = common(&it.codecs);
    endpoint.extend([
        ("auth", name.clone()),
        ("aors", name.clone()),
        // A telephone behind a router is answered where it spoke from.
        ("rewrite_contact", "yes".to_owned()),
        (
            "callerid",
            format!("\"{}\" <{}>", phone::display_name(&it.name), it.extension),
        ),
    ]);
    endpoint.extend(variables(base, &it.country, &version));
    Wanted {
        version,
        objects: vec![
            auth(&it.username, &it.password.0),
            object("aor", aor),
            object("endpoint", endpoint),
        ],
        name,
    }
}

/// What endpoints of both kinds have.
fn common(codecs: &str) -> Vec<(&'static str, String)> {
    let allow = check::codecs(codecs).unwrap_or_else(|_| "alaw,ulaw".to_owned());
    [
        ("context", "call-in"),
        ("disallow", "all"),
        ("allow", &allow),
        ("dtmf_mode", "rfc4733"),
        ("direct_media", "no"),
        ("send_connected_line", "no"),
        ("timers", "no"),
        ("rtp_symmetric", "yes"),
        ("force_rport", "yes"),
    ]
    .map(|(attribute, value)| (attribute, value.to_owned()))
    .to_vec()
}

fn variables(base: &str, country: &str, version: &str) -> Vec<(&'static str, String)> {
    [
        (DOMAIN, format!("pstn.{base}")),
        (COUNTRY, country.to_owned()),
        (VERSION, version.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| ("set_var", format!("{name}={value}")))
    .collect()
}

fn auth(user: &str, password: &str) -> Object {
    object(
        "auth",
        vec![
            ("auth_type", "userpass".to_owned()),
            ("username", user.to_owned()),
            ("password", password.to_owned()),
        ],
    )
}

fn object(kind: &'static str, fields: Vec<(&'static str, String)>) -> Object {
    Object { kind, fields }
}

/// Every change of the row gives another one. Nothing of the row can be told from it.
fn version(updated: Option<Timestamp>, created: Option<Timestamp>) -> String {
    let at = updated.or(created).map_or(0, Timestamp::as_micros);
    format!("{FORMAT}-{at}")
}

fn non_empty<'a>(value: &'a str, otherwise: &'a str) -> &'a str {
    if value.is_empty() { otherwise } else { value }
}

/// A host as it stands in a URI.
fn uri_host(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use trunkline_model::customer::Secret;

    use super::super::trunk::usual;
    use super::*;

    fn value<'a>(wanted: &'a Wanted, kind: &str, attribute: &str) -> Vec<&'a str> {
        let object = wanted.objects.iter().find(|object| object.kind == kind);
        let fields = object
            .map(|object| object.fields.as_slice())
            .unwrap_or_default();
        fields
            .iter()
            .filter(|(name, _)| *name == attribute)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    fn trunk() -> Trunk {
        Trunk {
            host: "sip.example.net".to_owned(),
            username: "cust".to_owned(),
            password: Secret("pass".to_owned()),
            country: "de".to_owned(),
            tm_create: Some(Timestamp::from_micros(7)),
            ..usual()
        }
    }

    #[test]
    fn a_registered_trunk_is_five_objects_with_the_endpoint_last() {
        let wanted = of_trunk(&trunk(), "example.org");
        let kinds: Vec<&str> = wanted.objects.iter().map(|object| object.kind).collect();
        assert_eq!(
            kinds,
            ["auth", "aor", "identify", "registration", "endpoint"]
        );
        for (kind, attribute, expected) in [
            ("aor", "contact", vec!["sip:sip.example.net:5060"]),
            ("identify", "match", vec!["sip.example.net"]),
            (
                "registration",
                "client_uri",
                vec!["sip:cust@sip.example.net:5060"],
            ),
            ("registration", "contact_user", vec!["cust"]),
            ("endpoint", "from_user", vec!["cust"]),
            ("endpoint", "from_domain", vec!["sip.example.net"]),
            ("endpoint", "allow", vec!["alaw,ulaw"]),
            (
                "endpoint",
                "set_var",
                vec![
                    "TRUNKLINE_DOMAIN=pstn.example.org",
                    "TRUNKLINE_COUNTRY=de",
                    "TRUNKLINE_VERSION=1-7",
                ],
            ),
        ] {
            assert_eq!(
                value(&wanted, kind, attribute),
                expected,
                "{kind} {attribute}"
            );
        }
        assert!(!format!("{wanted:?}").contains("pass"));
    }

    #[test]
    fn a_trunk_by_address_neither_registers_nor_names_itself() {
        let by_address = Trunk {
            mode: Mode::Address,
            transport: Transport::Tcp,
            host: "2001:db8::1".to_owned(),
            password: Secret::default(),
            matches: vec!["198.51.100.0/24".to_owned()],
            ..trunk()
        };
        let wanted = of_trunk(&by_address, "x");
        let kinds: Vec<&str> = wanted.objects.iter().map(|object| object.kind).collect();
        assert_eq!(kinds, ["aor", "identify", "endpoint"]);
        assert_eq!(
            value(&wanted, "aor", "contact"),
            ["sip:[2001:db8::1]:5060;transport=tcp"]
        );
        assert_eq!(
            value(&wanted, "identify", "match"),
            ["2001:db8::1", "198.51.100.0/24"]
        );
        assert!(value(&wanted, "endpoint", "from_user").is_empty());
        assert!(value(&wanted, "endpoint", "outbound_auth").is_empty());
    }

    #[test]
    fn a_number_that_is_known_is_what_the_carrier_calls() {
        let numbered = Trunk {
            caller_id: "+4930123456".to_owned(),
            ..trunk()
        };
        let wanted = of_trunk(&numbered, "x");
        assert_eq!(
            value(&wanted, "registration", "contact_user"),
            ["+4930123456"]
        );
    }

    #[test]
    fn every_change_is_another_version() {
        let changed = Trunk {
            tm_update: Some(Timestamp::from_micros(8)),
            ..trunk()
        };
        assert_ne!(
            of_trunk(&trunk(), "x").version,
            of_trunk(&changed, "x").version
        );
    }

    #[test]
    fn a_phone_is_three_objects_under_its_user_name() {
        let phone = Phone {
            extension: "1001".to_owned(),
            username: "1001-a".to_owned(),
            name: "Ann \"x\"".to_owned(),
            ..super::phone::usual()
        };
        let wanted = of_phone(&phone, "x");
        assert_eq!((wanted.name.as_str(), wanted.objects.len()), ("1001-a", 3));
        assert_eq!(value(&wanted, "endpoint", "callerid"), ["\"Ann x\" <1001>"]);
        assert_eq!(value(&wanted, "endpoint", "auth"), ["1001-a"]);
    }
}
