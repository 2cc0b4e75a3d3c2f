-- Call ids under which no call may be created any more.
CREATE TABLE trunkline_void_calls (
    id BLOB PRIMARY KEY,
    tm_create TEXT NOT NULL
) WITHOUT ROWID;
