-- What attempts came to, until outdial-manager has been told.
CREATE TABLE trunkline_campaign_reports (
    attempt_id BLOB PRIMARY KEY,
    campaign_id BLOB NOT NULL,
    target_id BLOB NOT NULL,
    status TEXT NOT NULL,
    untried INTEGER NOT NULL
) WITHOUT ROWID;

-- Longer indexes of ours begin with the same columns, and every index costs
-- each attempt a page.
DROP INDEX idx_campaign_campaigncalls_campaign_id;
DROP INDEX idx_campaign_campaigncalls_outdial_target_id;
