-- What could not be handled and waits for somebody to look at it (decision 12).
CREATE TABLE trunkline_parked (
    id BLOB PRIMARY KEY,
    -- Publisher name of the service that parked it.
    service TEXT NOT NULL,
    -- event, duty or row.
    kind TEXT NOT NULL,
    -- Where it goes when it is released.
    queue TEXT NOT NULL,
    -- Of an event: who published it, and its type. Of a duty: its key.
    publisher TEXT NOT NULL,
    name TEXT NOT NULL,
    message_id BLOB NULL,
    -- At most as much as is kept of one; body_bytes is the whole size.
    body BLOB NOT NULL,
    body_bytes INTEGER NOT NULL,
    reason TEXT NOT NULL,
    -- Failed deliveries before it was parked the last time.
    retries INTEGER NOT NULL,
    -- How often it was parked.
    times INTEGER NOT NULL DEFAULT 1,
    tm_create TEXT NOT NULL,
    tm_update TEXT NOT NULL,
    UNIQUE (service, queue, message_id)
);
CREATE INDEX idx_trunkline_parked_service_tm_create ON trunkline_parked (service, tm_create);
