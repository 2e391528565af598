import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Pool, PoolClient } from 'pg'
import { SiraError } from '../../lib/errors.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { readReplay, saveReplay, shareClaim, tryClaim } from '../../lib/store/idempotency.ts'

/** How long an answer can be replayed. The SDKs retry within minutes; a caller's own key holds for three days. */
const KEY_HOURS = 72
const SDK_RETRY_MINUTES = 10

export interface Created { readonly status: number, readonly headers: Readonly<Record<string, string>>, readonly body: string }

/**
 * Runs a creation at most once per Idempotency-Key. `create` gets the transaction in which the key is stored, so the
 * resource and its key exist together or not at all. Same key + same body → the same answer with Idempotent-Replayed;
 * another body → 409; still running elsewhere → 409 with Retry-After.
 *
 * OpenAI's SDKs send no key: their retries (x-stainless-retry-count > 0) of the same caller, route and body within
 * 10 minutes count as the same request. Two first requests (count 0) never do.
 */
export async function createOnce (pool: Pool, request: FastifyRequest, reply: FastifyReply, create: (client: PoolClient) => Promise<Created>): Promise<Created & { replayed: boolean }> {
  const identity = identify(request)
  const answer = await inTransaction(pool, async client => {
    if (identity === null) return { ...await create(client), replayed: false }
    const { projectId } = request.caller
    if (!identity.replays) await shareClaim(client, projectId, identity.key)
    else if (!await tryClaim(client, projectId, identity.key)) throw new SiraError('idempotency_in_progress', {}, { retryAfter: 1 })
    const replay = identity.replays ? await readReplay(client, projectId, identity.key) : null
    if (replay !== null) {
      if (replay.requestHash !== identity.requestHash) throw new SiraError('idempotency_mismatch')
      return { ...replay, replayed: true }
    }
    const created = await create(client)
    await saveReplay(client, { projectId, key: identity.key, requestHash: identity.requestHash, minutes: identity.minutes, ...created })
    return { ...created, replayed: false }
  })
  reply.code(answer.status).headers(answer.headers)
  if (answer.replayed) reply.header('idempotent-replayed', 'true')
  return answer
}

function identify (request: FastifyRequest): { key: string, requestHash: string, replays: boolean, minutes: number } | null {
  const requestHash = createHash('sha256').update(`${request.method} ${request.url}\n`).update(JSON.stringify(request.body ?? null)).digest('hex')
  const given = request.headers['idempotency-key']
  if (given !== undefined) {
    const key = String(given)
    if (key.length < 1 || key.length > 255) throw new SiraError('invalid_parameter', { param: 'Idempotency-Key', reason: '1 to 255 characters are needed.' }, { param: 'Idempotency-Key' })
    return { key: `key:${key}`, requestHash, replays: true, minutes: KEY_HOURS * 60 }
  }
  const retryCount = request.headers['x-stainless-retry-count']
  if (retryCount === undefined) return null
  return { key: `sdk:${request.caller.keyId}:${requestHash}`, requestHash, replays: Number(retryCount) > 0, minutes: SDK_RETRY_MINUTES }
}
