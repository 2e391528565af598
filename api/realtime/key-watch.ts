import type { Logger } from '../../lib/log.ts'
import type { Queryable } from '../../lib/store/database.ts'
import { readUsableKeys } from '../../lib/store/usable-keys.ts'

/** Connections outlive the check at their start; this tells them when their key ends. */
export interface KeyWatch {
  /** Calls `onEnd` once when the key is revoked, expires or is deleted. Returns what stops the watch. */
  watch: (keyId: string, onEnd: () => void) => () => void
  close: () => Promise<void>
}

const CHECK_EVERY = 1_000

/** One query a second for all keys that are watched, and none while there are none. In an outage of the database nobody is told. */
export function createKeyWatch (database: Queryable, log: Pick<Logger, 'warn'>): KeyWatch {
  const watched = new Map<string, Set<() => void>>()
  let timer: NodeJS.Timeout | undefined
  let checking: Promise<void> | null = null
  let closed = false

  function schedule (): void {
    if (timer !== undefined || checking !== null || closed || watched.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      checking = check().finally(() => {
        checking = null
        schedule()
      })
    }, CHECK_EVERY)
  }

  async function check (): Promise<void> {
    const ids = [...watched.keys()]
    try {
      const usable = await readUsableKeys(database, ids)
      for (const id of ids) if (!usable.has(id)) end(id)
    } catch (error) {
      log.warn({ err: error, keys: ids.length }, 'keys of open connections not checked')
    }
  }

  function end (id: string): void {
    const callbacks = watched.get(id) ?? []
    watched.delete(id)
    for (const onEnd of callbacks) onEnd()
  }

  return {
    watch (keyId, onEnd) {
      const callbacks = watched.get(keyId) ?? new Set()
      watched.set(keyId, callbacks.add(onEnd))
      schedule()
      return () => {
        callbacks.delete(onEnd)
        if (callbacks.size === 0 && watched.get(keyId) === callbacks) watched.delete(keyId)
      }
    },
    async close () {
      closed = true
      clearTimeout(timer)
      await checking
      watched.clear()
    }
  }
}
