//! The table: each option of the three Go services, its default there, and what it
//! is here.

use super::super::{Config, Environment, Role};
use super::Given;
use super::values::{self, Set};

/// The roles that start as their Go services do.
pub const ROLES: [Role; 3] = [
    Role::CallManager,
    Role::CampaignManager,
    Role::AsteriskProxy,
];

/// Why an option of Redis has no effect.
const NO_REDIS: &str = "is not used yet: this version has no Redis, and does without a cache";
/// Why an option of Homer has no effect.
const NO_HOMER: &str = "is not used yet: calls are not recovered from Homer in this version";
/// What the option of the proxy's bucket does.
const NO_BUCKET: &str = "cannot be used yet: recordings are not moved at all, and who asks for the \
     move is refused; without it they go into the media folder (option `media.folder`)";

/// The option that leaves the pod without an annotation, and the variable that every pod has.
const KUBERNETES_DISABLED: &str = "kubernetes_disabled";
const IN_A_POD: &str = "KUBERNETES_SERVICE_HOST";

/// One option of a Go service.
#[derive(Debug, Clone, Copy)]
pub struct GoOption {
    /// Its flag without the dashes; in capitals, its variable.
    pub name: &'static str,
    /// False: only the variable exists.
    pub has_flag: bool,
    /// As a flag it may stand without a value, which means true.
    pub is_switch: bool,
    /// What the reference takes when it is not given.
    pub default: &'static str,
    /// Our option that it sets; empty = none.
    pub ours: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// Why it has no effect; empty = it has.
    pub unused: &'static str,
    set: Set,
}

impl GoOption {
    /// Its variable.
    #[must_use]
    pub fn variable(&self) -> String {
        self.name.to_uppercase()
    }

    pub(super) fn set(&self, config: &mut Config, value: &str) -> Result<(), String> {
        (self.set)(config, value)
    }

    /// What the log says when it is given.
    pub(super) fn notice(&self, value: &str) -> Option<&'static str> {
        // A switch that asks for what is done anyway needs no word.
        let is_on = self.is_switch && values::is_true(value) == Ok(true);
        (!self.unused.is_empty() && !is_on).then_some(self.unused)
    }

    /// One that sets `ours`.
    const fn sets(
        name: &'static str,
        default: &'static str,
        ours: &'static str,
        help: &'static str,
        set: Set,
    ) -> Self {
        Self {
            name,
            has_flag: true,
            is_switch: false,
            default,
            ours,
            help,
            unused: "",
            set,
        }
    }

    /// One that is checked and has no effect.
    const fn unused(
        name: &'static str,
        default: &'static str,
        help: &'static str,
        unused: &'static str,
        set: Set,
    ) -> Self {
        let option = Self::sets(name, default, "", help, set);
        Self { unused, ..option }
    }

    /// Of the environment only.
    const fn only_variable(self) -> Self {
        Self {
            has_flag: false,
            ..self
        }
    }

    const fn switch(self) -> Self {
        Self {
            is_switch: true,
            ..self
        }
    }
}

const fn broker(default: &'static str) -> GoOption {
    let help = "Address of the broker: amqp://user:password@host:port/vhost";
    GoOption::sets("rabbitmq_address", default, "bus.url", help, values::broker)
}

const fn metrics_path(default: &'static str) -> GoOption {
    let help = "Path of the metrics";
    GoOption::sets(
        "prometheus_endpoint",
        default,
        "metrics.endpoint",
        help,
        values::metrics_path,
    )
}

const fn metrics_listen(default: &'static str) -> GoOption {
    let help = "Where metrics and health are";
    GoOption::sets(
        "prometheus_listen_address",
        default,
        "metrics.listen",
        help,
        values::metrics_listen,
    )
}

const fn database(default: &'static str) -> GoOption {
    let help = "MySQL; refused: this version keeps its rows in SQLite under --data-dir";
    GoOption::sets("database_dsn", default, "", help, values::database)
}

const fn redis_address(default: &'static str) -> GoOption {
    let help = "Redis; not used yet";
    GoOption::unused(
        "redis_address",
        default,
        help,
        NO_REDIS,
        values::redis_address,
    )
}

const REDIS_PASSWORD: GoOption = GoOption::unused(
    "redis_password",
    "",
    "Redis; not used yet",
    NO_REDIS,
    values::nothing,
);

const fn redis_database(default: &'static str) -> GoOption {
    let help = "Redis; not used yet";
    GoOption::unused(
        "redis_database",
        default,
        help,
        NO_REDIS,
        values::whole_number,
    )
}

/// The options of a role's Go service, as chapter 01 §6.1 to §6.3 lists them; none of
/// a role that starts otherwise.
#[must_use]
pub fn options(role: Role) -> &'static [GoOption] {
    match role {
        Role::CallManager => CALL_MANAGER,
        Role::CampaignManager => CAMPAIGN_MANAGER,
        Role::AsteriskProxy => ASTERISK_PROXY,
        Role::CustomerManager
        | Role::BillingManager
        | Role::NumberManager
        | Role::RouteManager
        | Role::RegistrarManager
        | Role::AgentManager
        | Role::WebhookManager
        | Role::StorageManager
        | Role::TtsManager
        | Role::OutdialManager
        | Role::FlowManager
        | Role::Gateway => &[],
    }
}

/// Chapter 01 §6.1.
const CALL_MANAGER: &[GoOption] = &[
    broker(""),
    metrics_path(""),
    metrics_listen(""),
    database(""),
    redis_address(""),
    REDIS_PASSWORD,
    redis_database("0"),
    GoOption::unused(
        "homer_api_address",
        "",
        "Homer, for recovering calls; not used yet",
        NO_HOMER,
        values::nothing,
    ),
    GoOption::unused(
        "homer_auth_token",
        "",
        "Homer, for recovering calls; not used yet",
        NO_HOMER,
        values::nothing,
    ),
    GoOption::unused(
        "homer_whitelist",
        "",
        "Homer, for recovering calls; not used yet",
        NO_HOMER,
        values::nothing,
    ),
    GoOption::unused(
        "asterisk_ws_port",
        "8088",
        "Port of Asterisk's websockets for external media; not used yet",
        "is not used yet: this version has no external media",
        values::port,
    ),
    GoOption::sets(
        "project_base_domain",
        "voipbin.net",
        "call.base_domain",
        "Base of the domains that incoming calls come for",
        values::base_domain,
    )
    .only_variable(),
    GoOption::sets(
        "project_bucket_name",
        "voipbin-voip-media-bucket-europe-west4",
        "call.bucket_name",
        "Bucket that storage-manager is told for the file of a recording",
        values::bucket_name,
    )
    .only_variable(),
];

/// Chapter 01 §6.2.
const CAMPAIGN_MANAGER: &[GoOption] = &[
    broker("amqp://guest:guest@localhost:5672"),
    metrics_path("/metrics"),
    metrics_listen(":2112"),
    database("testid:testpassword@tcp(127.0.0.1:3306)/test"),
    redis_address("127.0.0.1:6379"),
    REDIS_PASSWORD,
    redis_database("1"),
];

/// Chapter 01 §6.3.
const ASTERISK_PROXY: &[GoOption] = &[
    GoOption::sets(
        "ari_address",
        "localhost:8088",
        "asterisk.0.url",
        "Host and port of Asterisk's HTTP server",
        values::ari_address,
    ),
    GoOption::sets(
        "ari_account",
        "asterisk:asterisk",
        "asterisk.0.account",
        "Account of its ari.conf: user:password",
        values::ari_account,
    ),
    GoOption::sets(
        "ari_subscribe_all",
        "true",
        "asterisk.0.subscribe_all",
        "Whether the events of everything are wanted, not only of what is in the application",
        values::ari_subscribe_all,
    ),
    GoOption::sets(
        "ari_application",
        "voipbin",
        "asterisk.0.application",
        "The Stasis application",
        values::ari_application,
    ),
    GoOption::sets(
        "ami_host",
        "127.0.0.1",
        "asterisk.0.ami",
        "Host of AMI",
        values::ami_host,
    ),
    GoOption::sets(
        "ami_port",
        "5038",
        "asterisk.0.ami",
        "Port of AMI",
        values::ami_port,
    ),
    GoOption::sets(
        "ami_username",
        "asterisk",
        "asterisk.0.ami_account",
        "User of its manager.conf",
        values::ami_username,
    ),
    GoOption::sets(
        "ami_password",
        "asterisk",
        "asterisk.0.ami_account",
        "Password of its manager.conf",
        values::ami_password,
    ),
    GoOption::unused(
        "ami_event_filter",
        "",
        "Has no effect, as in the Go service",
        "has no effect, as in the Go service",
        values::nothing,
    ),
    GoOption::unused(
        "interface_name",
        "eth0",
        "Network interface of the internal address; not used yet",
        "is not used yet: the Asterisk's id is the one that ARI tells, and its address is \
         published with Redis only",
        values::nothing,
    ),
    broker("amqp://guest:guest@localhost:5672"),
    GoOption::sets(
        "rabbitmq_queue_listen",
        "asterisk.call.request",
        "asterisk.0.permanent_queues",
        "Queues that any proxy may answer, comma between them",
        values::queues,
    ),
    metrics_path("/metrics"),
    metrics_listen(":2112"),
    redis_address("localhost:6379"),
    REDIS_PASSWORD,
    redis_database("1"),
    GoOption::unused(
        "recording_bucket_name",
        "",
        "Bucket of the recordings; none: they go into the media folder",
        NO_BUCKET,
        values::recording_bucket,
    ),
    GoOption::unused(
        "recording_asterisk_directory",
        "/var/spool/asterisk/recording",
        "Where Asterisk keeps recordings; not used",
        "is not used: recordings are fetched from Asterisk over ARI",
        values::nothing,
    ),
    GoOption::unused(
        "recording_bucket_directory",
        "/mnt/media/recording",
        "Folder of the recordings in the bucket; not used",
        "is not used: there is no way to a bucket yet",
        values::nothing,
    ),
    GoOption::unused(
        KUBERNETES_DISABLED,
        "false",
        "Whether the pod is left without the annotation `asterisk-id`; it always is",
        "is not done: the pod gets no annotation `asterisk-id` in this version",
        values::truth,
    )
    .switch(),
];

/// Chapter 01 §6.1: of the two variables.
const CALL_MANAGER_DEFAULTS: &str = "[call]\nbase_domain = \"voipbin.net\"\n\
    bucket_name = \"voipbin-voip-media-bucket-europe-west4\"\n";

/// What the role takes when neither file nor variable nor flag says otherwise: the
/// reference's defaults, and for its metrics ours where it has none (architecture §6).
pub(super) fn defaults(role: Role) -> String {
    // Each role its own folder: two of them in one place must not meet.
    let mut text = format!("data_dir = \"./trunkline-data/{role}\"\n");
    text.push_str("[metrics]\nlisten = \"0.0.0.0:2112\"\n");
    if role == Role::CallManager {
        text.push_str(CALL_MANAGER_DEFAULTS);
    } else {
        text.push_str("[bus]\nurl = \"amqp://guest:guest@localhost:5672\"\n");
    }
    if role == Role::AsteriskProxy {
        text.push_str("[[asterisk]]\nurl = \"http://localhost:8088\"\n");
        text.push_str("subscribe_all = true\nevent_filter = false\n");
    }
    text
}

/// What the log says of what nobody asked for in words and the reference would do.
pub(super) fn unasked(role: Role, given: &[Given], environment: &Environment) -> Option<String> {
    let is_pod = environment.get(IN_A_POD).is_some();
    let is_said = given
        .iter()
        .any(|(option, ..)| option.name == KUBERNETES_DISABLED);
    (role == Role::AsteriskProxy && is_pod && !is_said).then(|| {
        format!(
            "this is a pod (the variable `{IN_A_POD}` is set), and it gets no annotation \
             `asterisk-id` in this version; `KUBERNETES_DISABLED=true` says that this is known"
        )
    })
}

/// What is left to the end, so that our own variables stand before it.
pub(super) fn complete(role: Role, config: &mut Config) {
    if role == Role::AsteriskProxy {
        values::default_ami(config);
    }
}
