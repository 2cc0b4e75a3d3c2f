//! A carrier: a second Asterisk that wants digest authentication, takes registrations,
//! and answers. It is a telephone too, which registers at the first one.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::asterisk::Asterisk;
use crate::tools::Tools;

/// User of the account at the carrier.
pub const USER: &str = "cust";
/// Its password.
pub const PASSWORD: &str = "s3cret-of-cust";
/// A number that is busy there.
pub const BUSY: &str = "+4930231009917";
/// User name of the telephone, and its extension.
pub const PHONE: &str = "1001";
/// Its password.
pub const PHONE_PASSWORD: &str = "s3cret-of-1001";

/// A running carrier.
pub struct Carrier {
    pub asterisk: Asterisk,
}

impl Carrier {
    /// Starts it in `dir`; its telephone registers at `registrar`.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start(tools: &Tools, dir: &Path, registrar: &str) -> Result<Self> {
        let local = dir.join("local");
        std::fs::create_dir_all(&local)?;
        std::fs::write(local.join("pjsip.conf"), pjsip(registrar))?;
        std::fs::write(local.join("extensions.conf"), extensions())?;
        let asterisk = Asterisk::start(tools, dir).await?;
        Ok(Self { asterisk })
    }

    /// Calls an endpoint of its own, such as `PJSIP/cust`, and keeps the call for as
    /// long as the other side does.
    ///
    /// # Errors
    ///
    /// When it refuses.
    pub async fn call(&self, endpoint: &str, caller: &str) -> Result<()> {
        let body = json!({
            "endpoint": endpoint, "callerId": caller, "timeout": 30,
            "context": "talk", "extension": "s", "priority": 1,
        });
        self.asterisk.ask("POST", "channels", &body).await?;
        Ok(())
    }

    /// The calls that it has, each with its state and the number that it was shown.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn calls(&self) -> Result<Vec<(String, String)>> {
        let channels = self.asterisk.channels().await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(channels
            .iter()
            .map(|channel| (text(&channel["state"]), text(&channel["caller"]["number"])))
            .collect())
    }

    /// Ends every call.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn hang_up(&self) -> Result<()> {
        for channel in self.asterisk.channels().await? {
            let id = channel["id"].as_str().context("a channel without an id")?;
            // It may have ended by itself.
            let path = format!("channels/{id}");
            self.asterisk.ask("DELETE", &path, &Value::Null).await.ok();
        }
        Ok(())
    }

    /// The port that it takes SIP at.
    #[must_use]
    pub fn sip_port(&self) -> u16 {
        self.asterisk.sip_port()
    }
}

fn pjsip(registrar: &str) -> String {
    format!(
        "[{USER}](leg)\ncontext=carrier\nauth={USER}\naors={USER}\ntrust_id_inbound=yes\n\
         [{USER}]\ntype=auth\nauth_type=userpass\nusername={USER}\npassword={PASSWORD}\n\
         [{USER}]\ntype=aor\nmax_contacts=1\nremove_existing=yes\n\
         [desk](leg)\ncontext=talk\noutbound_auth=desk\naors=desk\nfrom_user={PHONE}\n\
         [desk]\ntype=auth\nauth_type=userpass\nusername={PHONE}\npassword={PHONE_PASSWORD}\n\
         [desk]\ntype=aor\ncontact=sip:{registrar}\n\
         [desk]\ntype=registration\nserver_uri=sip:{registrar}\nclient_uri=sip:{PHONE}@{registrar}\n\
         contact_user=s\noutbound_auth=desk\nline=yes\nendpoint=desk\nretry_interval=1\n\
         forbidden_retry_interval=1\nfatal_retry_interval=1\nmax_retries=10000\n\
         max_random_initial_delay=0\nauth_rejection_permanent=no\ntransport=transport-udp\n"
    )
}

fn extensions() -> String {
    format!(
        "[carrier]\nexten => {BUSY},1,Hangup(17)\n\
         exten => _[+0-9]!,1,Answer()\n same => n,Wait(120)\n same => n,Hangup()\n\
         [talk]\nexten => s,1,Answer()\n same => n,Wait(120)\n same => n,Hangup()\n"
    )
}
