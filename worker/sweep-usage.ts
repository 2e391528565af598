import type { Pool } from 'pg'
import type { Logger } from '../lib/log.ts'
import { dayOf, dropPartitions, ensurePartitions, keptSince } from '../lib/store/usage-partitions.ts'

/** Partitions that are there before their day comes: today and three more. */
const AHEAD = 4
const DAY = 24 * 3600 * 1000

/** Makes the partitions of the coming days and drops those of days that are no longer kept. Safe in several workers at once. */
export function createUsageSweep ({ pool, log, retentionDays }: { readonly pool: Pool, readonly log: Logger, readonly retentionDays: number }): () => Promise<void> {
  return async () => {
    const now = Date.now()
    await ensurePartitions(pool, Array.from({ length: AHEAD }, (_, index) => dayOf(now + index * DAY)))
    const days = await dropPartitions(pool, keptSince(retentionDays, now))
    if (days.length > 0) log.info({ days }, 'usage of old days removed')
  }
}
