-- Tokens end by themselves, and show when they were last of use.
ALTER TABLE trunkline_tokens ADD COLUMN tm_expire TEXT NULL;
ALTER TABLE trunkline_tokens ADD COLUMN tm_last_used TEXT NULL;

-- What single customers may do, where it differs from the configuration.
CREATE TABLE trunkline_customer_limits (
    customer_id BLOB PRIMARY KEY,
    calls_per_second INTEGER NOT NULL,
    concurrent_calls INTEGER NOT NULL,
    tm_create TEXT NULL,
    tm_update TEXT NULL
);

-- Requests with an idempotency key, and what they were answered. A status of 0:
-- begun, and nobody has written how it ended.
CREATE TABLE trunkline_idempotency (
    customer_id BLOB NOT NULL,
    key_hash TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    holder BLOB NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    tm_create TEXT NOT NULL,
    PRIMARY KEY (customer_id, key_hash)
);
CREATE INDEX idx_trunkline_idempotency_tm_create ON trunkline_idempotency (tm_create);
