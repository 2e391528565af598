import type { Config } from '../lib/config.ts'
import { migrate } from '../lib/store/migrate.ts'
import { createObjectStore } from '../lib/store/s3.ts'

/** What must exist before api and worker start: the newest tables and the bucket. Safe to repeat, and from several places at once. */
export async function prepare (config: Pick<Config, 'databaseUrl' | 's3'>): Promise<void> {
  await Promise.all([migrate(config.databaseUrl), createObjectStore(config.s3).prepare()])
}
