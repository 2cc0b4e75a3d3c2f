-- What a flow sends to a server need not be JSON.
ALTER TABLE trunkline_webhook_deliveries ADD COLUMN data_type TEXT NOT NULL DEFAULT '';
