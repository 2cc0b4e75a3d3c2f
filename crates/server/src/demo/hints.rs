//! How to go on by hand when the demo is kept running.

use anyhow::Result;

use super::run::Done;
use super::site::Site;
use super::{DemoArgs, Kind, Shape};

/// Addresses, the token, and commands to copy.
pub(super) fn of(site: &Site, args: &DemoArgs, done: &Done) -> Result<String> {
    let api = site.api()?;
    let (url, token) = (api.base(), api.token());
    let (ari, account) = site.ari()?;
    let program = std::env::current_exe()?;
    let (program, dir) = (program.display(), site.dir().display());
    let Done {
        outdial,
        campaign,
        people,
    } = done;
    let recording = people
        .iter()
        .map(|person| person.recording_id.as_str())
        .find(|id| !id.is_empty())
        .unwrap_or("<id>");
    let console = match args.asterisk {
        Kind::Real => format!("\n  Asterisk's log    {dir}/asterisk/log"),
        Kind::Simulated => String::new(),
    };
    let logs = match args.shape {
        Shape::Embedded => format!("{dir}/trunkline/trunkline.log"),
        Shape::Rabbitmq => format!("{dir}/trunkline/<role>/trunkline.log"),
    };
    let broker = match site.broker() {
        Some(address) => format!("\n  Broker            {address}"),
        None => String::new(),
    };
    Ok(format!(
        r#"
Everything keeps running until Ctrl-C.

  API               {url}   (described at {url}/docs)
  ARI               {ari}   (account {account}){broker}
  Trunkline's log   {logs}{console}

In another terminal:

  export TRUNKLINE_URL={url} TRUNKLINE_TOKEN={token}
  alias trunkline={program}
  api() {{ curl -sS -H "Authorization: Bearer $TRUNKLINE_TOKEN" -H 'Content-Type: application/json' "$TRUNKLINE_URL$@"; }}

  trunkline campaign results {campaign}     # what became of whom
  api '/v1/campaigns/{campaign}/results?format=csv'
  api '/v1/recordings?page_size=3'
  api '/v1/recordings/{recording}/file?channel=in' -o said.wav

One more person, and the same campaign again (the last two digits say how he behaves, see
asterisk/callees/README.md):

  api /v1/outdials/{outdial}/targets -d '{{"name": "Otto", "destination_0": {{"type": "tel", "target": "+493023125501"}}}}'
  api /v1/campaigns/{campaign}/status -X PUT -d '{{"status": "run"}}'
  trunkline campaign watch {campaign}
"#
    ))
}
