import { createHash, randomUUID } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import pg from 'pg'
import { sourceRoot } from '../source-root.ts'

/** Arbitrary but fixed: processes that start together queue here instead of racing. */
const MIGRATION_LOCK = 7_231_905

const folder = new URL('prisma/migrations/', sourceRoot)

interface Migration { readonly name: string, readonly sql: string, readonly checksum: string }

/** The committed migrations in order. The checksum is Prisma's own: SHA-256 of the file's bytes. */
export async function readMigrations (): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter(entry => entry.isDirectory()).map(entry => entry.name).sort()
  return await Promise.all(names.map(async name => {
    const bytes = await readFile(new URL(`${name}/migration.sql`, folder))
    return { name, sql: bytes.toString('utf8'), checksum: createHash('sha256').update(bytes).digest('hex') }
  }))
}

/**
 * Applies what is missing, one transaction per file, and returns the names applied. Records in Prisma's own table
 * `_prisma_migrations`, so its CLI sees the same history. Throws when an applied file was changed afterwards.
 */
export async function migrate (databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await client.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
      logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`)
    const done = await appliedMigrations(client)
    const applied: string[] = []
    for (const migration of await readMigrations()) {
      const checksum = done.get(migration.name)
      if (checksum === migration.checksum) continue
      if (checksum !== undefined) throw new Error(`Migration ${migration.name} was changed after it had been applied. Add a new migration instead.`)
      await apply(client, migration)
      applied.push(migration.name)
    }
    return applied
  } finally {
    await client.end() // ends the session and with it the lock
  }
}

/** Names of committed migrations the database lacks; for readiness. */
export async function pendingMigrations (database: { query: pg.Pool['query'] }): Promise<string[]> {
  const { rows } = await database.query<{ found: string | null }>("SELECT to_regclass('_prisma_migrations') AS found")
  const done = rows[0]?.found == null ? new Map<string, string>() : await appliedMigrations(database)
  return (await readMigrations()).filter(migration => !done.has(migration.name)).map(migration => migration.name)
}

async function appliedMigrations (database: { query: pg.Pool['query'] }): Promise<Map<string, string>> {
  const { rows } = await database.query<{ migration_name: string, checksum: string }>(
    'SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL')
  return new Map(rows.map(row => [row.migration_name, row.checksum]))
}

async function apply (client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query(migration.sql)
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), 1)',
      [randomUUID(), migration.checksum, migration.name])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw new Error(`Migration ${migration.name} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
