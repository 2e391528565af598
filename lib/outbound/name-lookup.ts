import { promises as dns } from 'node:dns'

/** All addresses of a name, IPv4 first. Rejects when it has none or when that cannot be told. */
export type NameLookup = (name: string) => Promise<readonly string[]>

/** ms of the first try and number of tries, per name server. */
const timeout = 2_000
const tries = 2

/**
 * Asks the name servers of the machine, or `servers` (address:port). Not by getaddrinfo: that holds one of Node's four threads until the
 * answer comes, so that four names whose servers are silent would stop all other lookups, and files, of the process. The price is that
 * /etc/hosts and search domains do not count.
 */
export function createNameLookup (servers?: readonly string[]): NameLookup {
  const resolver = new dns.Resolver({ timeout, tries })
  if (servers !== undefined) resolver.setServers(servers)
  return async name => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const addresses = answers.flatMap(answer => answer.status === 'fulfilled' ? answer.value : [])
    const failed = answers.find(answer => answer.status === 'rejected')
    if (addresses.length === 0) throw failed?.reason ?? new Error('The name has no address')
    return addresses
  }
}

/** RFC 6761: these names are this machine's loopback, whatever a name server would say. */
export function isLocalhost (host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}
