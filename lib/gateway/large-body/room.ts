import { totalmem } from 'node:os'
import type { LargeBody } from '../../contracts/gateway.ts'
import { SiraError } from '../../errors.ts'

/**
 * Bytes of large bodies that this process holds at once, as they came. While a provider reads one it is held once more in
 * its words, so an eighth of the memory becomes a quarter at most.
 */
const most = Math.max(256 * 1024 * 1024, Math.min(process.constrainedMemory() || Infinity, totalmem()) / 8)
let held = 0

/** A part of the room, growing with a body that arrives. */
export interface Room {
  /** Throws SiraError `unavailable` when there is no more. */
  take: (bytes: number) => void
  /** Gives all of it back. Safe to call twice. */
  release: () => void
}

/** A large body and the room that it takes. */
export type HeldBody = LargeBody & { readonly room: Room }

export function claimRoom (): Room {
  let taken = 0
  return {
    take (bytes) {
      if (held + bytes > most) throw new SiraError('unavailable', { dependency: 'Memory for bodies of this size' }, { retryAfter: 1 })
      held += bytes
      taken += bytes
    },
    release () {
      held -= taken
      taken = 0
    }
  }
}
