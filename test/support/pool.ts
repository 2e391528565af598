import type { ExecutionContext } from 'ava'
import type { Pool } from 'pg'
import { createLogger } from '../../lib/log.ts'
import { createPool } from '../../lib/store/database.ts'
import { cloneDatabase } from './database.ts'

export const silentLog = createLogger('silent', 'test')

/** A pool on a database of the test's own; both end with the test. */
export async function openTestPool (t: ExecutionContext): Promise<{ pool: Pool, url: string }> {
  const database = await cloneDatabase()
  const pool = createPool(database.url, silentLog)
  t.teardown(async () => {
    await pool.end()
    await database.drop()
  })
  return { pool, url: database.url }
}
