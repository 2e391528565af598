import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { SiraError } from '../../lib/errors.ts'
import type { Queryable } from '../../lib/store/database.ts'
import { findCaller, hashKey } from '../../lib/store/keys.ts'

declare module 'fastify' {
  interface FastifyRequest { caller: Caller }
}

/** ms that a looked-up key is trusted; a revoked one works at most this much longer. */
const FRESH_FOR = 1_000
const MOST_KEYS = 10_000

export type Authenticate = (key: string) => Promise<Caller | null>

/** Looks keys up, remembering each answer for a second. Misses are not remembered: a key made just now works at once. */
export function createAuthenticate (database: Queryable): Authenticate {
  const known = new Map<string, { caller: Caller, until: number }>()
  return async key => {
    const hash = hashKey(key)
    const entry = known.get(hash)
    if (entry !== undefined && entry.until > performance.now()) return entry.caller
    known.delete(hash)
    const caller = await findCaller(database, key)
    if (caller === null) return null
    if (known.size >= MOST_KEYS) known.delete(known.keys().next().value!)
    known.set(hash, { caller, until: performance.now() + FRESH_FOR })
    return caller
  }
}

export function bearerKey (authorization: string | undefined): string | null {
  return /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1] ?? null
}

/** Every route of this scope needs a key; routes find the caller at `request.caller`. */
export function requireKey (app: FastifyInstance, authenticate: Authenticate): void {
  app.decorateRequest('caller', null as unknown as Caller)
  app.addHook('onRequest', async request => { request.caller = await callerOf(request, authenticate) })
}

async function callerOf (request: FastifyRequest, authenticate: Authenticate): Promise<Caller> {
  const key = bearerKey(request.headers.authorization)
  const caller = key === null ? null : await authenticate(key)
  if (caller === null) throw new SiraError('invalid_api_key')
  return caller
}
