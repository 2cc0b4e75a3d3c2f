-- Events that were handled: a repetition of one does nothing (decision 12).
CREATE TABLE trunkline_inbox (
    -- Publisher name of the service that handled it.
    service TEXT NOT NULL,
    message_id BLOB NOT NULL,
    tm_create TEXT NOT NULL,
    PRIMARY KEY (service, message_id)
) WITHOUT ROWID;
CREATE INDEX idx_trunkline_inbox_service_tm_create ON trunkline_inbox (service, tm_create);

-- Until when a running copy of the service has the event in hand.
ALTER TABLE trunkline_outbox ADD COLUMN lease_until TEXT NULL;
