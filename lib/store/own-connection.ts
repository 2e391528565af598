import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** ms that connecting, and each statement, may take. */
const DEADLINE = 3_000

/**
 * A connection outside the pool, for LISTEN and NOTIFY. `lost` resolves with the reason once it can no longer be used.
 */
export async function openOwnConnection (databaseUrl: string, name: string): Promise<{ client: pg.Client, lost: Promise<Error> }> {
  const client = new pg.Client({
    connectionString: databaseUrl, application_name: name, connectionTimeoutMillis: DEADLINE, query_timeout: DEADLINE, keepAlive: true
  })
  const lost = new Promise<Error>(resolve => {
    client.on('error', resolve) // stays for the client's life: a second error without a listener would end the process
    client.once('end', () => { resolve(new Error('the connection has ended')) })
  })
  await client.connect()
  return { client, lost }
}

/** Ends the connection. When the other side does not answer in time, it is left to the operating system. */
export async function closeOwnConnection (client: pg.Client): Promise<void> {
  const timer = new AbortController()
  const late = sleep(1_000, undefined, { signal: timer.signal, ref: false }).catch((error: Error) => { if (error.name !== 'AbortError') throw error })
  await Promise.race([client.end(), late])
  timer.abort()
}
