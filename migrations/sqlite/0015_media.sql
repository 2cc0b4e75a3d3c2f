-- The files that storage-manager keeps. VoIPbin's own table of them is not known
-- to us, so this one is ours.
CREATE TABLE trunkline_files (
    id BLOB PRIMARY KEY,
    customer_id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    reference_type TEXT NOT NULL,
    reference_id BLOB NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    detail TEXT NOT NULL,
    filename TEXT NOT NULL,
    bucket_name TEXT NOT NULL,
    -- Below the media folder, such as recording/<filename>. No path is used twice.
    filepath TEXT NOT NULL UNIQUE,
    filesize INTEGER NOT NULL,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_trunkline_files_reference_id ON trunkline_files (reference_id);
CREATE INDEX idx_trunkline_files_customer_id ON trunkline_files (customer_id);
-- What is due to go is among those that are there.
CREATE INDEX idx_trunkline_files_kept ON trunkline_files (tm_create) WHERE tm_delete IS NULL;
