-- Recordings (chapter 02 §7.7): names as VoIPbin has them.
CREATE TABLE call_recordings (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    owner_type TEXT,
    owner_id BLOB,
    activeflow_id BLOB,
    reference_type TEXT,
    reference_id BLOB,
    status TEXT,
    format TEXT,
    on_end_flow_id BLOB,
    recording_name TEXT,
    filenames TEXT,
    asterisk_id TEXT,
    channel_ids TEXT,
    tm_start TEXT,
    tm_end TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_call_recordings_customer_id ON call_recordings (customer_id);
CREATE INDEX idx_call_recordings_reference_id ON call_recordings (reference_id);
CREATE INDEX idx_call_recordings_recording_name ON call_recordings (recording_name);
CREATE INDEX idx_call_recordings_activeflow_id ON call_recordings (activeflow_id);
-- Ours: what a comparison with an Asterisk lists, however many have ended.
CREATE INDEX idx_trunkline_recordings_live ON call_recordings (asterisk_id, tm_create)
    WHERE status IN ('initiating', 'recording', 'stopping');

-- Every key that was pressed in a call, once, by Asterisk's clock. `value` is what
-- the flow's variable became with it.
CREATE TABLE trunkline_call_digits (
    call_id BLOB NOT NULL,
    tm_digit TEXT NOT NULL,
    digit TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    action_id BLOB NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (call_id, tm_digit, digit)
) WITHOUT ROWID;

-- What a call has no column for: the SIP status that it ended with.
CREATE TABLE trunkline_call_ends (
    call_id BLOB PRIMARY KEY,
    sip_code INTEGER NOT NULL
) WITHOUT ROWID;
