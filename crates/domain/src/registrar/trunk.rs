//! What a trunk may hold.

use trunkline_model::trunk::{Identity, Mode, Transport, Trunk};

use super::Invalid;
use super::check::{self, wrong};
use crate::phone::is_e164;

/// Most entries of `matches`.
const MOST_MATCHES: usize = 32;

/// A trunk with what is usual.
#[must_use]
pub fn usual() -> Trunk {
    Trunk {
        port: 5060,
        expiration: 300,
        qualify: 30,
        codecs: "PCMA,PCMU".to_owned(),
        enabled: true,
        ..Trunk::default()
    }
}

/// Checks a trunk as a whole.
///
/// # Errors
///
/// The first field that is wrong.
pub fn check(trunk: &Trunk) -> Result<(), Invalid> {
    check::text("name", &trunk.name)?;
    check::text("detail", &trunk.detail)?;
    check::host("host", &trunk.host)?;
    check::whole("port", trunk.port, 1, 65_535)?;
    kind_of_line(trunk)?;
    check::user("username", &trunk.username)?;
    check::user("auth_username", &trunk.auth_username)?;
    check::password(&trunk.password.0)?;
    if !trunk.password.0.is_empty() && trunk.username.is_empty() {
        return Err(wrong("username", "must be given with a password"));
    }
    check::whole("expiration", trunk.expiration, 60, 86_400)?;
    check::whole("qualify", trunk.qualify, 0, 3_600)?;
    check::codecs(&trunk.codecs)?;
    numbers(trunk)?;
    check::country(&trunk.country)?;
    if trunk.matches.len() > MOST_MATCHES {
        return Err(wrong(
            "matches",
            format!("holds more than {MOST_MATCHES} entries"),
        ));
    }
    trunk
        .matches
        .iter()
        .try_for_each(|entry| check::network("matches", entry))
}

fn kind_of_line(trunk: &Trunk) -> Result<(), Invalid> {
    match &trunk.transport {
        Transport::Udp | Transport::Tcp => {}
        Transport::Tls => {
            let why = "is tls, which Trunkline does not set up in Asterisk yet; use udp or tcp";
            return Err(wrong("transport", why));
        }
        Transport::Other(other) => {
            return Err(wrong(
                "transport",
                format!("is `{other}`; it is udp or tcp"),
            ));
        }
    }
    match &trunk.mode {
        Mode::Registration if trunk.username.is_empty() => Err(wrong(
            "username",
            "must be given: a registration needs the user of the account (or set `mode` to address)",
        )),
        Mode::Registration | Mode::Address => Ok(()),
        Mode::Other(other) => Err(wrong(
            "mode",
            format!("is `{other}`; it is registration or address"),
        )),
    }?;
    match &trunk.identity {
        Identity::None | Identity::Pai | Identity::Rpid => Ok(()),
        Identity::Other(other) => Err(wrong(
            "identity",
            format!("is `{other}`; it is none, pai or rpid"),
        )),
    }
}

fn numbers(trunk: &Trunk) -> Result<(), Invalid> {
    if !trunk.caller_id.is_empty() && !is_e164(&trunk.caller_id) {
        let why = "is written as + and 7 to 15 digits, such as +15551234567";
        return Err(wrong("caller_id", why));
    }
    check::user("from_user", &trunk.from_user)?;
    if !trunk.from_domain.is_empty() {
        check::host("from_domain", &trunk.from_domain)?;
    }
    let dialable = |byte: u8| byte.is_ascii_digit() || b"+*".contains(&byte);
    if trunk.tech_prefix.len() > 16 || !trunk.tech_prefix.bytes().all(dialable) {
        let why = "is at most 16 of the characters 0 to 9, + and *";
        return Err(wrong("tech_prefix", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(change: impl FnOnce(&mut Trunk)) -> Result<(), &'static str> {
        let mut trunk = Trunk {
            host: "sip.example.net".to_owned(),
            username: "cust".to_owned(),
            ..usual()
        };
        change(&mut trunk);
        check(&trunk).map_err(|invalid| invalid.field)
    }

    #[test]
    fn a_wrong_field_is_named() {
        assert_eq!(trunk(|_| ()), Ok(()));
        assert_eq!(trunk(|it| it.mode = Mode::Address), Ok(()));
        type Case = (fn(&mut Trunk), &'static str);
        let cases: [Case; 16] = [
            (|it| it.host.clear(), "host"),
            (|it| it.host = "a;lr".to_owned(), "host"),
            (|it| it.port = 0, "port"),
            (|it| it.transport = "ws".into(), "transport"),
            (|it| it.transport = Transport::Tls, "transport"),
            (|it| it.mode = "trunk".into(), "mode"),
            (|it| it.username.clear(), "username"),
            (|it| it.username = "a@b;c".to_owned(), "username"),
            (|it| it.password.0 = "a\nb".to_owned(), "password"),
            (|it| it.expiration = 5, "expiration"),
            (|it| it.codecs = "ulaw,all".to_owned(), "codecs"),
            (|it| it.caller_id = "030123".to_owned(), "caller_id"),
            (|it| it.from_domain = "a b".to_owned(), "from_domain"),
            (|it| it.tech_prefix = "0@".to_owned(), "tech_prefix"),
            (|it| it.country = "DE".to_owned(), "country"),
            (
                |it| it.matches = vec!["1.2.3.4,0.0.0.0/0".to_owned()],
                "matches",
            ),
        ];
        for (change, field) in cases {
            assert_eq!(trunk(change), Err(field));
        }
    }
}
