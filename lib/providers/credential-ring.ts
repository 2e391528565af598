import type { Credential } from './catalog-types.ts'

/** A credential lent to one call. */
export interface Lent {
  readonly credential: Credential
  /** Monotonic ms. */
  readonly at: number
}

export interface CredentialRing {
  /** The credential for the next call; null = the provider has none. When all rest, the one whose rest ends first. */
  take: () => Lent | null
  /** The provider took it: what was held against it is forgotten. */
  worked: (lent: Lent) => void
  /** The provider refused it, or its quota is used up: it rests. Returns whether another is fit for work now. */
  refused: (lent: Lent) => boolean
}

interface Slot {
  readonly credential: Credential
  strikes: number
  restedAt: number
  restsUntil: number
}

const firstRest = 30_000
const longestRest = 30 * 60_000

/** Chooses among the credentials of a provider: `spread` in turn, `first` the first that works. */
export function createCredentialRing (credentials: readonly Credential[], use: 'spread' | 'first', clock: () => number = () => performance.now()): CredentialRing {
  const slots = credentials.map((credential): Slot => ({ credential, strikes: 0, restedAt: -Infinity, restsUntil: -Infinity }))
  const byCredential = new Map(slots.map(slot => [slot.credential, slot]))
  let turn = 0

  const choose = (now: number): Slot => {
    const from = use === 'spread' ? turn : 0
    let best = slots[from]!
    for (let step = 0; step < slots.length; step++) {
      const place = (from + step) % slots.length
      const slot = slots[place]!
      if (slot.restsUntil <= now) {
        turn = (place + 1) % slots.length
        return slot
      }
      if (slot.restsUntil < best.restsUntil) best = slot
    }
    return best
  }

  return {
    take () {
      if (slots.length === 0) return null
      const now = clock()
      return { credential: choose(now).credential, at: now }
    },
    worked ({ credential, at }) {
      const slot = byCredential.get(credential)!
      // the answer to a call from before the rest says nothing of now
      if (slot.strikes === 0 || at <= slot.restedAt) return
      slot.strikes = 0
      slot.restsUntil = -Infinity
    },
    refused ({ credential, at }) {
      const slot = byCredential.get(credential)!
      const now = clock()
      // calls in flight together are refused together, which is one strike
      if (at > slot.restedAt) {
        slot.restedAt = now
        slot.restsUntil = now + Math.min(longestRest, firstRest * 2 ** slot.strikes)
        slot.strikes = Math.min(slot.strikes + 1, 10)
      }
      return slots.some(other => other !== slot && other.restsUntil <= now)
    }
  }
}
