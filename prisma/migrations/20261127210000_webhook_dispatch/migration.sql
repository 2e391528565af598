-- When the timer of a waiting dispatcher ends: an event that could not be sent before then needs no signal.
ALTER TABLE webhook_dispatch ADD COLUMN wake_at timestamptz(3);

-- Endpoints that every event of an organization has to be compared with; those of single jobs are found by webhook_endpoint_resource.
CREATE INDEX webhook_endpoint_wide ON webhook_endpoint (organization_id) WHERE resource_id IS NULL;
