-- Tables of call-manager (chapter 02 §7.2–7.8): names as VoIPbin has them.
-- BLOB: 16 bytes of a UUID. TEXT: text, JSON, or a time as YYYY-MM-DD HH:MM:SS.ffffff.

CREATE TABLE call_calls (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    owner_type TEXT,
    owner_id BLOB,
    channel_id TEXT,
    bridge_id TEXT,
    flow_id BLOB,
    activeflow_id BLOB,
    confbridge_id BLOB,
    type TEXT,
    master_call_id BLOB,
    chained_call_ids TEXT,
    recording_id BLOB,
    recording_ids TEXT,
    external_media_ids TEXT DEFAULT '[]',
    groupcall_id BLOB,
    source TEXT,
    source_target TEXT,
    destination TEXT,
    destination_target TEXT,
    status TEXT,
    data TEXT,
    metadata TEXT,
    action TEXT,
    action_next_hold INTEGER DEFAULT 0,
    direction TEXT,
    mute_direction TEXT,
    hangup_by TEXT,
    hangup_reason TEXT,
    dialroute_id BLOB DEFAULT x'00000000000000000000000000000000',
    dialroutes TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    tm_progressing TEXT,
    tm_ringing TEXT,
    tm_hangup TEXT
);
CREATE INDEX idx_call_calls_customer_id ON call_calls (customer_id);
CREATE INDEX idx_call_calls_owner_id ON call_calls (owner_id);
CREATE INDEX idx_call_calls_channel_id ON call_calls (channel_id);
CREATE INDEX idx_call_calls_flow_id ON call_calls (flow_id);
CREATE INDEX idx_call_calls_create ON call_calls (tm_create);
CREATE INDEX idx_call_calls_hangup ON call_calls (tm_hangup);
CREATE INDEX idx_call_calls_source_target ON call_calls (source_target);
CREATE INDEX idx_call_calls_destination_target ON call_calls (destination_target);
CREATE INDEX idx_call_calls_groupcall_id ON call_calls (groupcall_id);
CREATE INDEX idx_call_calls_activeflow_id ON call_calls (activeflow_id);
-- Ours: what the reconciler lists, however many calls have ended.
CREATE INDEX idx_trunkline_calls_live ON call_calls (tm_create)
    WHERE status IN ('dialing', 'ringing', 'progressing', 'terminating', 'canceling');

CREATE TABLE call_channels (
    id TEXT PRIMARY KEY,
    asterisk_id TEXT,
    name TEXT,
    type TEXT,
    tech TEXT,
    sip_call_id TEXT,
    sip_transport TEXT,
    sip_data TEXT,
    src_name TEXT,
    src_number TEXT,
    dst_name TEXT,
    dst_number TEXT,
    state TEXT,
    data TEXT,
    stasis_name TEXT,
    stasis_data TEXT,
    bridge_id TEXT,
    playback_id TEXT,
    dial_result TEXT,
    hangup_cause INTEGER,
    direction TEXT,
    mute_direction TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    tm_answer TEXT,
    tm_ringing TEXT,
    tm_end TEXT
);
CREATE INDEX idx_call_channels_create ON call_channels (tm_create);
CREATE INDEX idx_call_channels_src_number ON call_channels (src_number);
CREATE INDEX idx_call_channels_dst_number ON call_channels (dst_number);
CREATE INDEX idx_call_channels_sip_call_id ON call_channels (sip_call_id);
CREATE INDEX idx_call_channels_asterisk_id_type_create ON call_channels (asterisk_id, type, tm_create);
-- Ours: channels that have not ended, for the reconciler.
CREATE INDEX idx_trunkline_channels_live ON call_channels (asterisk_id, tm_create) WHERE tm_end IS NULL;

CREATE TABLE call_bridges (
    asterisk_id TEXT,
    id TEXT PRIMARY KEY,
    name TEXT,
    type TEXT,
    tech TEXT,
    class TEXT,
    creator TEXT,
    video_mode TEXT,
    video_source_id TEXT,
    channel_ids TEXT,
    reference_type TEXT,
    reference_id BLOB,
    record_channel_id TEXT,
    record_files TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_call_bridges_create ON call_bridges (tm_create);
CREATE INDEX idx_call_bridges_reference_id ON call_bridges (reference_id);
CREATE INDEX idx_call_bridges_id ON call_bridges (id);
CREATE INDEX idx_call_bridges_asterisk_id_id ON call_bridges (asterisk_id, id);
-- Ours: bridges that exist, for the reconciler.
CREATE INDEX idx_trunkline_bridges_live ON call_bridges (asterisk_id, tm_create) WHERE tm_delete IS NULL;

CREATE TABLE call_groupcalls (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    owner_type TEXT,
    owner_id BLOB,
    status TEXT,
    flow_id BLOB,
    source TEXT,
    destinations TEXT,
    master_call_id BLOB,
    master_groupcall_id BLOB,
    ring_method TEXT,
    answer_method TEXT,
    anonymous TEXT NOT NULL DEFAULT '',
    answer_call_id BLOB,
    call_ids TEXT,
    answer_groupcall_id BLOB,
    groupcall_ids TEXT,
    call_count INTEGER,
    dial_index INTEGER,
    groupcall_count INTEGER,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_call_groupcalls_customer_id ON call_groupcalls (customer_id);
CREATE INDEX idx_call_groupcalls_owner_id ON call_groupcalls (owner_id);

CREATE TABLE call_outbound_configs (
    id BLOB PRIMARY KEY,
    customer_id BLOB NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL,
    destination_whitelist TEXT NOT NULL,
    codecs TEXT NOT NULL DEFAULT '',
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    default_outgoing_source_number_id BLOB NOT NULL
);
CREATE UNIQUE INDEX uq_customer_id ON call_outbound_configs (customer_id);
