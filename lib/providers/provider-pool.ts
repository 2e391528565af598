import { createAnthropic } from './anthropic/index.ts'
import type { Catalog, ProviderConfig } from './catalog-types.ts'
import { ownFailure } from './failure-messages.ts'
import { createGemini } from './gemini/index.ts'
import { createOpenAICompatible } from './openai-compatible.ts'
import type { Provider } from './types.ts'
import { vendors } from './vendors.ts'

/** The clients of the providers in a catalog, by name; a ReadonlyMap of them serves as well where only `get` is needed. */
export interface ProviderPool {
  /** undefined when the catalog has no such provider. What it returns may be kept: each call goes to the client of that moment's configuration. */
  get: (name: string) => Provider | undefined
  /** Calls in flight are aborted: drain before. */
  close: () => Promise<void>
}

interface Client {
  readonly config: ProviderConfig
  readonly provider: Provider
  calls: number
}

const adapters = { openai: createOpenAICompatible, anthropic: createAnthropic, gemini: createGemini } as const

/**
 * Clients are made when they are first asked for. When a provider's configuration is another object than before, as after a change of
 * its credentials, a new client takes over and the old one is closed after its calls. `create` is for tests.
 */
export function createProviderPool (catalog: Catalog, create: (config: ProviderConfig) => Provider = createProvider): ProviderPool {
  const clients = new Map<string, Client>()
  const handles = new Map<string, Provider>()
  /** Replaced, with calls in flight. */
  const retired = new Set<Client>()
  const closing = new Set<Promise<void>>()
  let closed = false

  const closeClient = (client: Client): void => {
    const done = client.provider.close().finally(() => { closing.delete(done) })
    closing.add(done)
  }
  const retire = (client: Client): void => {
    if (client.calls === 0) closeClient(client)
    else retired.add(client)
  }
  const current = (name: string): Client | undefined => {
    const config = catalog.providers.get(name)
    const known = clients.get(name)
    if (known !== undefined && known.config === config) return known
    if (known !== undefined) {
      clients.delete(name)
      retire(known)
    }
    if (config === undefined || closed) {
      handles.delete(name)
      return undefined
    }
    const client: Client = { config, provider: create(config), calls: 0 }
    clients.set(name, client)
    return client
  }
  const use = async <Answer>(name: string, call: (provider: Provider) => Promise<Answer>): Promise<Answer> => {
    const client = current(name)
    // the catalog has lost it since it was asked for
    if (client === undefined) throw ownFailure(closed ? 'aborted' : 'connection_failed', false)
    client.calls += 1
    try {
      return await call(client.provider)
    } finally {
      client.calls -= 1
      if (client.calls === 0 && retired.delete(client)) closeClient(client)
    }
  }

  return {
    get (name) {
      const client = current(name)
      if (client === undefined) return undefined
      let handle = handles.get(name)
      if (handle === undefined) {
        handle = {
          name,
          get endpoints () { return current(name)?.provider.endpoints ?? none },
          call: request => use(name, provider => provider.call(request)),
          stream: request => use(name, provider => provider.stream(request)),
          close: async () => {} // the pool closes
        }
        handles.set(name, handle)
      }
      return handle
    },
    async close () {
      closed = true
      for (const client of [...clients.values(), ...retired]) closeClient(client)
      clients.clear()
      retired.clear()
      handles.clear()
      await Promise.all(closing)
    }
  }
}

const none: Provider['endpoints'] = new Set()

function createProvider (config: ProviderConfig): Provider {
  return adapters[vendors[config.kind].dialect](config)
}
