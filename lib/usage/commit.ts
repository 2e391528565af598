import { setTimeout as sleep } from 'node:timers/promises'
import type { UsageRecord } from '../contracts/usage.ts'
import type { Logger } from '../log.ts'
import { isOutage, throughOutage } from '../store/retry-outage.ts'

/** Stores records in the name of a process. Idempotent. */
export type WriteRecords = (records: readonly UsageRecord[], processId: string) => Promise<void>

interface Options {
  readonly write: WriteRecords
  /** Puts a record aside that can never be stored. `reason` is an SQLSTATE or the name of an error. */
  readonly setAside: (record: UsageRecord, reason: string) => void
  readonly log: Logger
  readonly signal: AbortSignal
}

/** ms between attempts when the database refuses for a reason that is neither an outage nor the records' own. */
const PAUSE = 2_000

/**
 * Writes records however long it takes: through outages, and while the database refuses everything (a migration that
 * is missing). Only a record that can never be stored is put aside, found by halving the batch. Throws only when the signal
 * has aborted, and what is not stored then stays in the journal.
 */
export function createCommit ({ write, setAside, log, signal }: Options): WriteRecords {
  let failing = false

  async function attempt (records: readonly UsageRecord[], processId: string): Promise<void> {
    try {
      await write(records, processId)
      failing = false
    } catch (error) {
      if (!failing && !isOwnFault(error)) {
        failing = true
        log.warn({ err: error }, 'usage cannot be stored now; it waits in the journal')
      }
      throw error
    }
  }

  async function persist (records: readonly UsageRecord[], processId: string): Promise<void> {
    for (;;) {
      try {
        await throughOutage(async () => { await attempt(records, processId) }, { giveUpAfter: Infinity, signal })
        return
      } catch (error) {
        if (signal.aborted || isOwnFault(error)) throw error
        await sleep(PAUSE, undefined, { signal })
      }
    }
  }

  return async function commit (records, processId) {
    try {
      await persist(records, processId)
    } catch (error) {
      if (signal.aborted || !isOwnFault(error)) throw error
      if (records.length === 1) {
        setAside(records[0]!, reasonOf(error))
        return
      }
      const middle = records.length >> 1
      await commit(records.slice(0, middle), processId)
      await commit(records.slice(middle), processId)
    }
  }
}

/** Whether the data of a record is the reason, so that it can never be stored: SQLSTATE classes 22 and 23, or a value that is no number or date. */
function isOwnFault (error: unknown): boolean {
  if (isOutage(error)) return false
  return /^2[23]/.test(codeOf(error)) || error instanceof RangeError || error instanceof SyntaxError
}

function reasonOf (error: unknown): string {
  return codeOf(error) || (error as Error).name
}

function codeOf (error: unknown): string {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : ''
}
