import type { Tenant } from '../contracts/jobs.ts'
import { workflowNames, type ResponseWorkflowInput } from '../contracts/workflows.ts'
import { responseEventData, type ResponseEnd } from '../domain/response-event.ts'
import { newId } from '../ids.ts'
import type { Queryable } from './database.ts'
import type { OutboxEntry } from './outbox.ts'

/** Days that a response is kept, as OpenAI keeps them. */
const KEPT_DAYS = 30
/** Responses that one conversation may chain; more is a loop or an abuse. */
const LONGEST_CHAIN = 1_000
/** Newest responses of a project among which items named by id are looked for: they have no index. */
const SEARCHED = 1_000

export interface ResponseRecord extends Tenant {
  readonly id: string
  readonly keyId: string
  readonly model: string
  readonly status: string
  readonly background: boolean
  readonly previousResponseId: string | null
  /** JSON texts: the request as it came, its own input items, and the response object once there is one. */
  readonly request: string
  readonly input: string
  readonly body: string | null
  readonly lastEvent: number
  readonly createdAt: Date
}

const columns = `id, organization_id AS "organizationId", project_id AS "projectId", key_id AS "keyId", model, status, background,
  previous_response_id AS "previousResponseId", request, input, body, last_event AS "lastEvent", created_at AS "createdAt"`

export type NewResponse = Omit<ResponseRecord, 'lastEvent' | 'createdAt'>

export async function insertResponse (database: Queryable, response: NewResponse): Promise<void> {
  const { id, organizationId, projectId, keyId, model, status, background, previousResponseId, request, input, body } = response
  await database.query(
    `INSERT INTO response (id, organization_id, project_id, key_id, model, status, background, previous_response_id, request, input, body, finished_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $6 IN ('queued', 'in_progress') THEN NULL ELSE now() END, now() + make_interval(days => $12))`,
    [id, organizationId, projectId, keyId, model, status, background, previousResponseId, request, input, body, KEPT_DAYS])
}

/** The message that starts the run of a background response. */
export function startOfResponse ({ id, organizationId, projectId }: Pick<ResponseRecord, 'id' | 'organizationId' | 'projectId'>): OutboxEntry {
  const input: ResponseWorkflowInput = { organizationId, projectId, responseId: id }
  return { resourceId: id, action: 'start', workflow: workflowNames.response, input }
}

export async function readResponse (database: Queryable, tenant: Tenant, id: string): Promise<ResponseRecord | null> {
  const { rows } = await database.query<ResponseRecord>(
    `SELECT ${columns} FROM response WHERE id = $1 AND organization_id = $2 AND project_id = $3 AND expires_at > now()`, [id, tenant.organizationId, tenant.projectId])
  return rows[0] ?? null
}

/** Whether it is a background response, without its texts; null = there is none. */
export async function readBackground (database: Queryable, tenant: Tenant, id: string): Promise<boolean | null> {
  const { rows } = await database.query<{ background: boolean }>(
    'SELECT background FROM response WHERE id = $1 AND organization_id = $2 AND project_id = $3 AND expires_at > now()', [id, tenant.organizationId, tenant.projectId])
  return rows[0]?.background ?? null
}

/** As readResponse, locked until the transaction ends. */
export async function lockResponse (client: Queryable, tenant: Tenant, id: string): Promise<ResponseRecord | null> {
  const { rows } = await client.query<ResponseRecord>(
    `SELECT ${columns} FROM response WHERE id = $1 AND organization_id = $2 AND project_id = $3 AND expires_at > now() FOR UPDATE`, [id, tenant.organizationId, tenant.projectId])
  return rows[0] ?? null
}

/** For the worker, which acts for whoever the row belongs to. */
export async function readResponseById (database: Queryable, id: string): Promise<ResponseRecord | null> {
  const { rows } = await database.query<ResponseRecord>(`SELECT ${columns} FROM response WHERE id = $1`, [id])
  return rows[0] ?? null
}

/** What was said in a stored response, JSON texts. */
export type StoredTexts = Pick<ResponseRecord, 'input' | 'body'>

/** The texts of rows, unless all together have more than `most` bytes: then `input` and `body` are null, and `total` says how many. */
const withinTotal = 'CASE WHEN total <= $5 THEN input END AS input, CASE WHEN total <= $5 THEN body END AS body, total'
const total = 'sum(octet_length(input) + coalesce(octet_length(body), 0)) OVER () AS total'

/**
 * The response named and those before it, oldest first; null when one of them is not there (any more), 'large' when their texts have
 * more than `most` bytes together.
 */
export async function readChain (database: Queryable, tenant: Tenant, id: string, most = Infinity): Promise<Array<StoredTexts & Pick<ResponseRecord, 'status'>> | null | 'large'> {
  const { rows } = await database.query<StoredTexts & Pick<ResponseRecord, 'status' | 'previousResponseId'> & { total: string, depth: number }>(
    `WITH RECURSIVE chain AS (
       SELECT response.*, 1 AS depth FROM response WHERE id = $1 AND organization_id = $2 AND project_id = $3 AND expires_at > now()
       UNION ALL
       SELECT earlier.*, depth + 1 FROM chain JOIN response earlier ON earlier.id = chain.previous_response_id
       WHERE earlier.organization_id = $2 AND earlier.project_id = $3 AND earlier.expires_at > now() AND depth < $4
     ), measured AS (SELECT *, ${total} FROM chain)
     SELECT status, previous_response_id AS "previousResponseId", ${withinTotal}, depth FROM measured ORDER BY depth DESC`,
    [id, tenant.organizationId, tenant.projectId, LONGEST_CHAIN, Math.min(most, Number.MAX_SAFE_INTEGER)])
  if (rows.length === 0 || rows[0]!.previousResponseId !== null) return null
  return Number(rows[0]!.total) > most ? 'large' : rows
}

/** The responses of a project, among its newest, in whose texts one of the ids stands; 'large' as of readChain. */
export async function readMentioning (database: Queryable, tenant: Tenant, ids: readonly string[], most = Infinity): Promise<StoredTexts[] | 'large'> {
  const { rows } = await database.query<StoredTexts & { total: string }>(
    `WITH newest AS (
       SELECT input, body, created_at FROM response WHERE organization_id = $1 AND project_id = $2 AND expires_at > now() ORDER BY created_at DESC LIMIT $4
     ), measured AS (
       SELECT *, ${total} FROM newest
       WHERE EXISTS (SELECT FROM unnest($3::text[]) AS item (id) WHERE strpos(newest.input, item.id) > 0 OR strpos(newest.body, item.id) > 0)
     ) SELECT ${withinTotal} FROM measured ORDER BY created_at`,
    [tenant.organizationId, tenant.projectId, ids, SEARCHED, Math.min(most, Number.MAX_SAFE_INTEGER)])
  return rows.length > 0 && Number(rows[0]!.total) > most ? 'large' : rows
}

/** Bytes of all texts of a stored response; 0 = there is none. */
export async function sizeOfResponse (database: Queryable, tenant: Tenant, id: string): Promise<number> {
  const { rows } = await database.query<{ size: number }>(
    `SELECT octet_length(request) + octet_length(input) + coalesce(octet_length(body), 0) AS size
     FROM response WHERE id = $1 AND organization_id = $2 AND project_id = $3`, [id, tenant.organizationId, tenant.projectId])
  return rows[0]?.size ?? 0
}

/** Some responses of any tenant that should be under way: without an end, older than `age` ms and not waiting in the outbox. */
export async function readUnfinishedResponses (database: Queryable, age: number, limit: number): Promise<ResponseRecord[]> {
  const { rows } = await database.query<ResponseRecord>(
    `SELECT ${columns} FROM response WHERE status IN ('queued', 'in_progress') AND created_at < now() - $1 * interval '1 millisecond'
       AND NOT EXISTS (SELECT FROM outbox WHERE resource_id = response.id)
     ORDER BY random() LIMIT $2`, [age, limit])
  return rows
}

/** The models that a response's key may use now; null = all. None when the key is gone. */
export async function readAllowedModels (database: Queryable, { keyId, organizationId }: Pick<ResponseRecord, 'keyId' | 'organizationId'>): Promise<readonly string[] | null> {
  const { rows } = await database.query<{ models: string[] | null }>('SELECT models FROM api_key WHERE id = $1 AND organization_id = $2', [keyId, organizationId])
  return rows.length === 0 ? [] : rows[0]!.models
}

/** Whether a response still waits for its end. */
export async function isUnfinished (database: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await database.query("SELECT FROM response WHERE id = $1 AND status IN ('queued', 'in_progress')", [id])
  return rowCount === 1
}

/** true when it was there. Its events go with it. */
export async function deleteResponse (database: Queryable, tenant: Tenant, id: string): Promise<boolean> {
  const { rowCount } = await database.query('DELETE FROM response WHERE id = $1 AND organization_id = $2 AND project_id = $3', [id, tenant.organizationId, tenant.projectId])
  return rowCount === 1
}

export interface StoredEvent { readonly sequenceNumber: number, readonly data: string }

/** Adds events of a response under way. false = it is not (any more): cancelled or deleted meanwhile. */
export async function appendResponseEvents (database: Queryable, id: string, events: readonly StoredEvent[]): Promise<boolean> {
  const { rowCount } = await database.query(
    `WITH live AS (
       UPDATE response SET status = 'in_progress', last_event = greatest(last_event, $2) WHERE id = $1 AND status IN ('queued', 'in_progress') RETURNING id
     ), added AS (
       INSERT INTO response_event (response_id, sequence_number, data)
       SELECT live.id, event.number, event.data FROM live, unnest($3::integer[], $4::text[]) AS event (number, data)
     ) SELECT id FROM live`,
    [id, Math.max(0, ...events.map(event => event.sequenceNumber)), events.map(event => event.sequenceNumber), events.map(event => event.data)])
  return rowCount === 1
}

/**
 * Ends a response that is under way, with its last event and, if it runs in the background, the event of the feed that tells
 * of it: `response.<status>`, numbered as the last event. false = another end came first; that one stays.
 */
export async function finishResponse (database: Queryable, id: string, end: { status: ResponseEnd, response: Readonly<Record<string, unknown>>, event: StoredEvent }): Promise<boolean> {
  const { rowCount } = await database.query(
    `WITH live AS (
       UPDATE response SET status = $2, body = $3, last_event = greatest(last_event, $4), finished_at = now()
       WHERE id = $1 AND status IN ('queued', 'in_progress') RETURNING id, organization_id, project_id, model, background, last_event
     ), added AS (
       INSERT INTO response_event (response_id, sequence_number, data) SELECT id, $4, $5 FROM live
     ), recorded AS (
       INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
       SELECT $6, organization_id, project_id, id, last_event, 'response.' || $2, $7::jsonb || jsonb_build_object('model', model) FROM live WHERE background
     ) SELECT id FROM live`,
    [id, end.status, JSON.stringify(end.response), end.event.sequenceNumber, end.event.data, newId('event'), JSON.stringify(responseEventData(end.status, end.response))])
  return rowCount === 1
}

export async function readResponseEvents (database: Queryable, id: string, after: number, limit: number): Promise<StoredEvent[]> {
  const { rows } = await database.query<StoredEvent>(
    'SELECT sequence_number AS "sequenceNumber", data FROM response_event WHERE response_id = $1 AND sequence_number > $2 ORDER BY sequence_number LIMIT $3', [id, after, limit])
  return rows
}

/** Removes what is kept no longer, and answers of the cache that are stale. */
export async function sweepResponses (database: Queryable, limit: number): Promise<void> {
  await database.query('DELETE FROM response WHERE id IN (SELECT id FROM response WHERE expires_at < now() LIMIT $1)', [limit])
  await database.query('DELETE FROM response_cache WHERE (project_id, hash) IN (SELECT project_id, hash FROM response_cache WHERE expires_at < now() LIMIT $1)', [limit * 10])
}
