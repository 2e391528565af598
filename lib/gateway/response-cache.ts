import { createHash } from 'node:crypto'
import type { GatewayRequest } from '../contracts/gateway.ts'
import type { Logger } from '../log.ts'
import type { StreamEvent } from '../providers/types.ts'
import type { Queryable } from '../store/database.ts'
import { isOutage } from '../store/retry-outage.ts'

/** Bytes of one kept answer; a longer one is answered and not kept. */
const mostBytes = 1024 * 1024
/** Answers on their way to Postgres; more than these are not kept. */
const mostWrites = 64

export interface CachedAnswer { readonly events: readonly StreamEvent[], readonly ageSeconds: number }

/** Takes the events of a stream as they are written to the client. */
export interface Recording {
  add: (events: readonly StreamEvent[]) => void
  /** The stream has ended well: what came is kept. */
  complete: (model: string) => void
}

export interface ResponseCache {
  /** null at once when the request does not want the cache, later when nothing is there. Never fails for want of Postgres. */
  find: (request: GatewayRequest, stream: boolean) => Promise<CachedAnswer | null> | null
  /** Keeps a whole answer if the request wants it. Gives what x-sira-cache says. */
  store: (request: GatewayRequest, model: string, events: readonly StreamEvent[], stream: boolean) => 'miss' | 'refresh' | null
  record: (request: GatewayRequest) => Recording | null
  /** Resolves when all that was given to `store` is written. */
  close: () => Promise<void>
}

/**
 * Answers to exactly the same body at the same endpoint, within one project. In Postgres, so that every process finds what
 * another has kept. Only requests that ask for it, or whose key does, pay for the look-up.
 */
export function createResponseCache (database: Queryable, log: Pick<Logger, 'warn'>): ResponseCache {
  const writing = new Set<Promise<void>>()

  async function read (request: GatewayRequest, stream: boolean): Promise<CachedAnswer | null> {
    try {
      const { rows } = await database.query<{ body: Buffer, age: number }>(
        `SELECT body, floor(extract(epoch FROM now() - created_at))::integer AS age
         FROM response_cache WHERE project_id = $1 AND hash = $2 AND expires_at > now()`,
        [request.caller.projectId, hashOf(request, stream)])
      const row = rows[0]
      return row === undefined ? null : { events: JSON.parse(row.body.toString('utf8')) as StreamEvent[], ageSeconds: Math.max(0, row.age) }
    } catch (error) {
      if (!isOutage(error)) throw error
      return null
    }
  }

  function store (request: GatewayRequest, model: string, events: readonly StreamEvent[], stream: boolean): 'miss' | 'refresh' | null {
    const ttl = ttlOf(request)
    if (ttl === null) return null
    const body = Buffer.from(JSON.stringify(events))
    if (body.length <= mostBytes && writing.size < mostWrites) {
      const write = database.query(
        `INSERT INTO response_cache (project_id, hash, model, body, expires_at) VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
         ON CONFLICT (project_id, hash) DO UPDATE SET model = excluded.model, body = excluded.body, created_at = now(), expires_at = excluded.expires_at`,
        [request.caller.projectId, hashOf(request, stream), model, body, ttl]
      ).then(() => {}, (error: unknown) => { log.warn({ err: error }, 'answer not cached') })
      writing.add(write)
      void write.finally(() => { writing.delete(write) })
    }
    return request.cache.mode === 'refresh' ? 'refresh' : 'miss'
  }

  return {
    find: (request, stream) => ttlOf(request) === null || request.cache.mode === 'refresh' ? null : read(request, stream),
    store,
    record (request) {
      if (ttlOf(request) === null) return null
      let events: StreamEvent[] | null = []
      let characters = 0
      return {
        add (more) {
          if (events === null) return
          for (const { data } of more) characters += data.length
          if (characters > mostBytes) events = null
          else events.push(...more)
        },
        complete (model) { if (events !== null) store(request, model, events, true) }
      }
    },
    async close () { await Promise.all(writing) }
  }
}

/** Seconds to keep an answer; null = the cache is not wanted. */
function ttlOf ({ cache, caller, large }: GatewayRequest): number | null {
  if (large !== undefined) return null // digesting it would hold up others
  return cache.mode === 'off' ? null : cache.ttlSeconds ?? caller.cacheTtlSeconds ?? null
}

/** The body as it came: another order of its fields, or another space, is another request; so are other beta features. */
function hashOf ({ endpoint, text, anthropicBeta }: GatewayRequest, stream: boolean): string {
  return createHash('sha256').update(`${endpoint}\n${stream ? 'stream' : 'whole'}\n${anthropicBeta === undefined ? '' : `${anthropicBeta}\n`}`).update(text).digest('hex')
}
