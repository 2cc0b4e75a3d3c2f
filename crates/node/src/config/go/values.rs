//! From the text of a Go service's option to options of ours. A problem never shows
//! a value that may hold a password.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;

use trunkline_asterisk_proxy::Account;
use trunkline_bus_rabbitmq::Address;
use trunkline_store::dsn::Dsn;

use super::super::asterisk::Asterisk;
use super::super::{Config, Url};

/// Where the reference's proxy looks for AMI.
const AMI_HOST: &str = "127.0.0.1";
const AMI_PORT: &str = "5038";

/// What a port is.
const PORT: &str = "a port from 1 to 65535";

/// What a value becomes, or what is wrong with it.
pub(super) type Set = fn(&mut Config, &str) -> Result<(), String>;

/// Taken, and without effect.
pub(super) fn nothing(_: &mut Config, _: &str) -> Result<(), String> {
    Ok(())
}

/// A whole number, taken and without effect.
pub(super) fn whole_number(_: &mut Config, value: &str) -> Result<(), String> {
    number::<u32>(value, "a whole number").map(drop)
}

/// A port, taken and without effect.
pub(super) fn port(_: &mut Config, value: &str) -> Result<(), String> {
    number::<NonZeroU16>(value, PORT).map(drop)
}

/// A truth value, taken and without effect.
pub(super) fn truth(_: &mut Config, value: &str) -> Result<(), String> {
    is_true(value).map(drop)
}

/// `host:port` of Redis, taken and without effect.
pub(super) fn redis_address(_: &mut Config, value: &str) -> Result<(), String> {
    let parts = value.rsplit_once(':');
    let is_address = parts.is_some_and(|(name, port)| {
        // As in the reference, a port alone is one of this machine.
        (name.is_empty() || host(name).is_ok_and(|host| host == name))
            && port.parse::<NonZeroU16>().is_ok()
    });
    if is_address {
        return Ok(());
    }
    Err(
        "must be a host and a port, such as localhost:6379; the password is given by itself"
            .to_owned(),
    )
}

/// MySQL: what is not there must not be passed over, nor what would be wrong then.
pub(super) fn database(_: &mut Config, value: &str) -> Result<(), String> {
    value
        .parse::<Dsn>()
        .map_err(|error| format!("cannot be used: {error}"))?;
    Err(
        "is given, but this version has no MySQL yet: leave it out, and the role keeps its rows in \
         SQLite under `--data-dir`. A role that must go on with VoIPbin's tables cannot be switched \
         over yet"
            .to_owned(),
    )
}

pub(super) fn broker(config: &mut Config, value: &str) -> Result<(), String> {
    let address = value.parse::<Address>();
    let address = address.map_err(|error| format!("cannot be used: {error}"))?;
    config.bus.url = Url(Some(address));
    Ok(())
}

pub(super) fn metrics_path(config: &mut Config, value: &str) -> Result<(), String> {
    value.clone_into(&mut config.metrics.endpoint);
    Ok(())
}

/// As Go's `net.Listen` takes it, host names but `localhost` excepted: `:2112` is that
/// port of every IPv4 address.
pub(super) fn metrics_listen(config: &mut Config, value: &str) -> Result<(), String> {
    let listen = match value.rsplit_once(':') {
        Some(("", port)) => port
            .parse()
            .ok()
            .map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        Some(("localhost", port)) => port
            .parse()
            .ok()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ => value.parse().ok(),
    };
    config.metrics.listen = listen.ok_or_else(|| {
        format!("is `{value}`; it must be `:PORT` or an IP address and a port, such as :2112")
    })?;
    Ok(())
}

pub(super) fn base_domain(config: &mut Config, value: &str) -> Result<(), String> {
    value.clone_into(&mut config.call.base_domain);
    Ok(())
}

pub(super) fn bucket_name(config: &mut Config, value: &str) -> Result<(), String> {
    value.clone_into(&mut config.call.bucket_name);
    Ok(())
}

pub(super) fn recording_bucket(config: &mut Config, value: &str) -> Result<(), String> {
    for asterisk in &mut config.asterisk {
        value.clone_into(&mut asterisk.proxy.recording_bucket);
    }
    Ok(())
}

pub(super) fn ari_address(config: &mut Config, value: &str) -> Result<(), String> {
    let url = match value.split_once("://") {
        None => format!("http://{value}"),
        Some(("http", _)) => value.to_owned(),
        Some(_) => {
            return Err(
                "must be a host and a port, such as localhost:8088, which are reached over http"
                    .to_owned(),
            );
        }
    };
    only(config)?.proxy.url = url;
    Ok(())
}

pub(super) fn ari_account(config: &mut Config, value: &str) -> Result<(), String> {
    let asterisk = only(config)?;
    asterisk.proxy.account = Account::new(value);
    asterisk.account_given = true;
    Ok(())
}

pub(super) fn ari_subscribe_all(config: &mut Config, value: &str) -> Result<(), String> {
    only(config)?.proxy.subscribe_all = is_true(value)?;
    Ok(())
}

pub(super) fn ari_application(config: &mut Config, value: &str) -> Result<(), String> {
    value.clone_into(&mut only(config)?.proxy.application);
    Ok(())
}

pub(super) fn ami_host(config: &mut Config, value: &str) -> Result<(), String> {
    let host = host(value)?;
    let asterisk = only(config)?;
    let (_, port) = ami(asterisk);
    asterisk.proxy.ami = format!("{host}:{port}");
    Ok(())
}

/// A host as it stands before a port.
fn host(value: &str) -> Result<String, String> {
    let bare = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(value).parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    if value.contains([':', '/', '@', '[', ']']) || value.contains(char::is_whitespace) {
        return Err(
            "must be a host alone, such as 127.0.0.1: the port is given by itself".to_owned(),
        );
    }
    Ok(value.to_owned())
}

pub(super) fn ami_port(config: &mut Config, value: &str) -> Result<(), String> {
    let port = number::<NonZeroU16>(value, PORT)?;
    let asterisk = only(config)?;
    let (host, _) = ami(asterisk);
    asterisk.proxy.ami = format!("{host}:{port}");
    Ok(())
}

pub(super) fn ami_username(config: &mut Config, value: &str) -> Result<(), String> {
    if value.contains(':') {
        return Err("holds a `:`, which a user of AMI cannot have".to_owned());
    }
    let account = &mut only(config)?.proxy.ami_account;
    *account = account.with_user(value);
    Ok(())
}

pub(super) fn ami_password(config: &mut Config, value: &str) -> Result<(), String> {
    let account = &mut only(config)?.proxy.ami_account;
    *account = account.with_password(value);
    Ok(())
}

pub(super) fn queues(config: &mut Config, value: &str) -> Result<(), String> {
    let queues = value.split(',').map(|queue| queue.trim().to_owned());
    only(config)?.proxy.permanent_queues = queues.collect();
    Ok(())
}

/// The reference's default, where nothing else was said.
pub(super) fn default_ami(config: &mut Config) {
    if let [only] = config.asterisk.as_mut_slice()
        && only.proxy.ami.is_empty()
    {
        only.proxy.ami = format!("{AMI_HOST}:{AMI_PORT}");
    }
}

/// Host and port as they stand, or the reference's.
fn ami(asterisk: &Asterisk) -> (String, String) {
    let parts = asterisk.proxy.ami.rsplit_once(':');
    let (host, port) = parts.unwrap_or((AMI_HOST, AMI_PORT));
    (host.to_owned(), port.to_owned())
}

/// A Go proxy has one Asterisk; a file may name several.
fn only(config: &mut Config) -> Result<&mut Asterisk, String> {
    let count = config.asterisk.len();
    match config.asterisk.as_mut_slice() {
        [only] => Ok(only),
        _ => Err(format!(
            "is of one Asterisk, and the configuration has {count} `[[asterisk]]`: say it there"
        )),
    }
}

/// What Go's `strconv.ParseBool` takes, in any case.
pub(super) fn is_true(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err(format!("is `{value}`; it must be true or false")),
    }
}

fn number<T: std::str::FromStr>(value: &str, what: &str) -> Result<T, String> {
    let problem = |_| format!("is `{value}`; it must be {what}");
    value.parse().map_err(problem)
}
