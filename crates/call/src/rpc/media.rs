//! Speaking, playing and digits on a call (chapter 02 §5.2, routes 8, 9, 20–22).

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_domain::call::action::{Talk, media_uris};
use trunkline_domain::call::status::is_live;
use trunkline_model::call::Call;
use trunkline_model::dtmf::Digits;

use crate::Role;
use crate::apply::{digits as flow_digits, media};
use crate::error::Error;

/// Media that one request plays.
const MOST_MEDIA: usize = 100;

/// The digits of the call's flow.
pub(crate) async fn digits(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let call = role.call(routed.id(0)).await?;
    let digits = flow_digits::get(&role, call.activeflow_id).await?;
    Ok(Reply::json(&Digits { digits }))
}

/// Writes the digits of the call's flow; nothing is sent to the phone, and whoever
/// waits for keys does not notice.
pub(crate) async fn set_digits(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let Digits { digits } = routed.body()?;
    let call = role.call(routed.id(0)).await?;
    flow_digits::set(&role, call.activeflow_id, &digits).await?;
    Ok(Reply::Empty)
}

pub(crate) async fn talk(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let talk: Talk = routed.body()?;
    if talk.text.trim().is_empty() {
        return Err(Error::field("text", "There is nothing to say.").into());
    }
    let call = live(&role, &routed).await?;
    media::talk(&role, &call, &talk)
        .await
        .map_err(Error::on_channel)?;
    Ok(Reply::Empty)
}

pub(crate) async fn play(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        media_urls: Vec<String>,
    }
    let Body { media_urls } = routed.body()?;
    let asked = media_uris(&media_urls).filter(|media| {
        // Asterisk would take nothing at all as well, and never end it.
        !media.is_empty() && media.len() <= MOST_MEDIA
    });
    let Some(asked) = asked else {
        let takes = "It takes 1 to 100 http(s) URLs, absolute paths and names of sounds.";
        return Err(Error::field("media_urls", takes).into());
    };
    let call = live(&role, &routed).await?;
    media::play(&role, &call, asked)
        .await
        .map_err(Error::on_channel)?;
    Ok(Reply::Empty)
}

pub(crate) async fn stop(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let call = role.call(routed.id(0)).await?;
    media::stop(&role, &call).await?;
    Ok(Reply::Empty)
}

/// The call, if something can be done on it.
async fn live(role: &Role, routed: &Routed) -> Result<Call, Error> {
    let call = role.call(routed.id(0)).await?;
    if is_live(&call.status) {
        Ok(call)
    } else {
        Err(Error::not_progressing())
    }
}
