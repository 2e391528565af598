import type { Pool } from 'pg'
import type { ControlState } from '../contracts/allowance.ts'
import type { Caller } from '../contracts/jobs.ts'
import type { Keyring } from '../crypto/seal.ts'
import { SiraError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Catalog } from '../providers/catalog-types.ts'
import { readControl, readControlVersion } from '../store/control.ts'
import { findCallers, hashKey, isWellFormedKey } from '../store/keys.ts'
import { isOutage } from '../store/retry-outage.ts'
import { buildControlState } from './control-state.ts'
import { createKeyUse } from './key-use.ts'
import { createKnownCallers } from './known-callers.ts'
import { repeat } from './repeat.ts'
import { createCatalogMerge } from './stored-catalog.ts'
import { nextChange } from './usable-credentials.ts'

/** ms between two looks at control_version. With the reload it keeps a change from taking longer than a second to hold everywhere. */
const CHECK_EVERY = 300
/** ms that the start waits for the first load; afterwards it goes on alone. */
const FIRST_LOAD = 3_000

export interface ControlPlane {
  /** Limits, budgets and presets. Throws SiraError `unavailable` before the first load, and when Postgres is away for too long. */
  readonly state: () => ControlState
  /** Of the file and the database; its maps are others after a change. */
  readonly catalog: Catalog
  /** What is in the configuration file, which the admin API cannot change. */
  readonly fileCatalog: Catalog
  /** The caller behind a key text, at once when it is known; null = no such key. Throws or rejects with SiraError `unavailable` when that cannot be told. */
  readonly authenticate: (text: string) => Caller | null | Promise<Caller | null>
  /** The caller behind a key text that is known and may be used now; null = `authenticate` has to tell. */
  readonly known: (text: string) => Caller | null
  /** Looks for changes now: after a change of one's own. Never rejects. */
  readonly refresh: () => Promise<void>
  readonly close: () => Promise<void>
}

interface Options {
  readonly pool: Pool
  readonly fileCatalog: Catalog
  readonly keyring: Keyring | null
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** ms that what is known stays good while Postgres is away. */
  readonly outageGrace: number
}

/** Everything a request needs to know of the database before it is admitted, in memory and at most a second old. */
export async function startControlPlane ({ pool, fileCatalog, keyring, log, outageGrace }: Options): Promise<ControlPlane> {
  const mergeCatalog = createCatalogMerge({ fileCatalog, keyring, log })
  const callers = createKnownCallers()
  const keyUse = createKeyUse(pool, log)
  const lookups = new Map<string, Promise<Caller | null>>()
  let loaded: { readonly state: ControlState, readonly catalog: Catalog } | null = null
  /** When what is loaded was last known to be current, and when it changes by itself because a credential ends. */
  let current = -Infinity
  let changes = Infinity
  let failing = false

  async function check (): Promise<void> {
    try {
      const asked = performance.now()
      if (loaded?.state.version !== await readControlVersion(pool) || asked >= changes) await load()
      current = asked
      if (failing) log.info('the control plane is current again')
      failing = false
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'the control plane cannot be refreshed; what is known stays in use')
      failing = true
    }
  }

  async function load (): Promise<void> {
    const hashes = callers.hashes()
    const start = performance.now()
    const { rows, extra: found } = await readControl(pool, async client => await findCallers(client, hashes))
    loaded = { state: buildControlState(rows), catalog: mergeCatalog(rows) }
    changes = start + nextChange(rows.credentials)
    callers.renew(rows.version, hashes, found)
  }

  const isUsable = (): boolean => loaded !== null && performance.now() - current <= outageGrace + CHECK_EVERY
  const unavailable = (cause?: unknown): SiraError => new SiraError('unavailable', { dependency: 'The database' }, { retryAfter: 2, cause })

  const isBehind = (version: number): boolean => loaded !== null && loaded.state.version < version

  async function lookUp (hash: string): Promise<Caller | null> {
    try {
      const found = (await findCallers(pool, [hash])).get(hash)
      if (found === undefined) return null
      // made after what is loaded: its limits and budgets are too, and would be missing
      if (isBehind(found.version)) await checks.now()
      if (isBehind(found.version)) throw unavailable()
      callers.add(hash, found)
      keyUse.used(found.caller.keyId)
      return found.caller
    } catch (error) {
      throw isOutage(error) ? unavailable(error) : error
    }
  }

  const checks = repeat(CHECK_EVERY, check)
  let waited: NodeJS.Timeout | undefined
  await Promise.race([checks.now(), new Promise<void>(resolve => { waited = setTimeout(resolve, FIRST_LOAD) })])
  clearTimeout(waited)

  return {
    state () {
      if (loaded === null || !isUsable()) throw unavailable()
      return loaded.state
    },
    fileCatalog,
    catalog: {
      get providers () { return (loaded?.catalog ?? fileCatalog).providers },
      get models () { return (loaded?.catalog ?? fileCatalog).models }
    },
    authenticate (text) {
      const hash = hashKey(text)
      const known = callers.get(hash)
      if (known === undefined && !isWellFormedKey(text)) return null
      if (!isUsable()) throw unavailable()
      if (known !== undefined) {
        keyUse.used(known.keyId)
        return known
      }
      let lookup = lookups.get(hash)
      if (lookup === undefined) {
        lookup = lookUp(hash).finally(() => { lookups.delete(hash) })
        lookups.set(hash, lookup)
      }
      return lookup
    },
    known (text) {
      const known = callers.get(hashKey(text))
      if (known === undefined || !isUsable()) return null
      keyUse.used(known.keyId)
      return known
    },
    refresh: checks.now,
    async close () {
      await checks.close()
      await keyUse.close()
    }
  }
}
