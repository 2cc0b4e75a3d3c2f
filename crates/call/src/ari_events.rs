//! What happens on an Asterisk, event by event (chapter 03 §2.3).

use std::sync::Arc;

use trunkline_ari::Event;
use trunkline_ari::event::Kind;
use trunkline_ari::resource::Target;
use trunkline_domain::call::hangup::cause;
use trunkline_domain::call::incoming::{Entry, entry};
use trunkline_store::{Batch, bridge as bridges, channel as channels};

use crate::Role;
use crate::apply::{action, channel, hangup, incoming, outgoing, status};
use crate::error::Error;
use crate::reconcile;

/// Handles one event. Repeated, late and reordered ones change nothing.
pub(crate) async fn handle(role: &Arc<Role>, event: Event) -> Result<(), Error> {
    match event.kind {
        Kind::AsteriskConnected => {
            let now = role.ledger.now().await?;
            role.asterisks.note(&event.asterisk_id, true, now);
            tracing::info!(asterisk_id = %event.asterisk_id, "Asterisk is connected");
            reconcile::compare(role, &event.asterisk_id).await
        }
        Kind::AsteriskDisconnected => {
            let now = role.ledger.now().await?;
            role.asterisks.note(&event.asterisk_id, false, now);
            tracing::warn!(asterisk_id = %event.asterisk_id, "Asterisk is away; calls on it are compared when it comes back");
            Ok(())
        }
        Kind::StasisStart(start) => {
            let arguments = start.arguments();
            let application = &event.application;
            let row = channel::note_stasis_start(
                role,
                &event.asterisk_id,
                application,
                &start.channel,
                arguments,
            )
            .await?;
            match entry(&row, &role.config.base_domain) {
                Entry::Outgoing(call) => outgoing::on_channel_ready(role, &row, call).await,
                Entry::Incoming(domain) => incoming::on_channel(role, &row, domain).await,
                Entry::Returned => match role.call_of(&row.id).await? {
                    Some(call) => action::next(role, call).await,
                    None => Ok(()),
                },
                Entry::Refuse(because) => {
                    tracing::warn!(channel_id = %row.id, because, "a channel is refused");
                    Ok(role
                        .ari
                        .hangup(&(&event.asterisk_id).into(), &row.id, cause::NO_ROUTE)
                        .await?)
                }
            }
        }
        Kind::StasisEnd(snapshot) => {
            let now = role.ledger.now().await?;
            write(role, channels::end_stasis(&snapshot.id, now)).await
        }
        Kind::ChannelStateChange(snapshot) => {
            status::on_channel_state_change(role, &snapshot.id, &snapshot.state).await
        }
        Kind::ChannelDestroyed(destroyed) => {
            hangup::on_channel_end(role, &destroyed.channel.id, destroyed.cause, true).await
        }
        Kind::ChannelEnteredBridge(joined) => {
            let now = role.ledger.now().await?;
            write(
                role,
                channels::set_bridge(&joined.channel.id, &joined.bridge.id, now),
            )
            .await
        }
        Kind::ChannelLeftBridge(left) => {
            let now = role.ledger.now().await?;
            write(
                role,
                channels::leave_bridge(&left.channel.id, &left.bridge.id, now),
            )
            .await
        }
        Kind::BridgeDestroyed(bridge) => {
            let now = role.ledger.now().await?;
            write(role, bridges::delete(&bridge.id, now)).await
        }
        Kind::ChannelVarset(varset) => match varset.channel {
            Some(channel) => {
                let now = role.ledger.now().await?;
                let set = channels::set_variable(&channel.id, &varset.variable, &varset.value, now);
                write(role, set).await
            }
            None => Ok(()),
        },
        Kind::PlaybackStarted(playback) => match playback.target() {
            Target::Channel(channel) => {
                let now = role.ledger.now().await?;
                write(role, channels::set_playback(&channel, &playback.id, now)).await
            }
            Target::Bridge(_) | Target::Other(_) => Ok(()),
        },
        Kind::PlaybackFinished(playback) => match playback.target() {
            Target::Channel(channel) => {
                let now = role.ledger.now().await?;
                write(role, channels::set_playback(&channel, &"".into(), now)).await?;
                match role.call_of(&channel).await? {
                    Some(call) => {
                        let failed = playback.state == "failed";
                        action::on_playback_finished(role, call, &playback.id, failed).await
                    }
                    None => Ok(()),
                }
            }
            Target::Bridge(_) | Target::Other(_) => Ok(()),
        },
        // Nothing that exists so far needs these.
        Kind::ApplicationReplaced
        | Kind::BridgeCreated(_)
        | Kind::ChannelCreated(_)
        | Kind::ChannelDtmfReceived(_)
        | Kind::ChannelHangupRequest(_)
        | Kind::ContactStatusChange(_)
        | Kind::Dial(_)
        | Kind::PeerStatusChange(_)
        | Kind::PlaybackContinuing(_)
        | Kind::RecordingFailed(_)
        | Kind::RecordingFinished(_)
        | Kind::RecordingStarted(_)
        | Kind::Other(_) => Ok(()),
    }
}

/// A change that means nothing when the row is not there.
async fn write(role: &Arc<Role>, statement: trunkline_store::Statement) -> Result<(), Error> {
    Ok(role
        .ledger
        .apply(Batch::new().with(statement.unchecked()))
        .await?)
}
