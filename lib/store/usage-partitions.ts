import type { Pool } from 'pg'
import { inTransaction } from './database.ts'

/** Arbitrary but fixed: partitions are made and dropped by one session at a time. */
const LOCK = 7_231_907
const DAY = 24 * 3600 * 1000

/** The UTC day of a moment (ms) as `YYYYMMDD`. RangeError when there is no such day. */
export function dayOf (moment: number): string {
  const day = /^(\d{4})-(\d\d)-(\d\d)T/.exec(new Date(moment).toISOString())
  if (day === null) throw new RangeError('not a day of the years 0 to 9999')
  return day[1]! + day[2]! + day[3]!
}

/** The first moment that usage is still kept of: days are kept whole. */
export function keptSince (retentionDays: number, now: number): number {
  return Math.floor(now / DAY) * DAY - retentionDays * DAY
}

/** Days whose partition was seen to exist, by database. */
const known = new WeakMap<Pool, Set<string>>()

/** Makes the partitions of the given days that do not exist yet. Safe in several processes at once. */
export async function ensurePartitions (pool: Pool, days: Iterable<string>): Promise<void> {
  const seen = known.get(pool) ?? new Set()
  known.set(pool, seen)
  const missing = [...new Set(days)].filter(day => !seen.has(day)).sort()
  if (missing.length === 0) return
  await inTransaction(pool, async client => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    for (const day of missing) {
      const { rows: [found] } = await client.query<{ attached: boolean }>(
        "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = 'usage'::regclass AND NOT inhdetachpending) AS attached", [`usage_${day}`])
      if (found!.attached) continue
      const from = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00Z`
      // attached and not created as a partition: CREATE … PARTITION OF locks out every reader and writer of usage, and
      // stands in their way while it waits for the longest report to end
      await client.query(`CREATE TABLE usage_${day} (LIKE usage INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`)
      await client.query(`ALTER TABLE usage ATTACH PARTITION usage_${day} FOR VALUES FROM ('${from}') TO ('${new Date(Date.parse(from) + DAY).toISOString()}')`)
    }
  })
  for (const day of missing) seen.add(day)
}

/** To be called when a partition thought to exist does not. */
export function forgetPartitions (pool: Pool): void { known.delete(pool) }

/**
 * Drops the partitions of days before `since` (ms). Readers and writers of other days are not held up. Returns the days.
 * When it is cut short, the next call goes on. Another session at it already: does nothing.
 */
export async function dropPartitions (pool: Pool, since: number): Promise<string[]> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    const { rows: [lock] } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [LOCK])
    if (!lock!.held) return []
    // by name, as one that was detached and then not dropped belongs to nothing any more
    const { rows } = await client.query<{ name: string, pending: boolean | null }>(
      `SELECT relname AS name, inhdetachpending AS pending FROM pg_class LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
       WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'usage'::regclass) AND relkind = 'r' AND relname ~ '^usage_\\d{8}$' AND relname < $1
       ORDER BY relname`, [`usage_${dayOf(since)}`])
    for (const { name, pending } of rows) {
      if (pending !== null) await client.query(`ALTER TABLE usage DETACH PARTITION ${name} ${pending ? 'FINALIZE' : 'CONCURRENTLY'}`)
      await client.query(`DROP TABLE ${name}`)
    }
    if (rows.length > 0) forgetPartitions(pool)
    await client.query('SELECT pg_advisory_unlock($1)', [LOCK])
    return rows.map(({ name }) => name.slice('usage_'.length))
  } catch (error) {
    broken = error as Error // the lock goes with the session
    throw error
  } finally {
    client.release(broken)
  }
}
