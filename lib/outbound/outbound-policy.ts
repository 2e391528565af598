import { createAddressCheck } from '../control/address-check.ts'
import { refusedRange } from './address-rules.ts'
import { plainAddress } from './ip-address.ts'
import { isOwnAddress } from './own-addresses.ts'

/** What of the network URLs may reach that callers gave. */
export interface OutboundPolicy {
  /** Whether http: may be used beside https:. */
  readonly allowHttp: boolean
  readonly ports: readonly number[] | 'any'
  /** CIDR ranges that may be reached though they are refused otherwise; never a metadata address. */
  readonly allowedNetworks: readonly string[]
  /** Whether the addresses of this machine are refused, public ones too, unless they lie in `allowedNetworks`. */
  readonly denyOwnAddresses: boolean
}

/** What holds unless an operator says otherwise. */
export const strictPolicy: OutboundPolicy & { readonly ports: readonly number[] } = { allowHttp: false, ports: [443, 8443], allowedNetworks: [], denyOwnAddresses: true }

/** The range for which an address is refused, `own_address` among them; null = it may be dialled. */
export type AddressJudge = (address: string) => string | null

/** Throws Error when one of `allowedNetworks` is no address and no CIDR range. */
export function createAddressJudge (policy: OutboundPolicy): AddressJudge {
  const isAllowed = createAddressCheck(policy.allowedNetworks)
  return address => {
    const range = refusedRange(address)
    const plain = plainAddress(address)
    // operators open a whole private range without thinking of the credentials that their cloud hands out within it
    if (plain === null || range === 'metadata') return range ?? 'malformed'
    if (isAllowed(plain)) return null
    return range ?? (policy.denyOwnAddresses && isOwnAddress(plain) ? 'own_address' : null)
  }
}
