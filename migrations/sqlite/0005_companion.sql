-- Tables of the smaller companions (chapter 05 C.4.1, E.1–E.4): names as VoIPbin has them.

CREATE TABLE customer_customers (
    id BLOB PRIMARY KEY,
    name TEXT,
    detail TEXT,
    email TEXT,
    phone_number TEXT,
    address TEXT,
    webhook_method TEXT,
    webhook_uri TEXT,
    webhook_secret TEXT NOT NULL DEFAULT '',
    billing_account_id BLOB,
    email_verified INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'active',
    terms_agreed_version TEXT NOT NULL DEFAULT '',
    terms_agreed_ip TEXT NOT NULL DEFAULT '',
    tm_deletion_scheduled TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    metadata TEXT,
    identity_verification_status TEXT NOT NULL DEFAULT 'none'
);
CREATE INDEX idx_customer_customers_status ON customer_customers (status);

CREATE TABLE billing_accounts (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    status TEXT DEFAULT 'active',
    plan_type TEXT DEFAULT 'free',
    balance_credit INTEGER,
    balance_token INTEGER,
    tm_delete TEXT
);
CREATE INDEX idx_billing_accounts_customer_id ON billing_accounts (customer_id);

CREATE TABLE route_routes (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    name TEXT,
    detail TEXT,
    provider_id BLOB,
    priority INTEGER,
    target TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_route_routes_customer_id ON route_routes (customer_id);
CREATE INDEX idx_route_routes_provider_id ON route_routes (provider_id);

CREATE TABLE route_providers (
    id BLOB PRIMARY KEY,
    type TEXT,
    hostname TEXT,
    tech_prefix TEXT,
    tech_postfix TEXT,
    tech_headers TEXT,
    name TEXT,
    detail TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    health_status TEXT NOT NULL DEFAULT 'unknown',
    health_checked_at TEXT,
    metadata TEXT,
    codecs TEXT NOT NULL DEFAULT ''
);

CREATE TABLE number_numbers (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    call_flow_id BLOB,
    message_flow_id BLOB,
    name TEXT DEFAULT '',
    detail TEXT,
    number TEXT,
    type TEXT NOT NULL DEFAULT 'normal',
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    provider_name TEXT,
    provider_reference_id TEXT,
    status TEXT,
    t38_enabled INTEGER,
    emergency_enabled INTEGER,
    metadata TEXT,
    tm_purchase TEXT,
    tm_renew TEXT
);
CREATE INDEX idx_number_numbers_number ON number_numbers (number);
CREATE INDEX idx_number_numbers_customer_id ON number_numbers (customer_id);
CREATE INDEX idx_number_numbers_call_flow_id ON number_numbers (call_flow_id);
CREATE INDEX idx_number_numbers_message_flow_id ON number_numbers (message_flow_id);
CREATE INDEX idx_number_numbers_provider_name ON number_numbers (provider_name);
CREATE INDEX idx_number_numbers_tm_renew ON number_numbers (tm_renew);
CREATE INDEX idx_number_numbers_type ON number_numbers (type);

CREATE TABLE agent_agents (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    username TEXT,
    password_hash TEXT,
    name TEXT,
    detail TEXT,
    ring_method TEXT,
    status TEXT,
    permission INTEGER,
    tag_ids TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    direct_id BLOB,
    direct_hash TEXT
);
CREATE INDEX idx_agent_agents_customer_id ON agent_agents (customer_id);
CREATE INDEX idx_agent_agents_username ON agent_agents (username);

CREATE TABLE agent_addresses (
    id BLOB PRIMARY KEY,
    agent_id BLOB,
    customer_id BLOB,
    type TEXT,
    target TEXT,
    target_name TEXT,
    name TEXT,
    detail TEXT,
    idx INTEGER,
    tm_create TEXT,
    tm_update TEXT
);
CREATE UNIQUE INDEX idx_agent_addresses_owner ON agent_addresses (customer_id, type, target);
CREATE INDEX idx_agent_addresses_agent_id ON agent_addresses (agent_id);
