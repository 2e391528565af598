import type { Client } from '@temporalio/client'
import type { Pool } from 'pg'
import type { Logger } from '../lib/log.ts'
import { fanOut, MOST_EVENTS } from '../lib/store/fan-out.ts'
import type { OutboxEntry } from '../lib/store/outbox.ts'
import { sendToWorkflow } from '../lib/temporal/send-to-workflow.ts'

/** Signals to dispatchers under way at once. What comes on top is left to the outbox's sweep, as it is when Temporal is away. */
const MOST_SIGNALS = 100

interface Dependencies {
  readonly pool: Pool
  readonly client: Client
  readonly taskQueue: string
  readonly log: Pick<Logger, 'warn'>
  /** Told which endpoints have something due. */
  readonly hint: (endpointIds: readonly string[]) => void
}

/** Fans committed events out to their endpoints until there are none, and wakes the dispatchers that sleep. Does not wait for Temporal. */
export function createFanOutLoop ({ pool, client, taskQueue, log, hint }: Dependencies): () => Promise<void> {
  let sending = 0
  let away = false
  return async () => {
    for (let events = MOST_EVENTS; events >= MOST_EVENTS;) {
      const fanned = await fanOut(pool)
      hint(fanned.endpointIds)
      for (const entry of fanned.wake) if (sending < MOST_SIGNALS) send(entry)
      events = fanned.events
    }
  }

  function send (entry: OutboxEntry): void {
    sending += 1
    sendToWorkflow(client, pool, taskQueue, entry).then(() => { away = false }, (error: unknown) => {
      if (!away) log.warn({ err: error }, 'dispatchers not woken; left to the outbox sweeper')
      away = true
    }).finally(() => { sending -= 1 })
  }
}
