import type { Caller, JobRecord, Tenant } from '../contracts/jobs.ts'
import { workflowNames, type WebhookReplayInput } from '../contracts/workflows.ts'
import { newId } from '../ids.ts'
import type { Queryable } from './database.ts'
import { insertJob, jobColumns, readJob, toJobRecord, type JobRow } from './jobs.ts'
import { insertOutbox, type OutboxEntry } from './outbox.ts'

/** Days that events are kept, and so the most a replay reaches back and the longest it can take. */
export const EVENT_DAYS = 30

export interface NewReplay {
  readonly endpointId: string
  readonly since: Date
  /** Not included. */
  readonly until: Date
  /** Only what ended without success. */
  readonly onlyFailed: boolean
  /** Types and wildcards; null = all that the endpoint subscribes to. */
  readonly eventTypes: readonly string[] | null
}

/** The job, its first event and its promise to Temporal, in the caller's transaction, which has checked that the endpoint is the caller's. */
export async function insertReplay (client: Queryable, caller: Caller, replay: NewReplay): Promise<{ job: JobRecord, start: OutboxEntry }> {
  const id = newId('replay')
  await insertJob(client, caller, { id, kind: 'webhook_replay', metadata: null, windowSeconds: EVENT_DAYS * 86_400 })
  await client.query(
    'INSERT INTO webhook_replay (id, endpoint_id, since, until, only_failed, event_types) VALUES ($1, $2, $3, $4, $5, $6)',
    [id, replay.endpointId, replay.since, replay.until, replay.onlyFailed, replay.eventTypes])
  const job = (await readJob(client, caller, id))!
  const start = replayMessage(job, 'start')
  await insertOutbox(client, start)
  return { job, start }
}

/** What is sent to a replay's workflow. */
export function replayMessage (job: Tenant & { readonly id: string }, action: OutboxEntry['action']): OutboxEntry {
  const input: WebhookReplayInput = { jobId: job.id, organizationId: job.organizationId, projectId: job.projectId }
  return { resourceId: job.id, action, workflow: workflowNames.webhookReplay, input }
}

/** A replay with its job, for workers. `endpointId` null = the endpoint was deleted, and with it what there was to deliver. */
export interface ReplayRecord { readonly job: JobRecord, readonly endpointId: string | null, readonly queued: boolean }

export async function readReplayById (database: Queryable, id: string): Promise<ReplayRecord | null> {
  const { rows: [row] } = await database.query<JobRow & { endpoint_id: string | null, queued: boolean | null }>(
    `SELECT ${jobColumns}, endpoint_id, queued FROM job LEFT JOIN webhook_replay USING (id) WHERE job.id = $1 AND job.kind = 'webhook_replay'`, [id])
  return row === undefined ? null : { job: toJobRecord(row), endpointId: row.endpoint_id, queued: row.queued ?? false }
}

/** Some replays of any tenant that should be under way: not finished, older than `age` ms and not waiting in the outbox. */
export async function readUnfinishedReplays (database: Queryable, age: number, limit: number): Promise<JobRecord[]> {
  const { rows } = await database.query<JobRow>(
    `SELECT ${jobColumns} FROM job
     WHERE kind = 'webhook_replay' AND state IN ('queued', 'running', 'finalizing') AND created_at < now() - $1 * interval '1 millisecond'
       AND NOT EXISTS (SELECT FROM outbox WHERE resource_id = job.id)
     ORDER BY random() LIMIT $2`, [age, limit])
  return rows.map(toJobRecord)
}

/**
 * Brings the job's counters to what its deliveries are now: one look at an index. `pending` = deliveries that have not ended. `job` is null when
 * nothing changed. The total is told once it is known. Counts fall only when somebody retries a failed delivery of the replay by hand.
 */
export async function recountReplay (database: Queryable, id: string): Promise<{ job: JobRecord | null, pending: number }> {
  const { rows: [row] } = await database.query<JobRow & { pending: number, changed: boolean }>(
    `WITH found AS (
       SELECT webhook_replay.id, CASE WHEN queued THEN webhook_replay.total END AS total, counted.pending,
         passed_succeeded + counted.succeeded AS succeeded, passed_failed + counted.failed AS failed
       FROM webhook_replay, LATERAL (
         SELECT count(*) FILTER (WHERE state = 'pending')::int AS pending, count(*) FILTER (WHERE state = 'delivered')::int AS succeeded,
           count(*) FILTER (WHERE state IN ('exhausted', 'disabled'))::int AS failed
         FROM webhook_delivery WHERE replay_id = webhook_replay.id) AS counted
       WHERE webhook_replay.id = $1
     ), changed AS (
       UPDATE job SET total = found.total, succeeded = found.succeeded, failed = found.failed, seq = seq + 1 FROM found
       WHERE job.id = found.id AND job.state IN ('running', 'finalizing')
         AND (job.total, job.succeeded, job.failed) IS DISTINCT FROM (found.total, found.succeeded, found.failed)
       RETURNING ${jobColumns}
     )
     SELECT changed.*, found.pending, changed.id IS NOT NULL AS changed FROM found LEFT JOIN changed USING (id)`, [id])
  return row === undefined ? { job: null, pending: 0 } : { job: row.changed ? toJobRecord(row) : null, pending: row.pending }
}
