import type { Pool } from 'pg'
import type { Keyring } from '../../lib/crypto/seal.ts'
import { isOutage, throughOutage } from '../../lib/store/retry-outage.ts'
import { readStoredEndpoints, type StoredEndpoint } from '../../lib/store/webhook-endpoints.ts'
import { openEndpoint, type OpenEndpoint } from '../../lib/webhooks/open-endpoint.ts'

/** ms between two looks at the settings of endpoints that are served: how long a disabled or deleted one may still get something. */
const LOOK_INTERVAL = 500

export interface ActiveEndpoint {
  /** As it was at the last look; null = deleted. Throws when its secrets cannot be opened. */
  readonly settings: () => OpenEndpoint | null
  readonly leave: () => void
}

interface Entry { version: string, opened: OpenEndpoint | null, failure: unknown, readonly changed: () => void }

/** Settings of the endpoints that this process delivers to, read together and again and again. `changed` is called after a change. */
export function createActiveEndpoints (pool: Pool, keyring: Keyring | null): { enter: (endpointId: string, changed: () => void) => Promise<ActiveEndpoint> } {
  const entries = new Map<string, Entry>()
  let timer: NodeJS.Timeout | null = null

  return {
    async enter (endpointId, changed) {
      const stored = await throughOutage(async () => await readStoredEndpoints(pool, [endpointId]))
      const entry: Entry = { version: '', opened: null, failure: null, changed }
      update(entry, stored.get(endpointId))
      entries.set(endpointId, entry)
      timer ??= setTimeout(look, LOOK_INTERVAL)
      return {
        settings () {
          if (entry.failure !== null) throw entry.failure
          return entry.opened
        },
        leave () { if (entries.get(endpointId) === entry) entries.delete(endpointId) }
      }
    }
  }

  function update (entry: Entry, stored: StoredEndpoint | undefined): boolean {
    const version = stored?.version ?? ''
    if (version === entry.version && stored !== undefined) return false
    entry.version = version
    try {
      entry.opened = stored === undefined ? null : openEndpoint(keyring, stored)
      entry.failure = null
    } catch (error) {
      entry.failure = error // thrown where the settings are needed
    }
    return true
  }

  function look (): void {
    const known = [...entries]
    readStoredEndpoints(pool, known.map(([id]) => id)).then(stored => {
      for (const [id, entry] of known) if (update(entry, stored.get(id))) entry.changed()
    }, (error: unknown) => {
      // an outage: nothing can be saved either, so little is sent meanwhile
      if (!isOutage(error)) for (const [, entry] of known) Object.assign(entry, { failure: error })
    }).finally(() => { timer = entries.size > 0 ? setTimeout(look, LOOK_INTERVAL) : null })
  }
}
