CREATE TABLE organization (
  id text PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE project (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES organization ON DELETE RESTRICT ON UPDATE CASCADE,
  name text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX project_organization_id_idx ON project (organization_id);

CREATE TABLE api_key (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  project_id text NOT NULL REFERENCES project ON DELETE RESTRICT ON UPDATE CASCADE,
  name text NOT NULL,
  hash text NOT NULL,
  hint text NOT NULL,
  scopes text[],
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  revoked_at timestamptz(3),
  last_used_at timestamptz(3)
);
CREATE UNIQUE INDEX api_key_hash_key ON api_key (hash);
CREATE INDEX api_key_project_id_idx ON api_key (project_id);

CREATE TABLE file (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  purpose text NOT NULL,
  filename text NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  object_key text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  deleted_at timestamptz(3)
);
CREATE INDEX file_project_id_created_at_id_idx ON file (project_id, created_at, id);
-- the sweeper's two questions
CREATE INDEX file_expiring ON file (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX file_deleted ON file (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE file_index (
  file_id text PRIMARY KEY REFERENCES file ON DELETE CASCADE ON UPDATE CASCADE,
  rows integer NOT NULL,
  chunks jsonb NOT NULL,
  urls jsonb NOT NULL,
  models jsonb NOT NULL,
  errors jsonb NOT NULL,
  error_count integer NOT NULL
);

CREATE TABLE upload (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  filename text NOT NULL,
  purpose text NOT NULL,
  bytes bigint NOT NULL,
  mime_type text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')),
  file_expires_in_seconds integer,
  file_id text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL
);
CREATE INDEX upload_project_id_idx ON upload (project_id);

CREATE TABLE upload_part (
  id text PRIMARY KEY,
  upload_id text NOT NULL REFERENCES upload ON DELETE CASCADE ON UPDATE CASCADE,
  bytes bigint NOT NULL,
  object_key text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX upload_part_upload_id_idx ON upload_part (upload_id);

CREATE TABLE job (
  id text PRIMARY KEY,
  kind text NOT NULL,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  api_key_id text NOT NULL,
  state text NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'finalizing', 'succeeded', 'failed', 'cancelled', 'expired')),
  seq bigint NOT NULL DEFAULT 1,
  total integer,
  succeeded integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  input_tokens bigint NOT NULL DEFAULT 0,
  cached_input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens bigint NOT NULL DEFAULT 0,
  reasoning_tokens bigint NOT NULL DEFAULT 0,
  cost numeric(38, 0) NOT NULL DEFAULT 0,
  unpriced integer NOT NULL DEFAULT 0,
  rate real NOT NULL DEFAULT 0,
  rate_at timestamptz(3),
  rate_done integer NOT NULL DEFAULT 0,
  error jsonb,
  metadata jsonb,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  cancel_requested_at timestamptz(3),
  finalizing_at timestamptz(3),
  finished_at timestamptz(3),
  expires_at timestamptz(3) NOT NULL
) WITH (fillfactor = 50); -- counters are updated in place, many times a second
CREATE INDEX job_project_id_kind_created_at_id_idx ON job (project_id, kind, created_at, id);
-- what should be under way; small, however many have finished
CREATE INDEX job_unfinished ON job (created_at) WHERE state IN ('queued', 'running', 'paused', 'finalizing');

CREATE TABLE batch (
  id text PRIMARY KEY REFERENCES job ON DELETE CASCADE ON UPDATE CASCADE,
  input_file_id text NOT NULL,
  endpoint text NOT NULL,
  completion_window text NOT NULL,
  output_expires_after_seconds integer,
  concurrency integer CHECK (concurrency > 0),
  budget numeric(38, 0) CHECK (budget >= 0),
  prices jsonb NOT NULL,
  retry_of text,
  lines integer[],
  errors jsonb,
  reserved_output_file_id text NOT NULL,
  reserved_error_file_id text NOT NULL,
  output_file_id text,
  error_file_id text
);
CREATE INDEX batch_input_file_id_idx ON batch (input_file_id);

CREATE TABLE batch_row (
  batch_id text NOT NULL REFERENCES batch ON DELETE CASCADE ON UPDATE CASCADE,
  line integer NOT NULL,
  custom_id text NOT NULL,
  state text NOT NULL CHECK (state IN ('ok', 'error', 'expired', 'cancelled', 'unknown')),
  status_code smallint,
  request_id text,
  attempts smallint NOT NULL,
  error_code text,
  error_message text,
  body text,
  finished_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (batch_id, line)
);

CREATE TABLE ledger (
  resource_id text NOT NULL,
  line integer NOT NULL,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  api_key_id text NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  input_tokens integer NOT NULL,
  cached_input_tokens integer NOT NULL,
  output_tokens integer NOT NULL,
  reasoning_tokens integer NOT NULL,
  cost bigint,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (resource_id, line)
);
CREATE INDEX ledger_organization_id_created_at_idx ON ledger (organization_id, created_at);

CREATE TABLE event (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  resource_id text NOT NULL,
  seq bigint NOT NULL,
  type text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX event_resource_id_seq_key ON event (resource_id, seq);

CREATE TABLE outbox (
  resource_id text NOT NULL,
  action text NOT NULL CHECK (action IN ('start', 'cancel', 'resume')),
  workflow text NOT NULL,
  input jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (resource_id, action)
);
CREATE INDEX outbox_created_at_idx ON outbox (created_at);

CREATE TABLE idempotency (
  project_id text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  status integer NOT NULL,
  headers jsonb NOT NULL,
  body text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL,
  PRIMARY KEY (project_id, key)
);
CREATE INDEX idempotency_expires_at_idx ON idempotency (expires_at);

CREATE TABLE worker (
  id text PRIMARY KEY,
  lock_id serial NOT NULL,
  identity text NOT NULL,
  started_at timestamptz(3) NOT NULL DEFAULT now(),
  seen_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX worker_lock_id_key ON worker (lock_id);

CREATE TABLE chunk_lease (
  batch_id text NOT NULL,
  chunk integer NOT NULL,
  worker_id text NOT NULL,
  workflow_id text NOT NULL,
  run_id text NOT NULL,
  activity_id text NOT NULL,
  attempt integer NOT NULL,
  started_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (batch_id, chunk)
);
CREATE INDEX chunk_lease_worker_id_idx ON chunk_lease (worker_id);

CREATE TABLE provider_lease (
  provider text NOT NULL,
  worker_id text NOT NULL,
  slots integer NOT NULL CHECK (slots >= 0),
  wanted integer NOT NULL,
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (provider, worker_id)
);
