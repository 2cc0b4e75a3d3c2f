-- Which Asterisks there were, and when each was last there: after a restart the
-- channel of a call that none has reported may be on any of them.
CREATE TABLE trunkline_asterisks (
    id TEXT PRIMARY KEY,
    tm_seen TEXT NOT NULL
) WITHOUT ROWID;
