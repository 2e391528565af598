import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from '../../prisma/generated/client.ts'
import type { Logger } from '../log.ts'

// bigint columns (counters, sizes, seq) stay far below 2^53; numeric (money) stays text and is read as bigint
pg.types.setTypeParser(pg.types.builtins.INT8, value => Number(value))

/** Something SQL can be sent to: the pool, or one client inside a transaction. */
export interface Queryable {
  query: <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<pg.QueryResult<Row>>
}

export function createPool (databaseUrl: string, log: Logger, max = 10): pg.Pool {
  const pool = new pg.Pool({ connectionString: databaseUrl, max, connectionTimeoutMillis: 5_000, idleTimeoutMillis: 30_000, query_timeout: 60_000 })
  // without these listeners the end of a connection would end the process: of an idle one, and of one that a transaction
  // has taken out and is just not querying (its next query fails, and that is enough to know)
  pool.on('error', error => { log.warn({ err: error }, 'idle database connection lost') })
  pool.on('connect', client => { client.on('error', () => {}) })
  return pool
}

/** Prisma serves the administrative reads and writes; hot paths use the pool. */
export function createPrisma (databaseUrl: string): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl, max: 5, connectionTimeoutMillis: 5_000 }) })
}

/** Runs `work` in one transaction on one client. Any error rolls it back and is thrown on. */
export async function inTransaction<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => { broken = rollbackError })
    throw error
  } finally {
    client.release(broken) // a client whose rollback failed must not go back to the pool
  }
}
