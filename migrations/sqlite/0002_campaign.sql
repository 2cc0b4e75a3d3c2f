-- Tables of campaign-manager (chapter 05 A.2): names as VoIPbin has them.

CREATE TABLE campaign_campaigns (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    type TEXT,
    execute TEXT,
    name TEXT,
    detail TEXT,
    status TEXT,
    service_level INTEGER,
    end_handle TEXT,
    flow_id BLOB,
    actions TEXT,
    outplan_id BLOB,
    outdial_id BLOB,
    queue_id BLOB,
    next_campaign_id BLOB,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_campaign_campaigns_customer_id ON campaign_campaigns (customer_id);
CREATE INDEX idx_campaign_campaigns_flow_id ON campaign_campaigns (flow_id);
CREATE INDEX idx_campaign_campaigns_outplan_id ON campaign_campaigns (outplan_id);
CREATE INDEX idx_campaign_campaigns_outdial_id ON campaign_campaigns (outdial_id);
CREATE INDEX idx_campaign_campaigns_queue_id ON campaign_campaigns (queue_id);
-- Ours: campaigns that need a runner.
CREATE INDEX idx_trunkline_campaigns_active ON campaign_campaigns (tm_create)
    WHERE status IN ('run', 'stopping');

CREATE TABLE campaign_campaigncalls (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    campaign_id BLOB,
    outplan_id BLOB,
    outdial_id BLOB,
    outdial_target_id BLOB,
    queue_id BLOB,
    activeflow_id BLOB,
    flow_id BLOB,
    reference_type TEXT,
    reference_id BLOB,
    status TEXT,
    result TEXT,
    source TEXT,
    destination TEXT,
    destination_index INTEGER,
    try_count INTEGER,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_campaign_campaigncalls_customer_id ON campaign_campaigncalls (customer_id);
CREATE INDEX idx_campaign_campaigncalls_campaign_id ON campaign_campaigncalls (campaign_id);
CREATE INDEX idx_campaign_campaigncalls_outdial_target_id ON campaign_campaigncalls (outdial_target_id);
CREATE INDEX idx_campaign_campaigncalls_activeflow_id ON campaign_campaigncalls (activeflow_id);
CREATE INDEX idx_campaign_campaigncalls_reference_id ON campaign_campaigncalls (reference_id);
CREATE INDEX idx_campaign_campaigncalls_campaign_id_status ON campaign_campaigncalls (campaign_id, status);
-- Ours: "is this target in a live attempt?" at every claim; and pages of a campaign's attempts.
CREATE INDEX idx_trunkline_campaigncalls_target_status ON campaign_campaigncalls (outdial_target_id, status);
CREATE INDEX idx_trunkline_campaigncalls_campaign_create ON campaign_campaigncalls (campaign_id, tm_create);

CREATE TABLE campaign_outplans (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    name TEXT,
    detail TEXT,
    source TEXT,
    dial_timeout INTEGER,
    try_interval INTEGER,
    max_try_count_0 INTEGER,
    max_try_count_1 INTEGER,
    max_try_count_2 INTEGER,
    max_try_count_3 INTEGER,
    max_try_count_4 INTEGER,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT
);
CREATE INDEX idx_campaign_outplans_customer_id ON campaign_outplans (customer_id);
