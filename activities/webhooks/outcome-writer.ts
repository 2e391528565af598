import type { Pool } from 'pg'
import { isOutage, throughOutage } from '../../lib/store/retry-outage.ts'
import { saveOutcomes, type DeliveryOutcome, type EndpointHealth } from '../../lib/store/webhook-outcomes.ts'

/** ms that outcomes gather before they are saved together. */
const FLUSH_AFTER = 20
/** Outcomes of one statement; also bounds what a long flush lets gather. */
const MOST_PER_FLUSH = 250
/** Unsaved outcomes above which no further attempt is made: a database outage costs time, not memory. */
const HIGH_WATER = 2_000

export interface OutcomeWriter {
  /** Resolves when the outcome is saved and what follows for its endpoint is done. Rejects when Postgres refuses it for good. */
  readonly save: (outcome: DeliveryOutcome) => Promise<void>
  /** Whether so much waits to be saved that no further attempt should be made. */
  readonly isFull: () => boolean
}

interface Waiting { readonly outcome: DeliveryOutcome, readonly resolve: () => void, readonly reject: (reason: unknown) => void }

/** One per process: saves the outcomes of all its dispatchers together, one flush at a time. `onSaved` gets the health of the endpoints concerned. */
export function createOutcomeWriter ({ pool, onSaved }: { pool: Pool, onSaved: (healths: readonly EndpointHealth[], outcomes: readonly DeliveryOutcome[]) => Promise<void> }): OutcomeWriter {
  let waiting: Waiting[] = []
  let unsaved = 0
  let flushing = false
  let timer: NodeJS.Timeout | null = null

  return {
    async save (outcome) {
      unsaved += 1
      await new Promise<void>((resolve, reject) => {
        waiting.push({ outcome, resolve, reject })
        schedule()
      }).finally(() => { unsaved -= 1 })
    },
    isFull: () => unsaved >= HIGH_WATER
  }

  function schedule (): void {
    if (flushing || waiting.length === 0) return
    if (waiting.length >= MOST_PER_FLUSH) flush()
    else timer ??= setTimeout(flush, FLUSH_AFTER)
  }

  function flush (): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (flushing) return
    flushing = true
    const batch = waiting.slice(0, MOST_PER_FLUSH)
    waiting = waiting.slice(MOST_PER_FLUSH)
    const next = (): void => {
      flushing = false
      schedule()
    }
    saveBatch(batch).then(next, next) // it does not reject: those who wait are told
  }

  async function saveBatch (batch: readonly Waiting[]): Promise<void> {
    const outcomes = batch.map(entry => entry.outcome)
    try {
      const healths = await throughOutage(async () => await saveOutcomes(pool, outcomes))
      await onSaved(healths, outcomes)
      for (const { resolve } of batch) resolve()
    } catch (error) {
      // one that Postgres refuses must not keep the others of the flush from being saved
      if (batch.length > 1 && !isOutage(error)) for (const entry of batch) await saveBatch([entry])
      else for (const { reject } of batch) reject(error)
    }
  }
}
