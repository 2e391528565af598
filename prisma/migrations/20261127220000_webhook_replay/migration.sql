ALTER TABLE webhook_replay
  -- null = all that the endpoint subscribes to
  ADD COLUMN event_types text[],
  -- deliveries queued so far
  ADD COLUMN total integer NOT NULL DEFAULT 0,
  -- ends of deliveries that a later replay has taken over since: they carry its id now
  ADD COLUMN passed_succeeded integer NOT NULL DEFAULT 0,
  ADD COLUMN passed_failed integer NOT NULL DEFAULT 0;

-- What a replay counts. Deliveries that were never replayed are not in it.
CREATE INDEX webhook_delivery_replay ON webhook_delivery (replay_id, state) WHERE replay_id IS NOT NULL;

-- A range of an organization's events, without those of others between them.
CREATE INDEX event_range ON event (organization_id, created_at, id);
