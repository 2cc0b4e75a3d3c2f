//! The AMI of each Asterisk that has one.

use trunkline_node::{Config, Role, inspect};

use super::PATIENCE;
use super::finding::Findings;

/// Looks at those that this process would use.
pub(super) async fn look(findings: &mut Findings, config: &Config) {
    if !config.runs(Role::AsteriskProxy) {
        return;
    }
    for asterisk in &config.asterisk {
        let address = &asterisk.proxy.ami;
        match inspect::ami(asterisk, PATIENCE).await {
            None => continue,
            Some(Ok(())) => findings.ok("AMI", format!("{address} answers and takes the account")),
            Some(Err(why)) => findings.warn(
                "AMI",
                why,
                "its manager.conf needs enabled = yes, bindaddr and port as in that address, and that \
                 user (options `asterisk.ami` and `asterisk.ami_account_file`; of the Go proxy AMI_HOST, \
                 AMI_PORT, AMI_USERNAME, AMI_PASSWORD); without it `/ami/` is refused, and nobody learns how registrations stand",
            ),
        }
    }
}
