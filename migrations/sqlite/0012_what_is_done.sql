-- What is done must cost a long campaign nothing. Indices by status hold every
-- row for ever, and each change of status moves an entry in them; whoever asks
-- at every tick and every claim wants those that are live.

-- Live attempts of a campaign: how many, which, whether any. With the status, so
-- that they can be counted without a look at the rows.
DROP INDEX idx_campaign_campaigncalls_campaign_id_status;
CREATE INDEX idx_trunkline_campaigncalls_live ON campaign_campaigncalls (campaign_id, status)
    WHERE status IN ('dialing', 'progressing');

-- Attempts at a target, for people and for "is it in a live one?". They are as
-- few as the outplan has tries, so their status is looked at row by row.
DROP INDEX idx_trunkline_campaigncalls_target_status;
CREATE INDEX idx_campaign_campaigncalls_outdial_target_id ON campaign_campaigncalls (outdial_target_id);

-- Targets that are being called: whether any, and which.
DROP INDEX idx_trunkline_targets_status;
CREATE INDEX idx_trunkline_targets_held ON outdial_outdialtargets (outdial_id, id)
    WHERE status = 'progressing' AND tm_delete IS NULL;

-- Variables that nobody has written for long are forgotten every ten minutes:
-- without a walk over all that are kept, on the one connection that writes.
CREATE INDEX idx_trunkline_variables_tm_update ON trunkline_variables (tm_update);
