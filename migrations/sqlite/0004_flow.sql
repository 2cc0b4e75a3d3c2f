-- Tables of flow-manager (chapter 05 D.1, D.3): names as VoIPbin has them.

CREATE TABLE flow_flows (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    type TEXT,
    name TEXT,
    detail TEXT,
    actions TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    on_complete_flow_id BLOB NOT NULL DEFAULT x'00000000000000000000000000000000',
    direct_id BLOB,
    direct_hash TEXT
);
CREATE INDEX idx_flow_flows_customer_id ON flow_flows (customer_id);

CREATE TABLE flow_activeflows (
    id BLOB PRIMARY KEY,
    customer_id BLOB,
    status TEXT,
    flow_id BLOB,
    reference_type TEXT,
    reference_id BLOB,
    reference_activeflow_id BLOB,
    stack_map TEXT,
    current_stack_id BLOB DEFAULT x'00000000000000000000000000000000',
    current_action TEXT,
    execute_count INTEGER,
    forward_stack_id BLOB DEFAULT x'00000000000000000000000000000000',
    forward_action_id BLOB,
    executed_actions TEXT,
    tm_create TEXT,
    tm_update TEXT,
    tm_delete TEXT,
    on_complete_flow_id BLOB NOT NULL DEFAULT x'00000000000000000000000000000000',
    webhook_uri TEXT,
    webhook_method TEXT
);
CREATE INDEX idx_flow_activeflows_customer_id ON flow_activeflows (customer_id);
CREATE INDEX idx_flow_activeflows_flow_id ON flow_activeflows (flow_id);
CREATE INDEX idx_flow_activeflows_reference_id ON flow_activeflows (reference_id);
-- Ours: activeflows that have not ended, for the reconciler.
CREATE INDEX idx_trunkline_activeflows_running ON flow_activeflows (tm_create) WHERE status = 'running';
