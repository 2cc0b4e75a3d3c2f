//! Trunk: a SIP line to a carrier, as data. Trunkline's own resource
//! (architecture decision 21).

use serde::{Deserialize, Serialize};

use crate::customer::Secret;
use crate::id::{AsteriskId, CustomerId, ProviderId, TrunkId};
use crate::time::Timestamp;

/// End of the host name by which a provider is known to be a trunk: RFC 2606
/// keeps `.invalid` free, so nobody can be dialed by it.
pub const PROVIDER_DOMAIN: &str = ".trunk.invalid";

/// Key of a provider's metadata: the number that a trunk shows.
pub const CALLER_ID: &str = "caller_id";

wire_enum! {
    /// What SIP is carried by.
    pub enum Transport {
        Udp = "udp",
        Tcp = "tcp",
        Tls = "tls",
    }
    default Udp
}

wire_enum! {
    /// How the carrier knows where to send incoming calls.
    pub enum Mode {
        /// Asterisk registers with user and password.
        Registration = "registration",
        /// The carrier knows our address, and we know his.
        Address = "address",
    }
    default Registration
}

wire_enum! {
    /// Whether the caller's number is asserted besides standing in `From`.
    pub enum Identity {
        None = "none",
        /// P-Asserted-Identity (RFC 3325).
        Pai = "pai",
        /// Remote-Party-ID.
        Rpid = "rpid",
    }
    default Pai
}

/// A SIP trunk, as it is stored. Its password leaves only towards Asterisk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Trunk {
    pub id: TrunkId,
    pub customer_id: CustomerId,
    pub name: String,
    pub detail: String,
    /// Host name or address of the carrier.
    pub host: String,
    pub port: i64,
    pub transport: Transport,
    pub mode: Mode,
    /// User of the account; also that of `From`, unless `from_user` says otherwise.
    pub username: String,
    /// User for the digest, where the carrier has another one for it; empty =
    /// `username`.
    pub auth_username: String,
    /// Never on the wire.
    #[serde(skip)]
    pub password: Secret,
    /// Seconds that a registration is asked for.
    pub expiration: i64,
    /// Seconds between two OPTIONS that find out whether the carrier answers; 0 =
    /// none.
    pub qualify: i64,
    /// Comma separated, in the order of preference.
    pub codecs: String,
    /// Number that is shown to the people who are called; empty = the call's own.
    pub caller_id: String,
    /// User of `From`; empty = `username` where there is one.
    pub from_user: String,
    /// Host of `From`; empty = `host`.
    pub from_domain: String,
    pub identity: Identity,
    /// Put before the dialed number.
    pub tech_prefix: String,
    /// Country in which numbers without a country code are read, lower-case
    /// alpha-2; empty = none.
    pub country: String,
    /// Further hosts, addresses or networks that the carrier's calls come from.
    pub matches: Vec<String>,
    pub enabled: bool,
    /// What routes lead to.
    pub provider_id: ProviderId,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Trunk {
    /// Name of its objects in every Asterisk.
    #[must_use]
    pub fn endpoint(&self) -> String {
        endpoint(self.id)
    }

    /// Host name of its provider.
    #[must_use]
    pub fn provider_hostname(&self) -> String {
        format!("{}{PROVIDER_DOMAIN}", self.id)
    }
}

/// Name of a trunk's objects in every Asterisk.
#[must_use]
pub fn endpoint(id: TrunkId) -> String {
    format!("trunk-{id}")
}

/// The trunk that a provider's host name stands for.
#[must_use]
pub fn of_provider(hostname: &str) -> Option<TrunkId> {
    let id = hostname.strip_suffix(PROVIDER_DOMAIN)?.parse().ok()?;
    Some(id).filter(|id: &TrunkId| !id.is_nil())
}

/// Whether one Asterisk has a trunk or a phone as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Placement {
    pub asterisk_id: AsteriskId,
    /// `pushed`, `failed` or `waiting`.
    pub state: String,
    /// In plain words, when it is not pushed.
    pub detail: String,
    pub tm_update: Option<Timestamp>,
}

/// How a trunk's registration stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Registration {
    /// `registered`, `rejected`, `unregistered`, `none` or `unknown`.
    pub state: String,
    /// In plain words, with what to do.
    pub detail: String,
    pub tm_checked: Option<Timestamp>,
}

/// A trunk as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct View {
    #[serde(flatten)]
    pub trunk: Trunk,
    pub has_password: bool,
    /// `pushed`, `failed`, `waiting` or `disabled`: the worst of `asterisks`.
    pub state: String,
    pub asterisks: Vec<Placement>,
    pub registration: Registration,
    /// Whether the carrier answers OPTIONS: `yes`, `no` or `unknown`.
    pub reachable: String,
}

/// What a test of a trunk found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct TestReport {
    pub ok: bool,
    /// A word for programs, such as `answered` or `registration_refused`.
    pub result: String,
    /// What was found, in plain words.
    pub detail: String,
    /// What to do about it; empty when all is well.
    pub hint: String,
    /// SIP status that the carrier answered with; 0 = none.
    pub sip_code: i64,
    /// The call that was made, if one was.
    pub call_id: Option<crate::id::CallId>,
}
