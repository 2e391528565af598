-- Events as a feed, and their delivery to webhook endpoints.

/* An id as lib/ids.ts makes it: the prefix and a UUIDv7 in hex. */
CREATE FUNCTION new_id (prefix text) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT prefix || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' ||
    substr(replace(gen_random_uuid()::text, '-', ''), 14)
$$;

-- The place of an event in its project's feed, without gaps and in the order in which readers can see the events.
-- null = not fanned out yet: its deliveries are not there. Both come in one transaction (lib/store/fan-out.ts).
ALTER TABLE event ADD COLUMN feed_seq bigint;
UPDATE event SET feed_seq = numbered.feed_seq
  FROM (SELECT id, row_number() OVER (PARTITION BY organization_id, project_id ORDER BY created_at, id) AS feed_seq FROM event) AS numbered
  WHERE numbered.id = event.id;
CREATE INDEX event_to_fan_out ON event (created_at, id) WHERE feed_seq IS NULL;
CREATE UNIQUE INDEX event_feed_place ON event (organization_id, project_id, feed_seq);
CREATE INDEX event_created_at_idx ON event (created_at);

-- The last place given in a feed. project_id '' is the organization's own feed (events of no project).
CREATE TABLE event_feed (
  organization_id text NOT NULL,
  project_id text NOT NULL,
  last bigint NOT NULL,
  PRIMARY KEY (organization_id, project_id)
);
INSERT INTO event_feed (organization_id, project_id, last) SELECT organization_id, project_id, max(feed_seq) FROM event GROUP BY organization_id, project_id;

CREATE TABLE webhook_endpoint (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  -- organization = events of every project of the organization and of the organization itself
  scope text NOT NULL DEFAULT 'project' CHECK (scope IN ('project', 'organization')),
  -- set = only events of this resource: the endpoint that a job was created with
  resource_id text,
  description text NOT NULL DEFAULT '',
  -- [{"url": …, "weight": …}], one or more
  targets jsonb NOT NULL,
  -- event types; * and batch.* are wildcards
  event_types text[] NOT NULL CHECK (cardinality(event_types) > 0),
  metadata jsonb,
  payload text NOT NULL DEFAULT 'thin' CHECK (payload IN ('thin', 'full')),
  payload_version text NOT NULL,
  signature text NOT NULL DEFAULT 'hmac' CHECK (signature IN ('hmac', 'ed25519')),
  requests_per_second integer CHECK (requests_per_second > 0),
  concurrency integer NOT NULL DEFAULT 10 CHECK (concurrency BETWEEN 1 AND 100),
  -- the next event of a resource waits for the success (or the end) of the one before
  ordered boolean NOT NULL DEFAULT false,
  -- custom headers, JSON, sealed: they may carry secrets
  headers_sealed bytea,
  headers_kek text,
  header_names text[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled')),
  -- requested | failing | gone (410)
  disabled_reason text,
  disabled_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX webhook_endpoint_project ON webhook_endpoint (organization_id, project_id, created_at, id);
CREATE INDEX webhook_endpoint_resource ON webhook_endpoint (resource_id) WHERE resource_id IS NOT NULL;

-- Sealed signing secrets; several while a rotation overlaps, newest first signs first.
CREATE TABLE webhook_secret (
  id text PRIMARY KEY,
  endpoint_id text NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE ON UPDATE CASCADE,
  sealed bytea NOT NULL,
  kek text NOT NULL,
  -- whpk_…, of ed25519 only
  public_key text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3)
);
CREATE INDEX webhook_secret_endpoint_id_idx ON webhook_secret (endpoint_id);

-- What changes while an endpoint is delivered to, apart from its settings.
CREATE TABLE webhook_dispatch (
  endpoint_id text PRIMARY KEY REFERENCES webhook_endpoint ON DELETE CASCADE ON UPDATE CASCADE,
  -- asleep = no workflow; waiting = its workflow waits for the next due attempt; working = an activity delivers, or will be started
  state text NOT NULL DEFAULT 'asleep' CHECK (state IN ('asleep', 'waiting', 'working')),
  -- attempts failed since the last success, and when the first of them did
  failures integer NOT NULL DEFAULT 0,
  failing_since timestamptz(3),
  -- webhook.endpoint_failing has been told of this spell
  failing_told boolean NOT NULL DEFAULT false,
  last_success_at timestamptz(3),
  -- no attempt before this: the receiver asked for it (429, 502, 504, Retry-After)
  rest_until timestamptz(3),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX webhook_dispatch_awake ON webhook_dispatch (updated_at) WHERE state <> 'asleep';

-- One event at one endpoint.
CREATE TABLE webhook_delivery (
  id text PRIMARY KEY,
  endpoint_id text NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE ON UPDATE CASCADE,
  event_id text NOT NULL REFERENCES event ON DELETE CASCADE ON UPDATE CASCADE,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  resource_id text NOT NULL,
  event_seq bigint NOT NULL,
  event_type text NOT NULL,
  -- disabled = the endpoint was disabled before it was delivered
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'exhausted', 'disabled')),
  -- event | retry | replay
  trigger text NOT NULL DEFAULT 'event' CHECK (trigger IN ('event', 'retry', 'replay', 'test')),
  -- the replay job that asked for it last
  replay_id text,
  -- place in the retry schedule of the attempt that is due
  round smallint NOT NULL DEFAULT 0,
  -- targets that failed in this round
  tried text[] NOT NULL DEFAULT '{}',
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz(3) NOT NULL DEFAULT now(),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  finished_at timestamptz(3)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX webhook_delivery_once ON webhook_delivery (endpoint_id, event_id);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, due_at, id) WHERE state = 'pending';
CREATE INDEX webhook_delivery_order ON webhook_delivery (endpoint_id, resource_id, event_seq) WHERE state = 'pending';
CREATE INDEX webhook_delivery_listed ON webhook_delivery (endpoint_id, created_at, id);
CREATE INDEX webhook_delivery_event_id_idx ON webhook_delivery (event_id);

-- One request made (or refused before it was made). Never updated.
CREATE TABLE webhook_attempt (
  delivery_id text NOT NULL REFERENCES webhook_delivery ON DELETE CASCADE ON UPDATE CASCADE,
  number integer NOT NULL,
  trigger text NOT NULL,
  url text NOT NULL,
  -- the address that was dialled
  address text,
  status smallint,
  -- null = an HTTP answer came; else dns, ssrf_blocked, connect, tls, timeout, reset, response
  error_class text,
  error_message text,
  -- ms: {"dns", "connect", "tls", "first_byte", "total"}
  timing jsonb NOT NULL,
  -- {"headers": …, "body": …}; excerpts, values of custom headers left out
  request jsonb NOT NULL,
  response jsonb,
  started_at timestamptz(3) NOT NULL,
  PRIMARY KEY (delivery_id, number)
);

-- The job (kind webhook_replay) that delivers a range of events again.
CREATE TABLE webhook_replay (
  id text PRIMARY KEY REFERENCES job ON DELETE CASCADE ON UPDATE CASCADE,
  endpoint_id text NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE ON UPDATE CASCADE,
  since timestamptz(3) NOT NULL,
  until timestamptz(3) NOT NULL,
  only_failed boolean NOT NULL,
  -- (created_at, id) of the last event that was queued again
  cursor_at timestamptz(3),
  cursor_id text,
  queued boolean NOT NULL DEFAULT false
);
CREATE INDEX webhook_replay_endpoint_id_idx ON webhook_replay (endpoint_id);

ALTER TABLE outbox DROP CONSTRAINT outbox_action_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_action_check CHECK (action IN ('start', 'cancel', 'resume', 'deliver'));

-- Leases of activities on more than chunks: a dispatcher holds part 0 of its endpoint.
ALTER TABLE chunk_lease RENAME TO activity_lease;
ALTER TABLE activity_lease RENAME COLUMN batch_id TO resource_id;
ALTER TABLE activity_lease RENAME COLUMN chunk TO part;
ALTER INDEX chunk_lease_worker_id_idx RENAME TO activity_lease_worker_id_idx;
