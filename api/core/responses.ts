import type { FastifyBaseLogger } from 'fastify'
import type { PoolClient } from 'pg'
import type { Caller, Tenant } from '../../lib/contracts/jobs.ts'
import { mayUseModel } from '../../lib/contracts/scopes.ts'
import type { Item } from '../../lib/dialects/responses/index.ts'
import { SiraError } from '../../lib/errors.ts'
import { ownItems } from '../../lib/gateway/responses/expand-request.ts'
import { readEarlierItems, type Earlier } from '../../lib/gateway/responses/earlier-items.ts'
import { openResponse } from '../../lib/gateway/responses/open-response.ts'
import { newId } from '../../lib/ids.ts'
import { inTransaction, type Queryable } from '../../lib/store/database.ts'
import { insertOutbox, type OutboxEntry } from '../../lib/store/outbox.ts'
import { deleteResponse, finishResponse, insertResponse, lockResponse, readBackground, readResponse, startOfResponse, type ResponseRecord } from '../../lib/store/responses.ts'
import type { Dependencies } from '../dependencies.ts'

type Body = Readonly<Record<string, unknown>> & { readonly model: string, readonly previous_response_id?: string | null }
export type Owner = Tenant & Pick<Caller, 'keyId'>

/** Throws what a background response can be refused for before anything is read. */
export function checkBackground ({ catalog }: Pick<Dependencies, 'catalog'>, caller: Caller, body: Body): void {
  if (body.store === false) throw new SiraError('invalid_parameter', { param: 'store', reason: 'a background response has to be stored.' }, { param: 'store' })
  if (!catalog.models.has(body.model)) throw new SiraError('model_not_found', { model: body.model.slice(0, 100) }, { param: 'model' })
  if (!mayUseModel(caller.models, body.model)) throw new SiraError('model_not_allowed', { model: body.model }, { param: 'model' })
}

/** Accepts a background response: row and promise to Temporal in the caller's transaction. `checkBackground` comes before. */
export async function acceptResponse (client: PoolClient, caller: Owner, body: Body): Promise<{ record: ResponseRecord, start: OutboxEntry }> {
  const previousResponseId = body.previous_response_id ?? null
  const earlier = await readEarlierItems(client, caller, body)
  const id = newId('response')
  const { organizationId, projectId, keyId } = caller
  await insertResponse(client, {
    id, organizationId, projectId, keyId, model: body.model, status: 'queued', background: true, previousResponseId,
    request: JSON.stringify(body), input: JSON.stringify(ownItems(body, earlier)), body: null
  })
  const start = startOfResponse({ id, organizationId, projectId })
  await insertOutbox(client, start)
  return { record: (await readResponse(client, caller, id))!, start }
}

export async function getResponse ({ pool }: Pick<Dependencies, 'pool'>, tenant: Tenant, id: string): Promise<ResponseRecord> {
  const record = await readResponse(pool, tenant, id)
  if (record === null) throw new SiraError('not_found', { resource: 'response', id: id.slice(0, 100) })
  return record
}

/** Whether a response was created with background=true. Throws SiraError not_found. */
export async function isBackground ({ pool }: Pick<Dependencies, 'pool'>, tenant: Tenant, id: string): Promise<boolean> {
  const background = await readBackground(pool, tenant, id)
  if (background === null) throw new SiraError('not_found', { resource: 'response', id: id.slice(0, 100) })
  return background
}

/** The response object as it is now, JSON text. */
export function responseText (record: ResponseRecord): string {
  return record.body ?? JSON.stringify(openResponse(record))
}

/** Cancels a background response. Idempotent: a cancelled one is returned; any other end is a conflict. */
export async function cancelResponse (dependencies: Pick<Dependencies, 'pool'>, tenant: Tenant, id: string): Promise<ResponseRecord> {
  return await inTransaction(dependencies.pool, async client => {
    // locked, so that no event of its worker comes between the last number and ours
    const record = await lockResponse(client, tenant, id)
    if (record === null) throw new SiraError('not_found', { resource: 'response', id: id.slice(0, 100) })
    if (!record.background) throw new SiraError('invalid_request', { reason: 'Only a response created with background=true can be cancelled.' })
    if (record.status === 'cancelled') return record
    if (record.body !== null) throw new SiraError('state_conflict', { action: 'cancel', resource: 'response', state: record.status })
    const sequenceNumber = record.lastEvent + 1
    const response = openResponse(record, { status: 'cancelled' })
    const event = { sequenceNumber, data: JSON.stringify({ type: 'response.cancelled', sequence_number: sequenceNumber, response }) }
    await finishResponse(client, id, { status: 'cancelled', response, event })
    return (await readResponse(client, tenant, id))!
  })
}

export async function removeResponse ({ pool }: Pick<Dependencies, 'pool'>, tenant: Tenant, id: string): Promise<void> {
  if (!await deleteResponse(pool, tenant, id)) throw new SiraError('not_found', { resource: 'response', id: id.slice(0, 100) })
}

/** Stores a response that was answered at once. false = Postgres cannot be reached; the answer then says store: false. */
export async function keepResponse ({ pool }: Pick<Dependencies, 'pool'>, log: FastifyBaseLogger, caller: Owner, body: Body, earlier: Earlier, response: { readonly id: string, readonly status: string }): Promise<boolean> {
  try {
    await insertAnswered(pool, caller, body, body, earlier, response)
    return true
  } catch (error) {
    // the answer is paid for and must not be lost for want of a place to keep it
    log.warn({ err: error }, 'response not stored')
    return false
  }
}

/** `request`: what of the body is kept beside its input; only a background response is made from it again. */
export async function insertAnswered (database: Queryable, { organizationId, projectId, keyId }: Owner, body: Body, request: object, earlier: Earlier, response: { readonly id: string, readonly status: string }): Promise<void> {
  await insertResponse(database, {
    id: response.id, organizationId, projectId, keyId, model: body.model, status: response.status, background: false, previousResponseId: body.previous_response_id ?? null,
    request: JSON.stringify(request), input: JSON.stringify(ownItems(body, earlier)), body: JSON.stringify(response)
  })
}

export interface ItemsPage { readonly after?: string | undefined, readonly limit: number, readonly order?: 'asc' | 'desc' | undefined }

/** What a response was asked, as OpenAI's list. */
export function listItems (record: ResponseRecord, { after, limit, order }: ItemsPage): object {
  const items = JSON.parse(record.input) as Item[]
  if (order !== 'asc') items.reverse()
  const from = after === undefined ? 0 : items.findIndex(item => item.id === after) + 1
  const data = items.slice(from, from + limit)
  return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: from + data.length < items.length }
}
