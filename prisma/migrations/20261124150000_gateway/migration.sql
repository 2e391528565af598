-- Keys get a policy, and a rotation with an overlap.
ALTER TABLE api_key
  ADD COLUMN models text[],
  ADD COLUMN allowed_ips text[],
  ADD COLUMN cache_ttl_seconds integer CHECK (cache_ttl_seconds BETWEEN 1 AND 2592000),
  ADD COLUMN rotate_every_days integer CHECK (rotate_every_days BETWEEN 1 AND 3650),
  ADD COLUMN overlap_seconds integer NOT NULL DEFAULT 86400 CHECK (overlap_seconds BETWEEN 0 AND 2592000),
  ADD COLUMN rotate_at timestamptz(3),
  ADD COLUMN managed_by text NOT NULL DEFAULT 'api' CHECK (managed_by IN ('api', 'config'));
ALTER TABLE organization
  ADD COLUMN archived_at timestamptz(3),
  ADD COLUMN managed_by text NOT NULL DEFAULT 'api' CHECK (managed_by IN ('api', 'config'));
ALTER TABLE project
  ADD COLUMN archived_at timestamptz(3),
  ADD COLUMN managed_by text NOT NULL DEFAULT 'api' CHECK (managed_by IN ('api', 'config'));

-- Secrets of a key: the current one, and while a rotation overlaps, the one before. Only hashes.
CREATE TABLE key_secret (
  hash text PRIMARY KEY,
  key_id text NOT NULL REFERENCES api_key ON DELETE CASCADE ON UPDATE CASCADE,
  hint text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  -- of an automatic rotation: the text, encrypted, until it has been fetched once
  unclaimed bytea
);
CREATE INDEX key_secret_key_id_idx ON key_secret (key_id);
INSERT INTO key_secret (hash, key_id, hint, created_at) SELECT hash, id, hint, created_at FROM api_key;
DROP INDEX api_key_hash_key;
ALTER TABLE api_key DROP COLUMN hash, DROP COLUMN hint;

-- Apart from api_key, so that a use is no change of the control plane.
CREATE TABLE key_use (
  key_id text PRIMARY KEY REFERENCES api_key ON DELETE CASCADE ON UPDATE CASCADE,
  last_used_at timestamptz(3) NOT NULL
);
ALTER TABLE api_key DROP COLUMN last_used_at;

CREATE TABLE provider (
  name text PRIMARY KEY,
  kind text NOT NULL,
  base_url text NOT NULL,
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);

-- AES-256-GCM: nonce, ciphertext and tag in one; the name of the key-encryption key beside it.
CREATE TABLE provider_credential (
  id text PRIMARY KEY,
  provider text NOT NULL REFERENCES provider ON DELETE CASCADE ON UPDATE CASCADE,
  name text NOT NULL,
  sealed bytea NOT NULL,
  kek text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  -- after this it is used no more, when a newer one is there
  retire_at timestamptz(3)
);
CREATE INDEX provider_credential_provider_idx ON provider_credential (provider);

CREATE TABLE model (
  id text PRIMARY KEY,
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE deployment (
  id text PRIMARY KEY,
  model_id text NOT NULL REFERENCES model ON DELETE CASCADE ON UPDATE CASCADE,
  provider text NOT NULL,
  upstream text NOT NULL,
  weight integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0 AND 1000),
  priority integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 100),
  prices jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX deployment_model_id_idx ON deployment (model_id);

CREATE TABLE preset (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  project_id text NOT NULL REFERENCES project ON DELETE CASCADE ON UPDATE CASCADE,
  name text NOT NULL,
  parameters jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX preset_project_id_name_key ON preset (project_id, name);

-- organization_id null = for all organizations, which only model limits may be.
CREATE TABLE usage_limit (
  id text PRIMARY KEY,
  organization_id text,
  subject_kind text NOT NULL CHECK (subject_kind IN ('organization', 'project', 'key', 'model')),
  subject_id text NOT NULL,
  requests_per_minute bigint CHECK (requests_per_minute > 0),
  tokens_per_minute bigint CHECK (tokens_per_minute > 0),
  concurrency integer CHECK (concurrency > 0),
  managed_by text NOT NULL DEFAULT 'api' CHECK (managed_by IN ('api', 'config')),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX usage_limit_subject ON usage_limit (organization_id, subject_kind, subject_id) NULLS NOT DISTINCT;

CREATE TABLE budget (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  subject_kind text NOT NULL CHECK (subject_kind IN ('organization', 'project', 'key')),
  subject_id text NOT NULL,
  period text NOT NULL CHECK (period IN ('day', 'week', 'month', 'total')),
  amount numeric(38, 0) NOT NULL CHECK (amount >= 0),
  hard boolean NOT NULL DEFAULT true,
  -- percent of the amount
  thresholds integer[] NOT NULL DEFAULT '{50,80,100}',
  managed_by text NOT NULL DEFAULT 'api' CHECK (managed_by IN ('api', 'config')),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX budget_subject ON budget (subject_kind, subject_id);

CREATE TABLE budget_period (
  budget_id text NOT NULL REFERENCES budget ON DELETE CASCADE ON UPDATE CASCADE,
  period_start timestamptz(3) NOT NULL,
  spent numeric(38, 0) NOT NULL DEFAULT 0,
  -- thresholds already told of
  alerted integer[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (budget_id, period_start)
) WITH (fillfactor = 50);

-- What a process holds of a budget and has not yet put into the books. available = amount - spent - sum(outstanding).
CREATE TABLE budget_lease (
  budget_id text NOT NULL REFERENCES budget ON DELETE CASCADE ON UPDATE CASCADE,
  period_start timestamptz(3) NOT NULL,
  process_id text NOT NULL,
  outstanding numeric(38, 0) NOT NULL CHECK (outstanding >= 0),
  -- another process needs it: give back what is not reserved
  called_in boolean NOT NULL DEFAULT false,
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (budget_id, period_start, process_id)
) WITH (fillfactor = 50);
CREATE INDEX budget_lease_process_id_idx ON budget_lease (process_id);

-- Start of the period that a moment lies in, UTC; weeks begin on Monday.
CREATE FUNCTION budget_period_start (period text, moment timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN period = 'total' THEN timestamptz '1970-01-01 00:00:00+00' ELSE date_trunc(period, moment, 'UTC') END
$$;

-- What of a minute's limit has been handed out. Not logged: after a crash of Postgres a minute begins anew.
CREATE UNLOGGED TABLE rate_window (
  subject text NOT NULL,
  minute bigint NOT NULL,
  granted bigint NOT NULL,
  PRIMARY KEY (subject, minute)
) WITH (fillfactor = 50);

-- One row per request. Partitions are made and dropped by day (UTC).
CREATE TABLE usage (
  id text NOT NULL,
  created_at timestamptz(3) NOT NULL,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  key_id text NOT NULL,
  endpoint text NOT NULL,
  model text NOT NULL,
  provider text,
  deployment text,
  end_user text,
  status smallint NOT NULL,
  error_code text,
  attempts smallint NOT NULL,
  input_tokens integer NOT NULL,
  cached_input_tokens integer NOT NULL,
  cache_write_tokens integer NOT NULL,
  output_tokens integer NOT NULL,
  reasoning_tokens integer NOT NULL,
  -- of input and output together
  audio_tokens integer NOT NULL,
  output_audio_tokens integer NOT NULL DEFAULT 0,
  -- pico-USD; null = the price is unknown
  cost bigint,
  latency_ms integer NOT NULL,
  first_token_ms integer,
  -- bits: 1 stream, 2 answered from the cache, 4 tokens are estimated
  flags smallint NOT NULL,
  PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);
CREATE INDEX usage_organization ON usage (organization_id, created_at);

-- Batch rows are usage too; they are in the ledger.
CREATE VIEW all_usage AS
  SELECT id, created_at, organization_id, project_id, key_id, endpoint, model, provider, end_user, status,
    input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, audio_tokens, cost, latency_ms, first_token_ms, flags, false AS batch,
    output_audio_tokens
  FROM usage
  UNION ALL
  SELECT ledger.resource_id || ':' || ledger.line, ledger.created_at, ledger.organization_id, ledger.project_id, ledger.api_key_id,
    batch.endpoint, ledger.model, ledger.provider, NULL, 200::smallint,
    ledger.input_tokens, ledger.cached_input_tokens, 0, ledger.output_tokens, ledger.reasoning_tokens, 0, ledger.cost, NULL::integer, NULL::integer, 0::smallint, true,
    0
  FROM ledger LEFT JOIN batch ON batch.id = ledger.resource_id;

CREATE UNLOGGED TABLE response_cache (
  project_id text NOT NULL,
  hash text NOT NULL,
  model text NOT NULL,
  body bytea NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL,
  PRIMARY KEY (project_id, hash)
);
CREATE INDEX response_cache_expires_at_idx ON response_cache (expires_at);

-- Stored and background responses (OpenAI's /v1/responses). Bodies are JSON text.
CREATE TABLE response (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  project_id text NOT NULL,
  key_id text NOT NULL,
  model text NOT NULL,
  status text NOT NULL CHECK (status IN ('queued', 'in_progress', 'completed', 'failed', 'cancelled', 'incomplete')),
  background boolean NOT NULL,
  previous_response_id text,
  request text NOT NULL,
  -- the input items of this response alone; earlier ones are found by previous_response_id
  input text NOT NULL,
  body text,
  -- raised with every event; the last one a reader can ask for
  last_event integer NOT NULL DEFAULT 0,
  cancel_requested_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  finished_at timestamptz(3),
  expires_at timestamptz(3) NOT NULL
);
CREATE INDEX response_project_id_idx ON response (project_id, created_at);
CREATE INDEX response_expires_at_idx ON response (expires_at);
CREATE INDEX response_unfinished ON response (created_at) WHERE status IN ('queued', 'in_progress');

CREATE TABLE response_event (
  response_id text NOT NULL REFERENCES response ON DELETE CASCADE ON UPDATE CASCADE,
  sequence_number integer NOT NULL,
  data text NOT NULL,
  PRIMARY KEY (response_id, sequence_number)
);

-- Raised by every change of keys, limits, budgets, models and the like; processes compare it several times a second.
CREATE TABLE control_version (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  version bigint NOT NULL
);
INSERT INTO control_version (version) VALUES (1);
CREATE FUNCTION raise_control_version () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE control_version SET version = version + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON organization FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON project FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON api_key FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON key_secret FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON provider FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON provider_credential FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON model FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON deployment FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON preset FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON usage_limit FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
CREATE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON budget FOR EACH STATEMENT EXECUTE FUNCTION raise_control_version();
