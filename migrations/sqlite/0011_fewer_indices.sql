-- Indices that no query of Trunkline's reads. Each costs a page of every commit
-- that touches its column, and most of them a page that nothing else is on.

-- Nobody looks calls up by these; a list is read newest first by its own index.
DROP INDEX idx_call_calls_hangup;
DROP INDEX idx_call_calls_source_target;
DROP INDEX idx_call_calls_destination_target;

-- Channels are found by their id, or by idx_trunkline_channels_live.
DROP INDEX idx_call_channels_src_number;
DROP INDEX idx_call_channels_dst_number;
DROP INDEX idx_call_channels_sip_call_id;

-- Bridges are found by their id, or by idx_trunkline_bridges_live.
DROP INDEX idx_call_bridges_create;
DROP INDEX idx_call_bridges_reference_id;
DROP INDEX idx_call_bridges_id;
DROP INDEX idx_call_bridges_asterisk_id_id;

-- idx_trunkline_targets_create begins with the same column.
DROP INDEX idx_outdial_outdialtargets_outdial_id;
