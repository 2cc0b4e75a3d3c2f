-- SIP trunks and phones as data; pushed into every Asterisk over ARI. Passwords are
-- what Asterisk must be told in clear: the file's mode (600) protects them.
CREATE TABLE trunkline_trunks (
    id BLOB PRIMARY KEY,
    customer_id BLOB NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    transport TEXT NOT NULL,
    mode TEXT NOT NULL,
    username TEXT NOT NULL DEFAULT '',
    auth_username TEXT NOT NULL DEFAULT '',
    password TEXT NOT NULL DEFAULT '',
    expiration INTEGER NOT NULL,
    qualify INTEGER NOT NULL,
    codecs TEXT NOT NULL,
    caller_id TEXT NOT NULL DEFAULT '',
    from_user TEXT NOT NULL DEFAULT '',
    from_domain TEXT NOT NULL DEFAULT '',
    identity TEXT NOT NULL,
    tech_prefix TEXT NOT NULL DEFAULT '',
    country TEXT NOT NULL DEFAULT '',
    matches TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    provider_id BLOB NOT NULL,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
) WITHOUT ROWID;
CREATE INDEX idx_trunkline_trunks_customer_id ON trunkline_trunks (customer_id, tm_create);

CREATE TABLE trunkline_phones (
    id BLOB PRIMARY KEY,
    customer_id BLOB NOT NULL,
    extension TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    username TEXT NOT NULL,
    password TEXT NOT NULL,
    codecs TEXT NOT NULL,
    max_contacts INTEGER NOT NULL,
    country TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL,
    -- NULL once it is deleted: the names are free again then.
    taken_username TEXT UNIQUE,
    taken_extension TEXT UNIQUE,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
) WITHOUT ROWID;
CREATE INDEX idx_trunkline_phones_customer_id ON trunkline_phones (customer_id, tm_create);
