import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { newId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { WORKER_LOCK_CLASS } from './worker-lock.ts'

/** ms between signs of life; also how soon a lost session is noticed at the latest. */
const SEEN_INTERVAL = 2_000

export interface Registration {
  /** `worker_…`, the name of its leases. */
  readonly processId: string
  readonly identity: string
  close: () => Promise<void>
}

/**
 * Registers this process and holds its advisory lock on a session of its own: when the process dies, however it dies,
 * Postgres frees the lock, and the others know for certain that what it held is theirs. A lost session is renewed at once.
 */
export async function registerProcess (databaseUrl: string, log: Logger, processId = newId('worker')): Promise<Registration> {
  const identity = `${process.pid}@${hostname()}:${processId}`
  let closed = false
  let client = await connect()
  const lockId = await enter()
  const holding = hold()

  return {
    processId,
    identity,
    async close () {
      closed = true
      await client.query('DELETE FROM worker WHERE id = $1', [processId]).catch((error: unknown) => { log.warn({ err: error }, 'worker row left behind') })
      await client.end()
      await holding
    }
  }

  /** May be tried again with the same id: an outage may have kept the answer of an earlier try to itself. */
  async function enter (): Promise<number> {
    try {
      const { rows } = await client.query<{ lock_id: number }>(
        'INSERT INTO worker (id, identity) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_at = now() RETURNING lock_id', [processId, identity])
      await client.query('SELECT pg_advisory_lock($1, $2)', [WORKER_LOCK_CLASS, rows[0]!.lock_id])
      return rows[0]!.lock_id
    } catch (error) {
      closed = true
      await client.end().catch(() => {}) // the error that led here is the one to tell
      throw error
    }
  }

  async function connect (): Promise<pg.Client> {
    const connection = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000, keepAlive: true, query_timeout: 10_000 })
    connection.on('error', error => { if (!closed) log.warn({ err: error }, 'session of the worker lock lost') })
    await connection.connect()
    return connection
  }

  async function hold (): Promise<void> {
    for (;;) {
      await ended(client)
      if (closed) return
      try {
        client = await connect()
        // the row may be gone: somebody took this process for dead
        await client.query('INSERT INTO worker (id, lock_id, identity) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET seen_at = now()', [processId, lockId, identity])
        await client.query('SELECT pg_advisory_lock($1, $2)', [WORKER_LOCK_CLASS, lockId])
      } catch {
        await sleep(50) // an outage; the pool's users report it
      }
    }
  }

  /** Resolves when the session is over. */
  async function ended (connection: pg.Client): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setInterval(() => {
        connection.query('UPDATE worker SET seen_at = now() WHERE id = $1', [processId]).catch(() => { finish() })
      }, SEEN_INTERVAL)
      const finish = (): void => {
        clearInterval(timer)
        resolve()
      }
      connection.once('end', finish)
    })
    if (!closed) await connection.end().catch(() => {})
  }
}
