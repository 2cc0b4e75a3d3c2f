-- Tables of our own (architecture decision 17).

-- Duties with a due time: what no message may be the only memory of (decision 11).
CREATE TABLE trunkline_due (
    id BLOB PRIMARY KEY,
    service TEXT NOT NULL,
    due_key TEXT NOT NULL,
    owner TEXT NOT NULL,
    due_at TEXT NOT NULL,
    queue TEXT NOT NULL,
    uri TEXT NOT NULL,
    method TEXT NOT NULL,
    data TEXT NULL,
    lease_until TEXT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tm_create TEXT NOT NULL,
    UNIQUE (service, due_key)
);
CREATE INDEX idx_trunkline_due_service_due_at ON trunkline_due (service, due_at);
CREATE INDEX idx_trunkline_due_service_owner ON trunkline_due (service, owner);
CREATE INDEX idx_trunkline_due_service_lease_until ON trunkline_due (service, lease_until, due_at);

-- Events that are committed and not yet published (decision 12).
CREATE TABLE trunkline_outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    service TEXT NOT NULL,
    exchange TEXT NOT NULL,
    body TEXT NOT NULL,
    webhook TEXT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tm_create TEXT NOT NULL
);
CREATE INDEX idx_trunkline_outbox_service_seq ON trunkline_outbox (service, seq);

-- The pace of a campaign (decision 13).
CREATE TABLE trunkline_campaign_rules (
    campaign_id BLOB PRIMARY KEY,
    customer_id BLOB NOT NULL,
    calls_per_second REAL NOT NULL,
    max_concurrent INTEGER NOT NULL,
    tm_create TEXT,
    tm_update TEXT
);

-- Who runs a campaign (decision 13).
CREATE TABLE trunkline_campaign_leases (
    campaign_id BLOB PRIMARY KEY,
    holder BLOB NOT NULL,
    fence INTEGER NOT NULL,
    expires TEXT NOT NULL
);

-- Which attempt holds a target.
CREATE TABLE trunkline_target_claims (
    target_id BLOB PRIMARY KEY,
    attempt_id BLOB NOT NULL,
    destination_index INTEGER NOT NULL,
    tm_create TEXT NOT NULL
);

-- Variables of activeflows, which VoIPbin keeps in Redis only.
CREATE TABLE trunkline_variables (
    activeflow_id BLOB PRIMARY KEY,
    variables TEXT NOT NULL,
    tm_update TEXT NOT NULL
);

-- Flows that are not persisted, which VoIPbin keeps in Redis only.
CREATE TABLE trunkline_temporary_flows (
    id BLOB PRIMARY KEY,
    body TEXT NOT NULL,
    expires TEXT NOT NULL
);
CREATE INDEX idx_trunkline_temporary_flows_expires ON trunkline_temporary_flows (expires);

-- Access to the HTTP API; the token itself is not kept.
CREATE TABLE trunkline_tokens (
    id BLOB PRIMARY KEY,
    customer_id BLOB NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    tm_create TEXT NOT NULL,
    tm_delete TEXT NULL
);
CREATE INDEX idx_trunkline_tokens_customer_id ON trunkline_tokens (customer_id);

-- Webhooks that customers' servers have not taken yet.
CREATE TABLE trunkline_webhook_deliveries (
    id BLOB PRIMARY KEY,
    customer_id BLOB NOT NULL,
    uri TEXT NOT NULL,
    method TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TEXT NOT NULL,
    tm_create TEXT NOT NULL
);
CREATE INDEX idx_trunkline_webhook_deliveries_due_at ON trunkline_webhook_deliveries (due_at);
CREATE INDEX idx_trunkline_webhook_deliveries_customer_id ON trunkline_webhook_deliveries (customer_id);
