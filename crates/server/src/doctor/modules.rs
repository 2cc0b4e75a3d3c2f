//! The modules of Asterisk that are of use, and what for.

/// How much is lost without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Nothing works.
    Must,
    /// Something does not.
    Should,
}

/// Modules of which one is wanted, and what does not work without.
pub(super) struct Wanted {
    pub(super) any_of: &'static [&'static str],
    pub(super) weight: Weight,
    pub(super) without: &'static str,
}

const fn must(any_of: &'static [&'static str], without: &'static str) -> Wanted {
    Wanted {
        any_of,
        weight: Weight::Must,
        without,
    }
}

const fn should(any_of: &'static [&'static str], without: &'static str) -> Wanted {
    Wanted {
        any_of,
        weight: Weight::Should,
        without,
    }
}

/// All of them.
pub(super) const WANTED: &[Wanted] = &[
    must(&["res_ari_channels"], "no call can be made or ended"),
    must(
        &["res_ari_bridges"],
        "calls cannot be joined, played to or recorded",
    ),
    must(&["res_ari_applications"], "events cannot be chosen"),
    must(
        &["res_ari_events", "res_http_websocket"],
        "no event arrives",
    ),
    must(&["res_ari_playbacks"], "nothing can be played"),
    must(
        &["res_stasis", "app_stasis"],
        "calls do not reach Trunkline",
    ),
    must(&["app_stasis"], "calls do not reach Trunkline"),
    must(&["res_stasis_playback"], "nothing can be played"),
    must(&["res_stasis_answer"], "calls cannot be answered"),
    must(&["chan_pjsip"], "no SIP call is possible"),
    must(&["res_pjsip"], "no SIP call is possible"),
    must(&["res_pjsip_session"], "no SIP call is possible"),
    must(&["res_pjsip_sdp_rtp"], "calls have no sound"),
    must(&["res_rtp_asterisk"], "calls have no sound"),
    must(
        &["pbx_config"],
        "the dialplan of incoming calls is not there",
    ),
    must(
        &[
            "res_timing_timerfd",
            "res_timing_pthread",
            "res_timing_dahdi",
            "res_timing_kqueue",
        ],
        "no playback, no music, no conference",
    ),
    must(
        &["codec_alaw", "codec_ulaw"],
        "calls with the usual codecs fail",
    ),
    must(&["format_wav"], "speech and recordings fail"),
    should(
        &["bridge_simple", "bridge_softmix"],
        "two people cannot talk to each other",
    ),
    should(&["res_ari_recordings"], "nothing can be recorded"),
    should(&["res_stasis_recording"], "nothing can be recorded"),
    should(
        &["res_stasis_snoop"],
        "the two directions of a call cannot be recorded",
    ),
    should(&["chan_bridge_media"], "recording a bridge answers 500"),
    should(
        &["res_http_media_cache"],
        "speech and sounds by URL are not heard",
    ),
    should(&["res_curl"], "speech and sounds by URL are not heard"),
    should(
        &["res_pjsip_dtmf_info", "res_rtp_asterisk"],
        "keys are not heard",
    ),
    should(&["app_senddtmf"], "the action digits_send does nothing"),
    should(&["app_echo"], "the action echo fails"),
    should(&["app_stream_echo"], "the action echo fails"),
    should(&["app_amd"], "answering machines are not recognised"),
    should(&["func_timeout"], "the action echo has no end of its own"),
    should(&["func_hangupcause"], "causes of failed calls are missing"),
    should(&["func_callerid"], "incoming calls have no caller"),
    should(
        &["func_pjsip_contact", "func_pjsip_aor"],
        "phones cannot be found",
    ),
    should(
        &["res_pjsip_header_funcs"],
        "headers of a provider are not sent",
    ),
    should(&["res_pjsip_rfc3326"], "the reason of a hangup is not told"),
    should(&["res_pjsip_nat"], "calls through NAT have no sound"),
    should(
        &["res_pjsip_endpoint_identifier_ip"],
        "calls from trunks are not recognised by their address",
    ),
    should(
        &["res_pjsip_endpoint_identifier_anonymous"],
        "incoming calls from strangers are refused",
    ),
    should(
        &["res_ari_endpoints"],
        "whether trunks and phones can be reached is not known",
    ),
    should(&["res_sorcery_memory"], "trunks and phones cannot be added"),
    should(
        &["res_pjsip_outbound_registration"],
        "trunks cannot register",
    ),
    should(
        &["res_pjsip_outbound_authenticator_digest"],
        "trunks that want a password refuse calls",
    ),
    should(
        &["res_pjsip_authenticator_digest"],
        "phones cannot give their password",
    ),
    should(
        &["res_pjsip_endpoint_identifier_user"],
        "phones are not recognised",
    ),
    should(&["res_pjsip_registrar"], "phones cannot register"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_in_the_configuration_that_we_ship() {
        let shipped = include_str!("../../../../asterisk/etc/modules.conf");
        for wanted in WANTED {
            assert!(!wanted.without.is_empty());
            let line = |name: &&str| shipped.contains(&format!("load = {name}.so\n"));
            assert!(wanted.any_of.iter().any(line), "{:?}", wanted.any_of);
        }
    }
}
