//! Outgoing calls: who may call whom, and how the channel is made (chapters 02
//! §10.2–10.3, 03 §4.2–4.6).

use std::collections::BTreeMap;

use serde_json::Value;
use trunkline_model::address::{Address, Kind};
use trunkline_model::call::{Anonymous, Call, Direction, Status, Type, data_key, metadata_key};
use trunkline_model::customer::{Customer, IdentityVerificationStatus, Status as CustomerStatus};
use trunkline_model::id::{CallId, CustomerId, PhoneId, ProviderId};
use trunkline_model::number::Number;
use trunkline_model::outbound_config::OutboundConfig;
use trunkline_model::phone::Phone;
use trunkline_model::route::Provider;
use trunkline_model::trunk;

use crate::call::outbound_config::allows_country;
use crate::phone;

/// Seconds until an unanswered channel is ended by Asterisk.
pub const DIAL_TIMEOUT_S: u32 = 60;

/// Why a call is not made. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "destinations of type `{0}` cannot be called: give a `tel` number, a `sip` address or an `extension`"
    )]
    DestinationKind(String),
    #[error("metadata key `{0}` is not known")]
    MetadataKey(String),
    #[error("the customer is `{0}`, not `active`")]
    CustomerStatus(String),
    #[error("the customer's identity is `{0}`: calls to numbers need `verified`")]
    Identity(String),
    #[error("the customer may begin {0} calls per second")]
    CallRate(u32),
    #[error("the customer has {0} calls that have not ended, and may have no more")]
    TooManyCalls(u32),
    #[error("the customer's account has no balance for a call")]
    Balance,
    #[error(
        "calls to country `{country}` are not allowed: add it to destination_whitelist of the customer's outbound config"
    )]
    Country {
        /// Lower-case alpha-2; empty when it cannot be determined.
        country: String,
    },
    #[error("`{0}` is not a telephone number that can be dialed")]
    Number(String),
    #[error("metadata `route_provider_ids` must be an array with at least one provider id")]
    RouteProviderIds,
    #[error("no dial route leads to `{0}`: add a provider and a route")]
    NoRoute(String),
    #[error(
        "the source `{0}` is not an active number of the customer, and the outbound config has no default number"
    )]
    Source(String),
    #[error("an anonymous call needs a source that starts with `+`, not `{0}`")]
    AnonymousSource(String),
    #[error("the call's dial route is unknown or has no provider")]
    Provider,
    #[error("the customer has no phone `{0}`")]
    Phone(String),
    #[error("the phone `{0}` is switched off")]
    PhoneOff(String),
}

/// Whether a customer id is one of the platform's own (chapter 03 §4.3). Two
/// malformed constants of the reference make the nil id one as well.
#[must_use]
pub fn is_internal(id: CustomerId) -> bool {
    id.is_nil() || id == CustomerId::BASIC_ROUTE || id == CustomerId::SYSTEM
}

/// Checks that the registry knows every metadata key.
///
/// # Errors
///
/// The first key that it does not know.
pub fn check_metadata(metadata: &BTreeMap<String, Value>) -> Result<(), Refused> {
    match metadata
        .keys()
        .find(|key| !metadata_key::ALL.contains(&key.as_str()))
    {
        Some(key) => Err(Refused::MetadataKey(key.clone())),
        None => Ok(()),
    }
}

/// Checks that a destination is one that can be called.
///
/// # Errors
///
/// When it is neither `sip`, `tel` nor `extension`.
pub fn check_destination(destination: &Address) -> Result<(), Refused> {
    if matches!(destination.kind, Kind::Sip | Kind::Tel | Kind::Extension) {
        return Ok(());
    }
    Err(Refused::DestinationKind(destination.kind.to_string()))
}

/// How a phone is named in a destination of type `extension` (chapter 03 §3.5.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneName<'a> {
    /// By its id.
    Id(PhoneId),
    /// By the digits that the customer gave it.
    Extension(&'a str),
}

/// How the phone of a destination is named. Its target is an id, or an extension; an
/// empty target leaves the extension in `target_name`.
#[must_use]
pub fn phone_name(destination: &Address) -> PhoneName<'_> {
    match destination.target.parse() {
        Ok(id) => PhoneName::Id(id),
        Err(_) if destination.target.is_empty() => PhoneName::Extension(&destination.target_name),
        Err(_) => PhoneName::Extension(&destination.target),
    }
}

/// The destination as it is stored: the phone's id and its extension.
///
/// # Errors
///
/// When the phone is not the customer's, or cannot be called.
pub fn phone_destination(
    customer: CustomerId,
    asked: &Address,
    phone: Option<&Phone>,
) -> Result<Address, Refused> {
    let named = || match phone_name(asked) {
        PhoneName::Id(id) => id.to_string(),
        PhoneName::Extension(extension) => extension.to_owned(),
    };
    let phone = phone
        .filter(|phone| phone.customer_id == customer && phone.tm_delete.is_none())
        .ok_or_else(|| Refused::Phone(named()))?;
    if !phone.enabled {
        return Err(Refused::PhoneOff(phone.extension.clone()));
    }
    Ok(Address {
        target: phone.id.to_string(),
        target_name: phone.extension.clone(),
        ..asked.clone()
    })
}

/// Checks the customer's permission.
///
/// # Errors
///
/// When the customer is not active, or not verified for a call to a number.
pub fn check_customer(customer: &Customer, destination: &Address) -> Result<(), Refused> {
    if customer.status != CustomerStatus::Active {
        return Err(Refused::CustomerStatus(customer.status.to_string()));
    }
    let verified = customer.identity_verification_status == IdentityVerificationStatus::Verified;
    if destination.kind == Kind::Tel && !is_internal(customer.id) && !verified {
        return Err(Refused::Identity(
            customer.identity_verification_status.to_string(),
        ));
    }
    Ok(())
}

/// Checks the country of a `tel` destination against the customer's list.
///
/// # Errors
///
/// When the country is unknown or not allowed.
pub fn check_country(
    customer: CustomerId,
    config: Option<&OutboundConfig>,
    country: Option<&str>,
) -> Result<(), Refused> {
    let country = country.unwrap_or_default();
    if is_internal(customer) || allows_country(config, country) {
        return Ok(());
    }
    Err(Refused::Country {
        country: country.to_owned(),
    })
}

/// The providers that the caller wants (chapter 03 §4.4 step 3); empty when he
/// does not care.
///
/// # Errors
///
/// When the value is no array, or has entries but no valid id.
pub fn wanted_providers(metadata: &BTreeMap<String, Value>) -> Result<Vec<ProviderId>, Refused> {
    let Some(value) = metadata.get(metadata_key::ROUTE_PROVIDER_IDS) else {
        return Ok(Vec::new());
    };
    let entries = value.as_array().ok_or(Refused::RouteProviderIds)?;
    let ids: Vec<ProviderId> = entries
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|text| text.parse().ok())
        .collect();
    if ids.is_empty() && !entries.is_empty() {
        return Err(Refused::RouteProviderIds);
    }
    Ok(ids)
}

/// Completes the metadata from the customer and his configuration (chapter 03
/// §4.2 steps 4 and 7). What the caller gave stays.
pub fn complete_metadata(
    metadata: &mut BTreeMap<String, Value>,
    customer: &Customer,
    config: Option<&OutboundConfig>,
    destination: &Address,
) {
    if customer.metadata.rtp_debug {
        metadata
            .entry(metadata_key::RTP_DEBUG.to_owned())
            .or_insert(Value::Bool(true));
    }
    let codecs = config.map_or("", |config| config.codecs.as_str());
    if destination.kind == Kind::Sip && !codecs.is_empty() {
        metadata
            .entry(metadata_key::CODECS.to_owned())
            .or_insert_with(|| codecs.into());
    }
}

/// How the source of a call is found (chapter 03 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceRule {
    /// The given source is used as it is.
    AsGiven,
    /// It must be a number of the customer, else the default number is used.
    OwnNumber,
}

/// Which rule applies.
#[must_use]
pub fn source_rule(destination: &Address, metadata: &BTreeMap<String, Value>) -> SourceRule {
    let skips = metadata.get(metadata_key::SKIP_SOURCE_VALIDATION) == Some(&Value::Bool(true));
    if destination.kind == Kind::Tel && !skips {
        SourceRule::OwnNumber
    } else {
        SourceRule::AsGiven
    }
}

/// A default number as the source of a call.
#[must_use]
pub fn source_of_number(number: &Number) -> Address {
    Address {
        target_name: number.number.clone(),
        ..Address::tel(&number.number)
    }
}

/// Options that a call stores (chapter 03 §4.11).
#[must_use]
pub fn options(
    early_execution: bool,
    connect: bool,
    anonymous: &Anonymous,
) -> BTreeMap<String, String> {
    let anonymous = *anonymous == Anonymous::Yes;
    [
        (data_key::EARLY_EXECUTION, early_execution),
        (data_key::EXECUTE_NEXT_MASTER_ON_HANGUP, connect),
        (data_key::ANONYMOUS, anonymous),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_string()))
    .into()
}

/// Gives a new outgoing call what every one has.
#[must_use]
pub fn new_call(call: Call) -> Call {
    Call {
        kind: Type::Flow,
        direction: Direction::Outgoing,
        status: Status::Dialing,
        ..call
    }
}

/// How the channel of a call is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPlan {
    /// ARI endpoint: technology, trunk and SIP address.
    pub endpoint: String,
    /// Stasis arguments.
    pub app_args: String,
    /// Channel variables, by name.
    pub variables: BTreeMap<String, String>,
}

/// Who carries a call to its destination.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carrier<'a> {
    /// That of the current route; only `tel` destinations have one.
    pub provider: Option<&'a Provider>,
    /// Only `extension` destinations have one.
    pub phone: Option<&'a Phone>,
}

impl<'a> From<Option<&'a Provider>> for Carrier<'a> {
    fn from(provider: Option<&'a Provider>) -> Self {
        Self {
            provider,
            phone: None,
        }
    }
}

impl Carrier<'_> {
    /// Whether Asterisk has an endpoint of its own for it: then nobody else reads
    /// our headers.
    fn is_own_endpoint(&self) -> bool {
        let provider = |provider: &Provider| trunk::of_provider(&provider.hostname).is_some();
        self.phone.is_some() || self.provider.is_some_and(provider)
    }

    /// The number that a trunk shows in place of the call's own.
    fn caller_id(&self) -> Option<&str> {
        let provider = self
            .provider
            .filter(|it| trunk::of_provider(&it.hostname).is_some())?;
        let number = provider
            .metadata
            .as_ref()?
            .get(trunk::CALLER_ID)?
            .as_str()?;
        Some(number).filter(|number| phone::is_e164(number))
    }
}

/// Plans the channel of an outgoing call.
///
/// # Errors
///
/// Without a provider for a `tel` call, without a phone for an extension, or an
/// anonymous one whose source is no E.164 number.
pub fn plan_channel<'a>(
    call: &Call,
    carrier: impl Into<Carrier<'a>>,
) -> Result<ChannelPlan, Refused> {
    let carrier = carrier.into();
    let provider = carrier.provider;
    let endpoint = endpoint(&call.destination, carrier)?;
    let transport = transport(&endpoint);
    let app_args = app_args(call.id, transport);
    let mut variables = provider.map(tech_headers).unwrap_or_default();
    if carrier.is_own_endpoint() {
        add_caller_id(&mut variables, call, carrier.caller_id())?;
        return Ok(ChannelPlan {
            endpoint,
            app_args,
            variables,
        });
    }
    let profile = if matches!(transport, "ws" | "wss") {
        "UDP/TLS/RTP/SAVPF"
    } else {
        "RTP/AVP"
    };
    variables.insert(header("VBOUT-SDP_Transport"), profile.to_owned());
    add_caller_id(&mut variables, call, None)?;
    let own = call
        .metadata
        .get(metadata_key::CODECS)
        .and_then(Value::as_str)
        .unwrap_or_default();
    for codecs in [
        own,
        provider.map_or("", |provider| provider.codecs.as_str()),
    ] {
        if !codecs.is_empty() && is_one_line(codecs) {
            variables.insert(header("VBOUT-CODECS"), codecs.to_owned());
        }
    }
    Ok(ChannelPlan {
        endpoint,
        app_args,
        variables,
    })
}

/// The Stasis arguments of an outgoing call's channel.
#[must_use]
pub fn app_args(call: CallId, transport: &str) -> String {
    format!(
        "context_type=call,context=call-out,call_id={call},transport={transport},direction=outgoing"
    )
}

fn endpoint(destination: &Address, carrier: Carrier<'_>) -> Result<String, Refused> {
    let target = &destination.target;
    if destination.kind == Kind::Extension {
        let phone = carrier
            .phone
            .ok_or_else(|| Refused::Phone(destination.target_name.clone()))?;
        return Ok(format!("pjsip/{}", phone.username));
    }
    if destination.kind == Kind::Tel {
        let provider = carrier.provider.ok_or(Refused::Provider)?;
        let Provider {
            tech_prefix,
            tech_postfix,
            hostname,
            ..
        } = provider;
        if let Some(id) = trunk::of_provider(hostname) {
            let number = format!("{tech_prefix}{target}{tech_postfix}");
            // What follows an `@` or a `/` would be another endpoint.
            let dialable = |byte: u8| byte.is_ascii_digit() || b"+*".contains(&byte);
            if !number.bytes().all(dialable) {
                return Err(Refused::Number(number));
            }
            return Ok(format!("pjsip/{number}@{}", trunk::endpoint(id)));
        }
        return Ok(format!(
            "pjsip/call-out/sip:{tech_prefix}{target}{tech_postfix}@{hostname};transport=udp"
        ));
    }
    let has_scheme = target.starts_with("sip:") || target.starts_with("sips:");
    let uri = if has_scheme {
        target.clone()
    } else {
        format!("sip:{target}")
    };
    if target.contains("transport=ws") {
        let proxy = target
            .split(';')
            .filter_map(|piece| piece.strip_prefix("outbound_proxy="))
            .next_back();
        return Ok(format!(
            "pjsip/call-out-direct-{}/{uri}",
            proxy.unwrap_or_default()
        ));
    }
    Ok(format!("pjsip/call-out/{uri}"))
}

/// By substring, in this order; `udp` otherwise.
fn transport(endpoint: &str) -> &'static str {
    ["wss", "ws", "tcp", "tls"]
        .into_iter()
        .find(|name| endpoint.contains(&format!("transport={name}")))
        .unwrap_or("udp")
}

fn header(name: &str) -> String {
    format!("PJSIP_HEADER(add,{name})")
}

fn is_one_line(text: &str) -> bool {
    !text.contains(['\r', '\n'])
}

/// A provider's own headers, without those that are ours and those that would
/// break out of the variable's name.
fn tech_headers(provider: &Provider) -> BTreeMap<String, String> {
    const RESERVED_HEADERS: [&str; 7] = [
        "P-Asserted-Identity",
        "Privacy",
        "VBOUT-SDP_Transport",
        "VB-CALL-ID",
        "VB-CONFBRIDGE-ID",
        "VB-DIRECTION",
        "VBOUT-CODECS",
    ];
    const RESERVED: [&str; 3] = ["CALLERID(name)", "CALLERID(num)", "CALLERID(pres)"];
    let is_reserved = |key: &str| {
        RESERVED.contains(&key)
            || RESERVED_HEADERS.contains(&key)
            || RESERVED_HEADERS.iter().any(|name| key == header(name))
    };
    let fits = |key: &str, value: &str| {
        !key.is_empty()
            && !is_reserved(key)
            && !key.contains(['\r', '\n', '(', ')', ','])
            && is_one_line(value)
    };
    let headers = provider
        .tech_headers
        .iter()
        .filter(|(key, value)| fits(key, value));
    headers
        .map(|(key, value)| (header(key), value.clone()))
        .collect()
}

/// `shown` stands in place of the call's own number.
fn add_caller_id(
    variables: &mut BTreeMap<String, String>,
    call: &Call,
    shown: Option<&str>,
) -> Result<(), Refused> {
    let mut set = |key: &str, value: &str| variables.insert(key.to_owned(), value.to_owned());
    let source = shown.unwrap_or(&call.source.target);
    let hidden = call
        .data
        .get(data_key::ANONYMOUS)
        .is_some_and(|value| value == "true");
    if !hidden || call.destination.kind != Kind::Tel {
        set("CALLERID(name)", &call.source.target_name);
        set("CALLERID(num)", source);
        return Ok(());
    }
    if !source.starts_with('+') {
        return Err(Refused::AnonymousSource(source.to_owned()));
    }
    set("CALLERID(name)", "Anonymous");
    set("CALLERID(num)", "anonymous");
    set("CALLERID(pres)", "prohib");
    set(&header("P-Asserted-Identity"), &format!("<tel:{source}>"));
    set(&header("Privacy"), "id");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider() -> Provider {
        Provider {
            hostname: "gw.example.net".to_owned(),
            tech_prefix: "00".to_owned(),
            tech_postfix: "x".to_owned(),
            codecs: "PCMA".to_owned(),
            tech_headers: [
                ("X-Account", "7"),
                ("Privacy", "none"),
                ("CALLERID(num)", "1"),
                ("X-Bad(", "1"),
                ("X-Lines", "a\r\nb"),
                ("", "1"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
            ..Provider::default()
        }
    }

    fn call(destination: Address) -> Call {
        Call {
            source: Address {
                target_name: "Office".to_owned(),
                ..Address::tel("+15551230001")
            },
            metadata: [("codecs".to_owned(), json!("PCMU"))].into(),
            destination,
            ..Call::default()
        }
    }

    #[test]
    fn tel_call_goes_to_the_provider_with_his_headers_and_codecs() {
        let plan = plan_channel(&call(Address::tel("+4930123")), Some(&provider())).unwrap();
        assert_eq!(
            plan.endpoint,
            "pjsip/call-out/sip:00+4930123x@gw.example.net;transport=udp"
        );
        assert_eq!(
            plan.app_args,
            "context_type=call,context=call-out,call_id=00000000-0000-0000-0000-000000000000,transport=udp,direction=outgoing"
        );
        let expected: BTreeMap<String, String> = [
            ("CALLERID(name)", "Office"),
            ("CALLERID(num)", "+15551230001"),
            ("PJSIP_HEADER(add,VBOUT-CODECS)", "PCMA"),
            ("PJSIP_HEADER(add,VBOUT-SDP_Transport)", "RTP/AVP"),
            ("PJSIP_HEADER(add,X-Account)", "7"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        assert_eq!(plan.variables, expected);
        assert_eq!(
            plan_channel(&call(Address::tel("+49")), None),
            Err(Refused::Provider)
        );
    }

    #[test]
    fn trunk_is_an_endpoint_of_its_own_and_shows_its_number() {
        let id = trunkline_model::id::TrunkId::random();
        let trunk = Provider {
            hostname: format!("{id}.trunk.invalid"),
            tech_prefix: "00".to_owned(),
            tech_postfix: String::new(),
            metadata: Some([("caller_id".to_owned(), json!("+4930999999"))].into()),
            ..provider()
        };
        let plan = plan_channel(&call(Address::tel("+4930123")), Some(&trunk)).unwrap();
        assert_eq!(plan.endpoint, format!("pjsip/00+4930123@trunk-{id}"));
        let expected: BTreeMap<String, String> = [
            ("CALLERID(name)", "Office"),
            ("CALLERID(num)", "+4930999999"),
            ("PJSIP_HEADER(add,X-Account)", "7"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        assert_eq!(plan.variables, expected);
        for number in ["1@call-out/sip:x", "1/sip:x@y", "anonymous"] {
            let refused = plan_channel(&call(Address::tel(number)), Some(&trunk));
            assert!(matches!(refused, Err(Refused::Number(_))), "{number}");
        }
        // Another host name that only looks like one is an ordinary provider.
        let other = Provider {
            hostname: "x.trunk.invalid".to_owned(),
            ..trunk
        };
        let plan = plan_channel(&call(Address::tel("+4930123")), Some(&other)).unwrap();
        assert!(
            plan.endpoint.starts_with("pjsip/call-out/"),
            "{}",
            plan.endpoint
        );
    }

    #[test]
    fn phone_is_called_by_its_user_name_and_only_by_its_customer() {
        let customer = CustomerId::random();
        let phone = Phone {
            id: PhoneId::random(),
            customer_id: customer,
            extension: "1001".to_owned(),
            username: "1001-0a".to_owned(),
            enabled: true,
            ..Phone::default()
        };
        let asked = Address {
            kind: Kind::Extension,
            target: "1001".to_owned(),
            ..Address::default()
        };
        assert_eq!(phone_name(&asked), PhoneName::Extension("1001"));
        let stored = phone_destination(customer, &asked, Some(&phone)).unwrap();
        assert_eq!(phone_name(&stored), PhoneName::Id(phone.id));
        assert_eq!(stored.target_name, "1001");
        let carrier = Carrier {
            phone: Some(&phone),
            ..Carrier::default()
        };
        let plan = plan_channel(&call(stored), carrier).unwrap();
        assert_eq!(plan.endpoint, "pjsip/1001-0a");
        let foreign = phone_destination(CustomerId::random(), &asked, Some(&phone));
        assert_eq!(foreign, Err(Refused::Phone("1001".to_owned())));
        let off = Phone {
            enabled: false,
            ..phone
        };
        let off = phone_destination(customer, &asked, Some(&off));
        assert_eq!(off, Err(Refused::PhoneOff("1001".to_owned())));
    }

    #[test]
    fn sip_call_goes_to_its_address_or_through_its_proxy() {
        let endpoint = |target| {
            plan_channel(&call(Address::sip(target)), None)
                .unwrap()
                .endpoint
        };
        assert_eq!(endpoint("ann@host"), "pjsip/call-out/sip:ann@host");
        assert_eq!(endpoint("sips:ann@host"), "pjsip/call-out/sips:ann@host");
        assert_eq!(
            endpoint("ann@host;transport=ws;outbound_proxy=a;outbound_proxy=b"),
            "pjsip/call-out-direct-b/sip:ann@host;transport=ws;outbound_proxy=a;outbound_proxy=b"
        );
        let plan = plan_channel(&call(Address::sip("ann@host;transport=wss")), None).unwrap();
        assert_eq!(
            plan.variables["PJSIP_HEADER(add,VBOUT-SDP_Transport)"],
            "UDP/TLS/RTP/SAVPF"
        );
        assert!(plan.app_args.contains("transport=wss"));
    }

    #[test]
    fn anonymous_call_to_a_number_hides_the_caller_and_asserts_his_identity() {
        let mut hidden = call(Address::tel("+4930123"));
        hidden.data = options(false, false, &Anonymous::Yes);
        let plan = plan_channel(&hidden, Some(&provider())).unwrap();
        assert_eq!(plan.variables["CALLERID(num)"], "anonymous");
        assert_eq!(
            plan.variables["PJSIP_HEADER(add,P-Asserted-Identity)"],
            "<tel:+15551230001>"
        );
        hidden.source = Address::sip("ann@host");
        assert!(matches!(
            plan_channel(&hidden, Some(&provider())),
            Err(Refused::AnonymousSource(_))
        ));
        hidden.data = options(false, false, &Anonymous::Auto);
        assert!(
            plan_channel(&hidden, Some(&provider())).is_ok(),
            "auto does not hide"
        );
    }

    #[test]
    fn only_active_and_verified_customers_call_numbers() {
        let customer = |status: &str, identity: &str| Customer {
            id: CustomerId::random(),
            status: status.into(),
            identity_verification_status: identity.into(),
            ..Customer::default()
        };
        let (tel, sip) = (Address::tel("+4930123"), Address::sip("a@b"));
        assert!(check_customer(&customer("active", "verified"), &tel).is_ok());
        assert!(check_customer(&customer("active", "none"), &sip).is_ok());
        assert!(check_customer(&customer("active", "none"), &tel).is_err());
        assert!(check_customer(&customer("frozen", "verified"), &sip).is_err());
        let internal = Customer {
            id: CustomerId::SYSTEM,
            ..customer("active", "none")
        };
        assert!(check_customer(&internal, &tel).is_ok());
    }

    #[test]
    fn wanted_providers_must_be_an_array_with_a_valid_id() {
        let wanted =
            |value: Value| wanted_providers(&[("route_provider_ids".to_owned(), value)].into());
        let id = ProviderId::random();
        assert_eq!(wanted(json!([7, "x", id])), Ok(vec![id]));
        assert_eq!(wanted(json!([])), Ok(vec![]));
        assert_eq!(wanted(json!(["x"])), Err(Refused::RouteProviderIds));
        assert_eq!(wanted(json!("x")), Err(Refused::RouteProviderIds));
        assert_eq!(wanted_providers(&BTreeMap::new()), Ok(vec![]));
    }

    #[test]
    fn destination_and_metadata_are_limited() {
        assert!(
            check_destination(&Address {
                kind: Kind::Conference,
                ..Address::tel("x")
            })
            .is_err()
        );
        assert!(check_metadata(&[("codecs".to_owned(), json!(1))].into()).is_ok());
        assert_eq!(
            check_metadata(&[("other".to_owned(), json!(1))].into()),
            Err(Refused::MetadataKey("other".to_owned()))
        );
    }
}
