//! What happens on an Asterisk, event by event (chapter 03 §2.3).

use std::sync::Arc;

use trunkline_ari::Event;
use trunkline_ari::event::Kind;
use trunkline_ari::resource::Target;
use trunkline_domain::call::hangup::cause;
use trunkline_domain::call::incoming::{Entry, entry};
use trunkline_store::{Batch, bridge as bridges};

use crate::Role;
use crate::apply::channel::{self, Entered};
use crate::apply::hangup::Ended;
use crate::apply::{self, action, digits, ended, incoming, outgoing, recording, status};
use crate::error::Error;
use crate::reconcile;

/// The events with which nothing is done, as a pattern: the one list of them.
///
/// What they tell is written by whoever causes it: a call joins its bridge
/// and plays because we ask for it, and leaves Stasis, the bridge and its playback
/// when its channel ends. Nobody reads channel variables.
macro_rules! unused {
    () => {
        Kind::ApplicationReplaced
            | Kind::BridgeCreated(_)
            | Kind::ChannelCreated(_)
            | Kind::ChannelEnteredBridge(_)
            | Kind::ChannelHangupRequest(_)
            | Kind::ChannelLeftBridge(_)
            | Kind::ChannelVarset(_)
            | Kind::ContactStatusChange(_)
            | Kind::Dial(_)
            | Kind::PeerStatusChange(_)
            | Kind::PlaybackContinuing(_)
            | Kind::PlaybackStarted(_)
            | Kind::StasisEnd(_)
            | Kind::Other(_)
    };
}

/// Handles one event. Repeated, late and reordered ones change nothing.
pub(crate) async fn handle(role: &Arc<Role>, event: Event) -> Result<(), Error> {
    if role.asterisks.is_silent(&event.asterisk_id) {
        let now = role.ledger.now().await?;
        role.asterisks.heard(&event.asterisk_id, now);
    }
    match event.kind {
        Kind::AsteriskConnected => {
            let now = role.ledger.now().await?;
            role.asterisks.note(&event.asterisk_id, true, now);
            tracing::info!(asterisk_id = %event.asterisk_id, "Asterisk is connected");
            reconcile::on_connected(role, &event.asterisk_id).await
        }
        Kind::AsteriskDisconnected => {
            let now = role.ledger.now().await?;
            role.asterisks.note(&event.asterisk_id, false, now);
            tracing::warn!(asterisk_id = %event.asterisk_id, "Asterisk is away; calls on it are compared when it comes back");
            Ok(())
        }
        Kind::StasisStart(start) => {
            let arguments = start.arguments();
            let (asterisk, application) = (&event.asterisk_id, &event.application);
            let snapshot = &start.channel;
            match channel::entered(role, asterisk, application, snapshot, arguments).await? {
                Some(entered) => Box::pin(lead(role, entered)).await,
                None => channel::end_double(role, asterisk, &snapshot.id).await,
            }
        }
        Kind::ChannelStateChange(snapshot) => {
            let (id, state) = (&snapshot.id, &snapshot.state);
            if channel::is_double(role, &event.asterisk_id, id).await? {
                return Ok(());
            }
            Box::pin(status::on_channel_state_change(role, id, state))
                .await
                .map(drop)
        }
        Kind::ChannelDestroyed(destroyed) => {
            let id = &destroyed.channel.id;
            if channel::is_double(role, &event.asterisk_id, id).await? {
                return Ok(());
            }
            let with = Ended {
                cause: destroyed.cause,
                sip_code: destroyed.tech_cause.unwrap_or_default(),
            };
            Box::pin(ended::on_channel_end(role, &event.asterisk_id, id, with)).await
        }
        Kind::ChannelDtmfReceived(pressed) => {
            if channel::is_double(role, &event.asterisk_id, &pressed.channel.id).await? {
                return Ok(());
            }
            let taken = Box::pin(digits::on_key(role, &pressed, event.timestamp)).await;
            taken.map_err(Error::again)
        }
        Kind::BridgeDestroyed(bridge) => {
            let now = role.ledger.now().await?;
            let gone = bridges::delete(&bridge.id, now).unchecked();
            Ok(role.ledger.apply(Batch::new().with(gone)).await?)
        }
        Kind::PlaybackFinished(playback) => match playback.target() {
            Target::Channel(channel) => match role.call_of(&channel).await? {
                Some(call) => {
                    let failed = playback.state == "failed";
                    action::on_playback_finished(role, call, &playback.id, failed).await
                }
                None => Ok(()),
            },
            Target::Bridge(_) | Target::Other(_) => Ok(()),
        },
        Kind::RecordingStarted(live) => recording::on_started(role, &live.name).await,
        Kind::RecordingFinished(live) => recording::on_finished(role, &live.name).await,
        Kind::RecordingFailed(live) => recording::on_failed(role, &live.name, &live.cause).await,
        unused!() => Ok(()),
    }
}

/// Whether something is done with such an event.
pub(crate) fn is_used(kind: &Kind) -> bool {
    !matches!(kind, unused!())
}

/// Leads a channel that has entered Stasis to its call.
async fn lead(role: &Arc<Role>, entered: Entered) -> Result<(), Error> {
    match entry(&entered.channel, &role.config.base_domain) {
        // The row is written with what follows.
        Entry::Outgoing(call) => Box::pin(outgoing::on_channel_ready(role, entered, call)).await,
        Entry::Incoming(domain) => {
            entered.write(role).await?;
            if !incoming::follow(role, &entered.channel).await? {
                return Ok(());
            }
            Box::pin(incoming::on_channel(role, &entered.channel, domain)).await
        }
        Entry::Listening(part) => recording::on_listener_ready(role, &entered, &part).await,
        Entry::Returned => {
            entered.write(role).await?;
            match role.call_of(&entered.channel.id).await? {
                Some(call) => action::returned(role, call).await,
                None => Ok(()),
            }
        }
        Entry::Refuse(because) => {
            entered.write(role).await?;
            let channel = &entered.channel;
            if !incoming::follow(role, channel).await? {
                return Ok(());
            }
            tracing::warn!(channel_id = %channel.id, because, "a channel is refused");
            let to = apply::target(Some(channel));
            Ok(role.ari.hangup(&to, &channel.id, cause::NO_ROUTE).await?)
        }
    }
}
