//! Dialing: what becomes of a channel that was created for an outgoing call and
//! has entered Stasis (chapter 03 §4.8).

use trunkline_model::call::{Call, Status};
use trunkline_model::id::ChannelId;

/// What is to be done with the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Into the bridge with it, and dial. Whoever stores the call's bridge dials,
    /// and nobody else: Asterisk takes a second dial of a channel that is still
    /// down, and ends the call.
    Dial,
    /// Nothing: it was dialed, or somebody was about to, and the event is a
    /// repetition.
    Leave,
    /// It is hung up: nobody wants it any longer.
    End,
}

/// Decides about `channel`, which came for `call`.
#[must_use]
pub fn on_ready(call: Option<&Call>, channel: &ChannelId) -> Ready {
    let Some(call) = call.filter(|call| call.channel_id == *channel) else {
        return Ready::End;
    };
    match call.status {
        // Another dial route is tried while the call is ringing as well; it begins
        // without a bridge.
        Status::Dialing | Status::Ringing if call.bridge_id.is_empty() => Ready::Dial,
        Status::Dialing | Status::Ringing | Status::Progressing => Ready::Leave,
        Status::None
        | Status::Terminating
        | Status::Canceling
        | Status::Hangup
        | Status::Other(_) => Ready::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_is_still_wanted_is_dialed() {
        let channel = ChannelId::from("c");
        let call = |status: &str| Call {
            status: Status::from(status),
            channel_id: channel.clone(),
            ..Call::default()
        };
        for (status, ready) in [
            ("dialing", Ready::Dial),
            ("ringing", Ready::Dial),
            ("progressing", Ready::Leave),
            ("canceling", Ready::End),
            ("terminating", Ready::End),
            ("hangup", Ready::End),
            ("unheard", Ready::End),
        ] {
            assert_eq!(on_ready(Some(&call(status)), &channel), ready, "{status}");
        }
        let begun = Call {
            bridge_id: "b".into(),
            ..call("dialing")
        };
        assert_eq!(on_ready(Some(&begun), &channel), Ready::Leave);
        assert_eq!(on_ready(None, &channel), Ready::End);
        let other = ChannelId::from("an earlier route's");
        assert_eq!(on_ready(Some(&call("dialing")), &other), Ready::End);
    }
}
