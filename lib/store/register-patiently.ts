import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../log.ts'
import { registerProcess, type Registration } from './registration.ts'

/** ms, the longest pause between two tries. */
const LONGEST_PAUSE = 1_000

export interface PatientRegistration {
  /** Whether the others can tell that this process lives. Before it, what it takes could be given away as a dead process's. */
  readonly isDone: () => boolean
  /** Resolves when it is done, or after `patience` ms. */
  readonly wait: (patience: number) => Promise<void>
  /** Ends the registration, or the tries: then it takes up to LONGEST_PAUSE. */
  readonly close: () => Promise<void>
}

/**
 * Registers a process that may be there before Postgres, or before its migrations: whatever keeps it from registering, it is
 * tried again until it works or is closed. Each new reason is logged once.
 */
export function registerPatiently (databaseUrl: string, log: Logger, processId: string): PatientRegistration {
  let registration: Registration | null = null
  const closing = new AbortController()
  const trying = register()

  async function register (): Promise<void> {
    let told = ''
    for (let attempt = 0; !closing.signal.aborted; attempt++) {
      try {
        registration = await registerProcess(databaseUrl, log, processId)
        return
      } catch (error) {
        if (String(error) !== told) log.warn({ err: error }, 'api process not registered')
        told = String(error)
        await sleep(Math.min(LONGEST_PAUSE, 100 * 2 ** attempt))
      }
    }
  }

  return {
    isDone: () => registration !== null,
    async wait (patience) {
      let timer: NodeJS.Timeout | undefined
      await Promise.race([trying, new Promise<void>(resolve => { timer = setTimeout(resolve, patience) })])
      clearTimeout(timer)
    },
    async close () {
      closing.abort()
      await trying
      await registration?.close()
    }
  }
}
