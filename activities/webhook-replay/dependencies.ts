import type { Pool } from 'pg'
import type { HintPublisher } from '../../lib/store/job-hints.ts'
import type { OutboxEntry } from '../../lib/store/outbox.ts'

/** What the worker wires into the activities of a replay. */
export interface ReplayDependencies {
  readonly pool: Pool
  readonly hints: HintPublisher
  /** Sends a promise to Temporal. If it cannot, the outbox keeps it and a sweeper sends it. */
  readonly send: (entry: OutboxEntry) => Promise<void>
}
