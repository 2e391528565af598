import type { Caller, JobRecord, Tenant } from '../contracts/jobs.ts'
import { statesBefore, terminalStates, type JobState } from '../domain/job-state.ts'
import { newId } from '../ids.ts'
import type { Queryable } from './database.ts'
import { jobSnapshot } from './job-snapshot.ts'

/** A job as selected by `jobColumns`. */
export interface JobRow {
  readonly id: string
  readonly kind: JobRecord['kind']
  readonly organization_id: string
  readonly project_id: string
  readonly api_key_id: string
  readonly state: JobState
  readonly seq: number
  readonly total: number | null
  readonly succeeded: number
  readonly failed: number
  readonly input_tokens: number
  readonly cached_input_tokens: number
  readonly output_tokens: number
  readonly reasoning_tokens: number
  readonly cost: string
  readonly unpriced: number
  readonly rate: number
  readonly error: JobRecord['error']
  readonly metadata: JobRecord['metadata']
  readonly created_at: Date
  readonly started_at: Date | null
  readonly cancel_requested_at: Date | null
  readonly finalizing_at: Date | null
  readonly finished_at: Date | null
  readonly expires_at: Date
}

/** Qualified with the table's name, so that a join or `UPDATE job … RETURNING` can use them as they are. */
export const jobColumns = [
  'id', 'kind', 'organization_id', 'project_id', 'api_key_id', 'state', 'seq', 'total', 'succeeded', 'failed',
  'input_tokens', 'cached_input_tokens', 'output_tokens', 'reasoning_tokens', 'cost', 'unpriced', 'rate', 'error', 'metadata',
  'created_at', 'started_at', 'cancel_requested_at', 'finalizing_at', 'finished_at', 'expires_at'
].map(column => `job.${column}`).join(', ')

export function toJobRecord (row: JobRow): JobRecord {
  return {
    id: row.id,
    kind: row.kind,
    organizationId: row.organization_id,
    projectId: row.project_id,
    apiKeyId: row.api_key_id,
    state: row.state,
    seq: row.seq,
    counts: { total: row.total, succeeded: row.succeeded, failed: row.failed },
    usage: {
      inputTokens: row.input_tokens,
      cachedInputTokens: row.cached_input_tokens,
      outputTokens: row.output_tokens,
      reasoningTokens: row.reasoning_tokens
    },
    cost: BigInt(row.cost),
    unpriced: row.unpriced,
    rate: row.rate,
    error: row.error,
    metadata: row.metadata,
    createdAt: row.created_at,
    startedAt: row.started_at,
    cancelRequestedAt: row.cancel_requested_at,
    finalizingAt: row.finalizing_at,
    finishedAt: row.finished_at,
    expiresAt: row.expires_at
  }
}

/** The tenant's job, or null: another tenant's is as absent as one that never was. */
export async function readJob (database: Queryable, tenant: Tenant, id: string): Promise<JobRecord | null> {
  const { rows } = await database.query<JobRow>(
    `SELECT ${jobColumns} FROM job WHERE id = $1 AND organization_id = $2 AND project_id = $3`,
    [id, tenant.organizationId, tenant.projectId])
  return rows[0] === undefined ? null : toJobRecord(rows[0])
}

/** Jobs of any tenant, in no order, for readers that have checked the owner already. Ids that are not there are left out. */
export async function readJobs (database: Queryable, ids: readonly string[]): Promise<JobRecord[]> {
  const { rows } = await database.query<JobRow>(`SELECT ${jobColumns} FROM job WHERE id = ANY($1)`, [ids])
  return rows.map(toJobRecord)
}

/** Only how far each job is: what a reader asks often to see whether reading more pays. */
export async function readJobSeqs (database: Queryable, ids: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await database.query<{ id: string, seq: number }>('SELECT id, seq FROM job WHERE id = ANY($1)', [ids])
  return new Map(rows.map(row => [row.id, row.seq]))
}

export interface JobFilter {
  /** Absent = all. */
  readonly kinds?: readonly string[]
  readonly state?: JobState
  /** A job of the tenant; the page starts behind it. An id that is not there gives an empty page. */
  readonly after?: string
  readonly limit: number
  /** By creation. */
  readonly order: 'asc' | 'desc'
}

/** One page of the tenant's jobs. */
export async function listJobs (database: Queryable, tenant: Tenant, filter: JobFilter): Promise<{ jobs: JobRecord[], hasMore: boolean }> {
  const { rows } = await database.query<JobRow>(
    `SELECT ${jobColumns} FROM job
     WHERE organization_id = $1 AND project_id = $2
       AND ($3::text[] IS NULL OR kind = ANY($3))
       AND ($4::text IS NULL OR state = $4)
       AND ($5::text IS NULL OR (created_at, id) ${filter.order === 'asc' ? '>' : '<'}
         (SELECT created_at, id FROM job WHERE id = $5 AND organization_id = $1 AND project_id = $2))
     ORDER BY created_at ${filter.order}, id ${filter.order}
     LIMIT $6`,
    [tenant.organizationId, tenant.projectId, filter.kinds ?? null, filter.state ?? null, filter.after ?? null, filter.limit + 1])
  return { jobs: rows.slice(0, filter.limit).map(toJobRecord), hasMore: rows.length > filter.limit }
}

/** What an event is called when a job enters a state: OpenAI's words where it has one. Entering `running` from `paused` is `resumed`. */
const eventWords: Readonly<Record<JobState, string>> = {
  queued: 'created',
  running: 'in_progress',
  paused: 'paused',
  finalizing: 'finalizing',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired'
}

export interface NewJob {
  readonly id: string
  readonly kind: JobRecord['kind']
  readonly metadata: JobRecord['metadata']
  /** Seconds from now until it expires. */
  readonly windowSeconds: number
}

/** A queued job with its first event, `<kind>.created`. */
export async function insertJob (database: Queryable, caller: Caller, job: NewJob): Promise<void> {
  await database.query(
    `WITH created AS (
       INSERT INTO job (id, kind, organization_id, project_id, api_key_id, state, metadata, expires_at)
       VALUES ($1, $2, $3, $4, $5, 'queued', $6, now() + make_interval(secs => $7))
       RETURNING ${jobColumns}
     )
     INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
     SELECT $8, organization_id, project_id, id, seq, kind || '.' || $9, ${jobSnapshot} FROM created`,
    [job.id, job.kind, caller.organizationId, caller.projectId, caller.keyId, job.metadata, job.windowSeconds, newId('event'), eventWords.queued])
}

export interface Transition {
  readonly id: string
  readonly to: JobState
  /** Replaces the job's error; without it the error stays. */
  readonly error?: { readonly code: string, readonly message: string }
  /** Joined to the event's data. */
  readonly data?: Readonly<Record<string, unknown>>
}

/**
 * Moves a job to a state and records the event, with the job as it is then, in one statement. null when the job is in no state that leads there
 * (or does not exist): of racing callers exactly one gets the record.
 */
export async function transitionJob (database: Queryable, transition: Transition): Promise<JobRecord | null> {
  const { rows } = await database.query<JobRow>(
    `WITH before AS (
       SELECT id, state FROM job WHERE id = $1 AND state = ANY($3) FOR UPDATE
     ), changed AS (
       UPDATE job SET
         state = $2,
         seq = job.seq + 1,
         error = coalesce($4::jsonb, job.error),
         started_at = CASE WHEN $2 = 'running' THEN coalesce(job.started_at, now()) ELSE job.started_at END,
         finalizing_at = CASE WHEN $2 = 'finalizing' THEN now() ELSE job.finalizing_at END,
         finished_at = CASE WHEN $2 = ANY($5) THEN now() ELSE job.finished_at END
       FROM before WHERE job.id = before.id
       RETURNING ${jobColumns}, before.state AS state_before
     ), recorded AS (
       INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
       SELECT $6, organization_id, project_id, id, seq,
         kind || '.' || CASE WHEN $2 = 'running' AND state_before = 'paused' THEN 'resumed' ELSE $7 END,
         ${jobSnapshot} || $8::jsonb
       FROM changed
     )
     SELECT * FROM changed`,
    [transition.id, transition.to, statesBefore(transition.to), transition.error === undefined ? null : JSON.stringify(transition.error),
      terminalStates, newId('event'), eventWords[transition.to], JSON.stringify(transition.data ?? {})])
  return rows[0] === undefined ? null : toJobRecord(rows[0])
}

/**
 * Notes once that the owner wants the job cancelled, with the event `<kind>.cancelling`; whoever runs the job acts on it.
 * Returns the job as it is then, unchanged when it was requested before or the job had finished; null when the tenant has no such job.
 */
export async function requestCancel (database: Queryable, tenant: Tenant, id: string): Promise<JobRecord | null> {
  const { rows } = await database.query<JobRow>(
    `WITH changed AS (
       UPDATE job SET cancel_requested_at = now(), seq = job.seq + 1
       WHERE id = $1 AND organization_id = $2 AND project_id = $3 AND cancel_requested_at IS NULL AND state <> ALL($4)
       RETURNING ${jobColumns}
     ), recorded AS (
       INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
       SELECT $5, organization_id, project_id, id, seq, kind || '.cancelling', ${jobSnapshot}
       FROM changed
     )
     SELECT * FROM changed`,
    [id, tenant.organizationId, tenant.projectId, terminalStates, newId('event')])
  // a second statement, because a snapshot taken before waiting for a racing request would not show what that one did
  return rows[0] === undefined ? await readJob(database, tenant, id) : toJobRecord(rows[0])
}
