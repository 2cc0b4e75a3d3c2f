-- Tables of outdial-manager (chapter 05 B.2): names as VoIPbin has them.

CREATE TABLE outdial_outdials (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    campaign_id BLOB,
    name TEXT,
    detail TEXT,
    data TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_outdial_outdials_customer_id ON outdial_outdials (customer_id);
CREATE INDEX idx_outdial_outdials_campaign_id ON outdial_outdials (campaign_id);

CREATE TABLE outdial_outdialtargets (
    id BLOB PRIMARY KEY,
    outdial_id BLOB,
    name TEXT,
    detail TEXT,
    data TEXT,
    status TEXT,
    destination_0 TEXT,
    destination_1 TEXT,
    destination_2 TEXT,
    destination_3 TEXT,
    destination_4 TEXT,
    try_count_0 INTEGER,
    try_count_1 INTEGER,
    try_count_2 INTEGER,
    try_count_3 INTEGER,
    try_count_4 INTEGER,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_outdial_outdialtargets_outdial_id ON outdial_outdialtargets (outdial_id);
-- Ours: whether any target of an outdial is in progress or done, and how many.
CREATE INDEX idx_trunkline_targets_status ON outdial_outdialtargets (outdial_id, status) WHERE tm_delete IS NULL;
-- Ours: pages of the targets of an outdial.
CREATE INDEX idx_trunkline_targets_create ON outdial_outdialtargets (outdial_id, tm_create);
-- Ours: the idle targets in groups of equal tries, oldest update first in each.
-- The expression is `Dialect::target_tries` of the store crate, word for word:
-- six bits for each destination, 0 = absent, otherwise 1 + tries (at most 62).
CREATE INDEX idx_trunkline_targets_idle ON outdial_outdialtargets (
    outdial_id,
    (CASE WHEN coalesce(json_extract(destination_0, '$.target'), '') <> '' THEN 1 + min(coalesce(try_count_0, 0), 62) ELSE 0 END
    + CASE WHEN coalesce(json_extract(destination_1, '$.target'), '') <> '' THEN 64 + 64 * min(coalesce(try_count_1, 0), 62) ELSE 0 END
    + CASE WHEN coalesce(json_extract(destination_2, '$.target'), '') <> '' THEN 4096 + 4096 * min(coalesce(try_count_2, 0), 62) ELSE 0 END
    + CASE WHEN coalesce(json_extract(destination_3, '$.target'), '') <> '' THEN 262144 + 262144 * min(coalesce(try_count_3, 0), 62) ELSE 0 END
    + CASE WHEN coalesce(json_extract(destination_4, '$.target'), '') <> '' THEN 16777216 + 16777216 * min(coalesce(try_count_4, 0), 62) ELSE 0 END),
    tm_update,
    id
) WHERE status = 'idle' AND tm_delete IS NULL;

CREATE TABLE outdial_outdialtargetcalls (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    campaign_id BLOB,
    outdial_id BLOB,
    outdial_target_id BLOB,
    activeflow_id BLOB,
    reference_type TEXT,
    reference_id BLOB,
    status TEXT,
    destination TEXT,
    destination_index INTEGER,
    try_count INTEGER,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_outdial_outdialtargetcalls_customer_id ON outdial_outdialtargetcalls (customer_id);
CREATE INDEX idx_outdial_outdialtargetcalls_campaign_id ON outdial_outdialtargetcalls (campaign_id);
CREATE INDEX idx_outdial_outdialtargetcalls_outdial_target_id ON outdial_outdialtargetcalls (outdial_target_id);
CREATE INDEX idx_outdial_outdialtargetcalls_activeflow_id ON outdial_outdialtargetcalls (activeflow_id);
CREATE INDEX idx_outdial_outdialtargetcalls_reference_id ON outdial_outdialtargetcalls (reference_id);
