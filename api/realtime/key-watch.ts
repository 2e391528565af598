import type { Caller } from '../../lib/contracts/jobs.ts'
import type { SiraError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import type { Queryable } from '../../lib/store/database.ts'
import { findCallers, hashKey } from '../../lib/store/keys.ts'
import { toSiraError } from './to-sira-error.ts'

/** Connections outlive the check at their start; this checks them again. */
export interface KeyWatch {
  /**
   * Calls `check` about every second with what the text of a key stands for now (its scopes, models and addresses may have changed), or
   * with null when that is nothing any more: the key is revoked or has expired, or this text of it was rotated away. What `check` throws goes to
   * `onEnd`, and the watch has ended. Returns what stops it before.
   */
  watch: (text: string, check: (caller: Caller | null) => void, onEnd: (reason: SiraError) => void) => () => void
  close: () => Promise<void>
}

interface Watcher { readonly check: (caller: Caller | null) => void, readonly onEnd: (reason: SiraError) => void }

const CHECK_EVERY = 1_000

/** One query a second for all keys that are watched, and none while there are none. In an outage of the database nobody is told. */
export function createKeyWatch (database: Queryable, log: Pick<Logger, 'warn'>): KeyWatch {
  /** By the hash of the text. */
  const watched = new Map<string, Set<Watcher>>()
  let timer: NodeJS.Timeout | undefined
  let checking: Promise<void> | null = null
  let closed = false

  function schedule (): void {
    if (timer !== undefined || checking !== null || closed || watched.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      checking = checkAll().finally(() => {
        checking = null
        schedule()
      })
    }, CHECK_EVERY)
  }

  async function checkAll (): Promise<void> {
    const hashes = [...watched.keys()]
    try {
      const found = await findCallers(database, hashes)
      for (const hash of hashes) {
        for (const watcher of [...watched.get(hash) ?? []]) check(hash, watcher, found.get(hash)?.caller ?? null)
      }
    } catch (error) {
      log.warn({ err: error, keys: hashes.length }, 'keys of open connections not checked')
    }
  }

  function check (hash: string, watcher: Watcher, caller: Caller | null): void {
    try {
      watcher.check(caller)
    } catch (error) {
      remove(hash, watcher)
      watcher.onEnd(toSiraError(error))
    }
  }

  function remove (hash: string, watcher: Watcher): void {
    const watchers = watched.get(hash)
    watchers?.delete(watcher)
    if (watchers?.size === 0) watched.delete(hash)
  }

  return {
    watch (text, check, onEnd) {
      const hash = hashKey(text)
      const watcher = { check, onEnd }
      watched.set(hash, (watched.get(hash) ?? new Set()).add(watcher))
      schedule()
      return () => { remove(hash, watcher) }
    },
    async close () {
      closed = true
      clearTimeout(timer)
      await checking
      watched.clear()
    }
  }
}
