import { isIP } from 'node:net'
import { createAddressCheck } from '../control/address-check.ts'
import { SiraError } from '../errors.ts'
import { createNameLookup, isLocalhost } from './name-lookup.ts'
import type { NameLookup } from './name-lookup.ts'
import { createAddressJudge } from './outbound-policy.ts'
import type { OutboundPolicy } from './outbound-policy.ts'

/** Why a URL is refused: `params.reason` of `url_refused`. Documented in docs/api.md. */
export const urlRefusals = [
  'too_long', 'not_ascii', 'malformed', 'scheme', 'credentials', 'fragment', 'ip_literal', 'host', 'local_name', 'port', 'unresolvable', 'forbidden_address'
] as const
export type UrlRefusal = typeof urlRefusals[number]

const longestUrl = 2_048
/** RFC 1035. */
const longestHost = 253
/** Names that only a private network can know: RFC 6762, RFC 8375, ICANN's reservation of `internal`, and what routers and offices use. */
const localSuffixes = ['.local', '.internal', '.localdomain', '.home.arpa', '.lan', '.home', '.corp', '.intranet', '.private']

/**
 * Throws SiraError `url_refused` (params.reason, param `url`) for a URL that may not be a target by its text alone. A host has to be written
 * as it is read: then no trick of spelling can hide what it is. Addresses in place of names are for `allowedNetworks` only, and so are
 * names that only a private network knows, which are judged by what they resolve to.
 */
export function checkTargetUrl (text: string, policy: OutboundPolicy): URL {
  if (text.length > longestUrl) throw refused('too_long')
  if (/[^\0-\x7f]/.test(text)) throw refused('not_ascii')
  // new URL drops tabs and line breaks, and takes \ for /
  const [, scheme = '', authority = ''] = /^([a-z]+):\/\/([^/?#]+)/i.exec(text) ?? []
  if (/[\0-\x20\x7f\\]/.test(text) || authority === '' || !URL.canParse(text)) throw refused('malformed')
  const url = new URL(text)
  if (url.protocol !== `${scheme.toLowerCase()}:` || !(url.protocol === 'https:' || (url.protocol === 'http:' && policy.allowHttp))) throw refused('scheme')
  if (authority.includes('@')) throw refused('credentials')
  if (text.includes('#')) throw refused('fragment')
  checkHost(url, authority.toLowerCase(), policy)
  if (policy.ports !== 'any' && !policy.ports.includes(portOf(url))) throw refused('port')
  return url
}

function checkHost (url: URL, authority: string, policy: OutboundPolicy): void {
  const host = url.hostname
  const judge = createAddressJudge(policy)
  const isWrittenPlainly = authority === url.host || authority === `${host}:${portOf(url)}`
  const address = literalOf(host)
  if (address !== null) {
    // which allowed networks contain it, and which it leads to, are two questions: metadata addresses stay shut
    if (isWrittenPlainly && createAddressCheck(policy.allowedNetworks)(address) && judge(address) === null) return
    throw refused('ip_literal')
  }
  if (!isWrittenPlainly || host.endsWith('.') || host.includes('..') || host.length > longestHost) throw refused('host')
  if (isLocalhost(host)) {
    if (judge('127.0.0.1') !== null) throw refused('local_name')
  } else if (policy.allowedNetworks.length === 0 && (!host.includes('.') || localSuffixes.some(suffix => host.endsWith(suffix)))) throw refused('local_name')
}

/**
 * The same as checkTargetUrl, and resolves the name: `forbidden_address` when any of its addresses is refused, `unresolvable` when it has
 * none. Which range it is stays untold: callers could read a private network's names from it. What the name resolves to later is judged when it is dialled.
 */
export async function checkTarget (text: string, policy: OutboundPolicy, lookup: NameLookup = systemLookup): Promise<void> {
  const host = checkTargetUrl(text, policy).hostname
  if (literalOf(host) !== null || isLocalhost(host)) return
  const judge = createAddressJudge(policy)
  const addresses = await lookup(host).catch(error => { throw refused('unresolvable', error) })
  if (addresses.length === 0) throw refused('unresolvable')
  if (addresses.some(address => judge(address) !== null)) throw refused('forbidden_address')
}

const systemLookup = createNameLookup()

/** The address that stands in place of a host's name, without brackets; null for a name. `host` is `hostname` of a URL. */
export function literalOf (host: string): string | null {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host
  return isIP(bare) === 0 ? null : bare
}

/** The port of an http: or https: URL, also where it goes without saying. */
export function portOf (url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
}

function refused (reason: UrlRefusal, cause?: unknown): SiraError {
  return new SiraError('url_refused', { reason }, { param: 'url', cause })
}
