import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Pool, PoolClient } from 'pg'
import type { Caller } from '../../lib/contracts/jobs.ts'
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
 *
 * `content` stands for the body, where that is not all in `request.body`.
 */
export async function createOnce (
  pool: Pool, request: FastifyRequest, reply: FastifyReply, create: (client: PoolClient) => Promise<Created>, content: string | Hashed = JSON.stringify(request.body ?? null)
): Promise<Created & { replayed: boolean }> {
  const answer = await runOnce(pool, { ...onceOf(request), content }, create)
  answerOnce(reply, answer)
  return answer
}

/** What makes a request the same as another, as data. */
export interface OnceRequest {
  readonly method: string
  readonly url: string
  readonly caller: Pick<Caller, 'projectId' | 'keyId'>
  readonly key: string | undefined
  readonly retryCount: string | undefined
  readonly content: string | Uint8Array | Hashed
}

/** Of a request whose content is too large for the event loop: what `hashRequest` made of it elsewhere. */
export interface Hashed { readonly hash: string }

export function hashRequest (method: string, url: string, content: string | Uint8Array): string {
  return createHash('sha256').update(`${method} ${url}\n`).update(content).digest('hex')
}

export function onceOf ({ method, url, caller: { projectId, keyId }, headers }: FastifyRequest): Omit<OnceRequest, 'content'> {
  const text = (name: string): string | undefined => headers[name] === undefined ? undefined : String(headers[name])
  return { method, url, caller: { projectId, keyId }, key: text('idempotency-key'), retryCount: text('x-stainless-retry-count') }
}

export function answerOnce (reply: FastifyReply, answer: Omit<Created, 'body'> & { readonly replayed: boolean }): void {
  reply.code(answer.status).headers(answer.headers)
  if (answer.replayed) reply.header('idempotent-replayed', 'true')
}

/** As createOnce, without a reply: for a thread. */
export async function runOnce (pool: Pool, request: OnceRequest, create: (client: PoolClient) => Promise<Created>): Promise<Created & { replayed: boolean }> {
  const identity = identify(request)
  return await inTransaction(pool, async client => {
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
}

function identify ({ method, url, caller, key, retryCount, content }: OnceRequest): { key: string, requestHash: string, replays: boolean, minutes: number } | null {
  const requestHash = typeof content === 'object' && 'hash' in content ? content.hash : hashRequest(method, url, content)
  if (key !== undefined) {
    if (key.length < 1 || key.length > 255) throw new SiraError('invalid_parameter', { param: 'Idempotency-Key', reason: '1 to 255 characters are needed.' }, { param: 'Idempotency-Key' })
    return { key: `key:${key}`, requestHash, replays: true, minutes: KEY_HOURS * 60 }
  }
  if (retryCount === undefined) return null
  return { key: `sdk:${caller.keyId}:${requestHash}`, requestHash, replays: Number(retryCount) > 0, minutes: SDK_RETRY_MINUTES }
}
