/** Runs in a worker thread: what reads or stores the texts of responses that are too large for the event loop. */
import type { Pool } from 'pg'
import type { Tenant } from '../../../lib/contracts/jobs.ts'
import type { LargeBody, LargeText } from '../../../lib/contracts/gateway.ts'
import { boundInput, type InputBound } from '../../../lib/domain/estimate-tokens.ts'
import { SiraError } from '../../../lib/errors.ts'
import { readObject, toBytes } from '../../../lib/gateway/large-body/json-bytes.ts'
import { split, unite, type Split } from '../../../lib/gateway/large-body/stand-ins.ts'
import { told, type Told } from '../../../lib/gateway/large-body/told.ts'
import { readEarlierItems } from '../../../lib/gateway/responses/earlier-items.ts'
import { expandRequest } from '../../../lib/gateway/responses/expand-request.ts'
import { createLogger } from '../../../lib/log.ts'
import { createPool } from '../../../lib/store/database.ts'
import type { OutboxEntry } from '../../../lib/store/outbox.ts'
import { isOutage } from '../../../lib/store/retry-outage.ts'
import { acceptResponse, cancelResponse, getResponse, insertAnswered, listItems, responseText, type ItemsPage, type Owner } from '../../core/responses.ts'
import type { AnswerPart } from '../../core/job-webhook.ts'
import { insertJobEndpoint, type JobEndpoint } from '../../core/webhook-endpoints.ts'
import { runOnce, type Created, type OnceRequest } from '../../plugins/idempotency.ts'

/** A body of which a part is only in its text. */
export interface Body extends Pick<LargeBody, 'bulk'> { readonly small: Split['small'] }
/** What every order has beside: the bytes of that text. */
type WithBytes<Order> = Order & { readonly bytes: LargeText['bytes'] | null }
interface Database { readonly databaseUrl: string }
type Model = Readonly<Record<string, unknown>> & { readonly model: string, readonly previous_response_id?: string | null }

export interface ExpandOrder extends Database { readonly tenant: Tenant, readonly body: Body }
export interface Expanded extends Split { readonly bytes: LargeText['bytes'], readonly input: InputBound }

/** The request as a provider gets it: with what it continues, and the items that it names. */
export async function expand ({ databaseUrl, tenant, body, bytes }: WithBytes<ExpandOrder>): Promise<Told<Expanded>> {
  return await withPool(databaseUrl, async pool => {
    const whole = wholeOf(body, bytes)
    const expanded = expandRequest(whole, await readEarlierItems(pool, tenant, whole))
    const text = JSON.stringify(expanded)
    return { ...split(expanded), bytes: toBytes(text), input: boundInput(text, expanded) }
  }, ({ bytes }) => [bytes])
}

export interface KeepOrder extends Database { readonly owner: Owner, readonly body: Body, readonly response: { readonly id: string, readonly status: string } }

/** Stores a response that was answered at once. Of its request only the small fields: nothing is made from it again. */
export async function keep ({ databaseUrl, owner, body, response, bytes }: WithBytes<KeepOrder>): Promise<Told<null>> {
  return await withPool(databaseUrl, async pool => {
    const whole = wholeOf(body, bytes)
    // what it continues is stored already; items that it names have to be looked up again
    const { previous_response_id: _, ...own } = whole
    const earlier = await readEarlierItems(pool, owner, own)
    await insertAnswered(pool, owner, whole, body.small, earlier, response)
    return null
  })
}

export interface AcceptOrder extends Database {
  readonly owner: Owner
  readonly body: Body
  readonly once: Omit<OnceRequest, 'content'>
  /** That is told of it; null = none. */
  readonly endpoint: JobEndpoint | null
}
export interface Accepted {
  readonly answer: Omit<Created, 'body'> & { readonly replayed: boolean }
  readonly id: string
  /** Without `webhook`. */
  readonly text: LargeText['bytes']
  readonly webhook: AnswerPart | null
  readonly start: OutboxEntry | null
}

/** Accepts a background response. `start`: of one that is new. */
export async function accept ({ databaseUrl, owner, body, once, endpoint, bytes }: WithBytes<AcceptOrder>): Promise<Told<Accepted>> {
  return await withPool(databaseUrl, async pool => {
    const whole = wholeOf(body, bytes)
    let start: OutboxEntry | null = null
    const { body: text, ...answer } = await runOnce(pool, { ...once, content: JSON.stringify(whole) + (endpoint?.url ?? '') }, async client => {
      const accepted = await acceptResponse(client, owner, whole)
      start = accepted.start
      const text = responseText(accepted.record)
      if (endpoint === null) return { status: 200, headers: {}, body: text }
      const told = await insertJobEndpoint(client, owner, endpoint, accepted.record.id)
      return { status: 200, headers: {}, body: JSON.stringify({ ...JSON.parse(text) as object, ...told }) }
    })
    const { webhook = null, ...response } = JSON.parse(text) as { id: string, webhook?: AnswerPart }
    return { answer, id: response.id, text: toBytes(webhook === null ? text : JSON.stringify(response)), webhook, start }
  }, ({ text }) => [text])
}

export interface ReadOrder extends Database { readonly tenant: Tenant, readonly id: string }

/** The response object as it is now. */
export async function read ({ databaseUrl, tenant, id }: ReadOrder): Promise<Told<LargeText['bytes']>> {
  return await withPool(databaseUrl, async pool => toBytes(responseText(await getResponse({ pool }, tenant, id))), bytes => [bytes])
}

export async function cancel ({ databaseUrl, tenant, id }: ReadOrder): Promise<Told<LargeText['bytes']>> {
  return await withPool(databaseUrl, async pool => toBytes(responseText(await cancelResponse({ pool }, tenant, id))), bytes => [bytes])
}

export async function list ({ databaseUrl, tenant, id, page }: ReadOrder & { readonly page: ItemsPage }): Promise<Told<LargeText['bytes']>> {
  return await withPool(databaseUrl, async pool => toBytes(JSON.stringify(listItems(await getResponse({ pool }, tenant, id), page))), bytes => [bytes])
}

function wholeOf ({ small, bulk }: Body, bytes: LargeText['bytes'] | null): Model {
  return (bytes === null ? small : unite(small, readObject(bytes).body, bulk)) as Model
}

/** A connection for one piece of work: connecting costs nothing beside it, and an idle thread holds none. */
async function withPool<Result> (databaseUrl: string, work: (pool: Pool) => Promise<Result>, bytesOf?: (result: Result) => Array<LargeText['bytes']>): Promise<Told<Result>> {
  // silent: its connections live for one piece of work, whose error tells
  const pool = createPool(databaseUrl, createLogger('silent', 'thread'), 1)
  try {
    return await told(async () => {
      try {
        return await work(pool)
      } catch (error) {
        throw isOutage(error) ? new SiraError('unavailable', { dependency: 'The database' }, { retryAfter: 2 }) : error
      }
    }, bytesOf)
  } finally {
    await pool.end()
  }
}
