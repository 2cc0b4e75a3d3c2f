//! Speaking and playing on a call: for an action, or because somebody asks
//! (chapters 03 §7.3–7.4, 04 §8).

use std::sync::Arc;

use trunkline_ari::AsteriskTarget;
use trunkline_ari::request::Play;
use trunkline_domain::call::action::{Talk, step};
use trunkline_model::call::{Call, Status};
use trunkline_model::id::PlaybackId;
use trunkline_model::random;
use trunkline_model::speech::SpeechRequest;
use trunkline_store::{Batch, channel as channels};

use super::action;
use crate::Role;
use crate::error::Error;

/// Has a text spoken and returns the media for Asterisk.
async fn speech(role: &Role, call: &Call, talk: &Talk) -> Result<String, Error> {
    let asked = SpeechRequest {
        call_id: call.id,
        text: talk.text.clone(),
        language: talk.language.clone(),
        provider: talk.provider.clone(),
        voice_id: talk.voice_id.clone(),
    };
    let spoken = role.tts.speech(&asked).await?;
    if spoken.media_filepath.is_empty() {
        return Err(Error::Precondition("the speech has no sound".to_owned()));
    }
    Ok(format!("sound:{}", spoken.media_filepath))
}

/// Answers a call that nobody has answered.
pub(crate) async fn answer(role: &Role, call: &Call) -> Result<(), Error> {
    if call.status == Status::Progressing {
        return Ok(());
    }
    let to = role.target_of(&call.channel_id).await?;
    Ok(role.ari.answer(&to, &call.channel_id).await?)
}

/// Does the action `talk`, beside what else happens on the channel: a speech may
/// take long to make, and a hangup must not wait for it. Who dies meanwhile leaves
/// a call whose playback is asked for and not found.
pub(crate) fn speak_action(role: &Arc<Role>, call: Call, talk: Talk) {
    let role = Arc::clone(role);
    tokio::spawn(async move {
        let Err(error) = try_speak_action(&role, &call, &talk).await else {
            return;
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(call_id = %call.id, action_id = %call.action.id, %error, cause, "a text could not be spoken");
        if talk.is_async {
            return;
        }
        let id = call.id;
        if let Err(error) = action::next(&role, call).await {
            tracing::warn!(call_id = %id, %error, "the next action could not be started");
        }
    });
}

async fn try_speak_action(role: &Arc<Role>, call: &Call, talk: &Talk) -> Result<(), Error> {
    let media = speech(role, call, talk).await?;
    // A key may have ended the action before there was anything to hear.
    if !talk.is_async && !action::is_current(role, call).await? {
        return Ok(());
    }
    let play = Play {
        media: vec![media],
        playback_id: action::playback_of(call),
        ..Play::default()
    };
    let to = role.target_of(&call.channel_id).await?;
    match role.ari.play(&to, &call.channel_id, &play).await {
        // It may be playing: its end brings the next action.
        Err(error) if error.outcome_unknown() => {
            tracing::warn!(call_id = %call.id, %error, "it is unknown whether a text is being spoken");
            Ok(())
        }
        outcome => Ok(outcome.map(drop)?),
    }
}

/// Speaks a text because somebody asks for it; the flow does not notice.
pub(crate) async fn talk(role: &Arc<Role>, call: &Call, talk: &Talk) -> Result<(), Error> {
    answer(role, call).await?;
    let media = speech(role, call, talk).await?;
    play(role, call, vec![media]).await
}

/// Plays media because somebody asks for it; the flow does not notice. The id is
/// stored first: whoever stops it has to know it.
pub(crate) async fn play(role: &Arc<Role>, call: &Call, media: Vec<String>) -> Result<(), Error> {
    let playback: PlaybackId = format!("call:{}", random::uuid()).into();
    let now = role.ledger.now().await?;
    let noted = channels::set_playback(&call.channel_id, &playback, now).unchecked();
    role.ledger.apply(Batch::new().with(noted)).await?;
    let play = Play {
        media,
        playback_id: playback,
        ..Play::default()
    };
    let to = role.target_of(&call.channel_id).await?;
    role.ari.play(&to, &call.channel_id, &play).await?;
    Ok(())
}

/// Stops what is played on a call: for its current action, and because somebody
/// asked for it. A failure is not reported (chapter 04 §8.3).
pub(crate) async fn stop(role: &Arc<Role>, call: &Call) -> Result<(), Error> {
    let Some(channel) = role.channel(&call.channel_id).await? else {
        return Ok(());
    };
    let to = super::target(Some(&channel));
    if step(&call.action).plays() {
        stop_one(role, &to, call, &action::playback_of(call)).await;
    }
    if !channel.playback_id.is_empty() {
        stop_one(role, &to, call, &channel.playback_id).await;
    }
    Ok(())
}

async fn stop_one(role: &Role, to: &AsteriskTarget, call: &Call, playback: &PlaybackId) {
    match role.ari.playback_stop(to, playback).await {
        Err(error) if !error.is_gone() => {
            tracing::warn!(call_id = %call.id, playback_id = %playback, %error, "a playback could not be stopped");
        }
        Ok(()) | Err(_) => {}
    }
}
