import type { Logger } from '../log.ts'
import type { Queryable } from '../store/database.ts'
import { recordKeyUse } from '../store/control.ts'
import { repeat } from './repeat.ts'

/** ms between writes. */
const WRITE_EVERY = 10_000

/** Remembers when keys were used and writes it now and then: not exact, and lost with the process, but free for requests. */
export function createKeyUse (database: Queryable, log: Pick<Logger, 'warn'>, interval = WRITE_EVERY): { used: (keyId: string) => void, close: () => Promise<void> } {
  let uses = new Map<string, number>()
  let failing = false

  async function write (): Promise<void> {
    if (uses.size === 0) return
    const written = uses
    uses = new Map()
    try {
      await recordKeyUse(database, new Map([...written].map(([id, at]) => [id, new Date(at)])))
      failing = false
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'last use of keys not recorded')
      failing = true
      for (const [id, at] of written) if (!uses.has(id)) uses.set(id, at)
    }
  }

  const writing = repeat(interval, write)
  return {
    used: keyId => { uses.set(keyId, Date.now()) },
    async close () {
      await writing.close()
      await write()
    }
  }
}
