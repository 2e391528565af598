import { networkInterfaces } from 'node:os'
import { plainAddress } from './ip-address.ts'

/** ms that the list stays good: reading it is a system call per interface, and machines change theirs rarely. */
const longestAge = 5_000

let known = new Set<string>()
let readAt = -Infinity

/** Whether the address, as `plainAddress` spells it, is one of this machine's. A public one that a router holds for it cannot be known here. */
export function isOwnAddress (address: string): boolean {
  if (performance.now() - readAt > longestAge) {
    known = new Set(Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(entry => plainAddress(entry.address) ?? entry.address)))
    readAt = performance.now()
  }
  return known.has(address)
}
