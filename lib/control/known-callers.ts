import type { Caller } from '../contracts/jobs.ts'
import type { FoundCaller } from '../store/keys.ts'

const MOST = 10_000

interface Entry { readonly caller: Caller, readonly until: number, readonly version: number }

/** Callers by the hash of their key, as of control_version; the oldest goes when there are too many. */
export interface KnownCallers {
  /** The caller while the key lives; an expired one is forgotten. */
  get: (hash: string) => Caller | undefined
  /** Remembers what was found, unless something has changed since it was looked up. */
  add: (hash: string, found: FoundCaller) => void
  hashes: () => string[]
  /** Takes over a new version: what was asked for is as found or gone; what came later stays if it is as new. */
  renew: (version: number, asked: readonly string[], found: ReadonlyMap<string, FoundCaller>) => void
}

export function createKnownCallers (most = MOST): KnownCallers {
  const entries = new Map<string, Entry>()
  let current = 0
  const put = (hash: string, { caller, lifetime, version }: FoundCaller): void => {
    entries.set(hash, { caller, until: lifetime === null ? Infinity : performance.now() + lifetime, version })
  }
  return {
    get (hash) {
      const entry = entries.get(hash)
      if (entry === undefined || entry.until > performance.now()) return entry?.caller
      entries.delete(hash)
      return undefined
    },
    add (hash, found) {
      if (found.version < current) return
      if (entries.size >= most && !entries.has(hash)) entries.delete(entries.keys().next().value!)
      put(hash, found)
    },
    hashes: () => [...entries.keys()],
    renew (version, asked, found) {
      current = version
      for (const hash of asked) {
        const still = found.get(hash)
        // looked up again meanwhile, and newer than the snapshot
        if ((entries.get(hash)?.version ?? 0) > version) continue
        if (still === undefined) entries.delete(hash)
        else if (entries.has(hash)) put(hash, still)
      }
      for (const [hash, entry] of entries) if (entry.version < version) entries.delete(hash)
    }
  }
}
