import { Agent, Client, Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { createDialler } from './guarded-dial.ts'
import type { Dial, Dialler } from './guarded-dial.ts'
import { createNameLookup } from './name-lookup.ts'
import type { NameLookup } from './name-lookup.ts'
import type { OutboundPolicy } from './outbound-policy.ts'

export interface GuardedAgentOptions {
  /** ms for name, connection and TLS together. */
  readonly connectTimeout: number
  /** Instead of the machine's name servers. */
  readonly lookup?: NameLookup
}

/** Where a request finds out about its connection: the dial that is under way or that opened it. */
export interface Link { dial: Dial | null }
/** A request that wants to know. */
export interface LinkedOptions extends Dispatcher.DispatchOptions { readonly call?: { link: Link | null } }

/** Connections to one origin at once; more requests than that wait within their deadline. */
const mostConnections = 256
/** ms after which a connection takes no new request, so that a name that has moved is resolved, and judged, anew. */
const longestLife = 30_000
/** ms that an idle connection is kept. Many servers close theirs after 5 s; a request sent just then is lost. */
const longestIdle = 4_000

/**
 * An HTTP/1.1 client that reaches only what the policy allows, whatever URL it is given. One per process, closed at its end. It follows no
 * redirect and knows no proxy, whatever the environment says. A connection serves any request to its origin: no secret sticks to it.
 */
export function createGuardedAgent (policy: OutboundPolicy, { connectTimeout, lookup = createNameLookup() }: GuardedAgentOptions): Dispatcher {
  const dialler = createDialler(policy, { connectTimeout, lookup })
  return new Agent({
    factory: origin => new Pool(origin, {
      connections: mostConnections,
      clientTtl: longestLife,
      factory: origin => new GuardedClient(origin, dialler)
    })
  })
}

/** One connection, and after it the next one. */
class GuardedClient extends Client {
  readonly #link: Link

  constructor (origin: string | URL, dialler: Dialler) {
    const link: Link = { dial: null }
    super(new URL(origin), {
      pipelining: 1,
      keepAliveTimeout: longestIdle,
      keepAliveMaxTimeout: longestLife,
      // the caller has a deadline for the whole; these start anew with each byte
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: ({ hostname, port, protocol }, callback) => {
        const dial: Dial = { dns: null, connect: null, tls: null, address: null, served: false }
        link.dial = dial
        const secure = protocol !== 'http:'
        const target = { hostname: hostname.toLowerCase(), port: port === '' ? (secure ? 443 : 80) : Number(port), secure }
        dialler(target, dial, callback)
      }
    })
    this.#link = link
  }

  override dispatch (options: LinkedOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (options.call !== undefined) options.call.link = this.#link
    return super.dispatch(options, handler)
  }
}
