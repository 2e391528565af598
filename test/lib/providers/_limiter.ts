import type { CallOwner, Limiter } from '../../../lib/contracts/limiter.ts'
import type { Catalog, ProviderConfig } from '../../../lib/providers/catalog.ts'
import { createLimiter } from '../../../lib/providers/limiter.ts'
import type { SlotConsumer, SlotSource } from '../../../lib/providers/slot-source.ts'
import { providerAt } from './_upstream.ts'

export interface LimiterUnderTest {
  readonly limiter: Limiter
  /** Changes what the limiter holds, as the slot source would. */
  grant: (provider: string, slots: number, share?: number) => void
  demand: SlotConsumer['demand']
  /** Another configuration of a provider, as the control plane would put it into the catalog; null = it is gone. */
  change: (provider: string, config: Partial<ProviderConfig> | null) => void
  /** How often the limiter asked for more. */
  readonly wakes: { count: number }
}

/** A limiter whose slots the test hands out. */
export function limiterOf (providers: Readonly<Record<string, Partial<ProviderConfig>>>): LimiterUnderTest {
  const configured = new Map(Object.entries(providers).map(([name, config]) => [name, providerAt('http://127.0.0.1:1', { name, ...config })]))
  const catalog: Catalog = { providers: configured, models: new Map() }
  let consumer: SlotConsumer | undefined
  const wakes = { count: 0 }
  const slots: SlotSource = {
    start (given) { consumer = given },
    wake () { wakes.count += 1 },
    async close () {}
  }
  const limiter = createLimiter({ catalog, slots })
  return {
    limiter,
    wakes,
    grant: (provider, count, share = 1) => { consumer!.granted(provider, count, share) },
    change (name, config) {
      if (config === null) configured.delete(name)
      else configured.set(name, providerAt('http://127.0.0.1:1', { name, ...config }))
    },
    demand: provider => consumer!.demand(provider)
  }
}

export const unaborted = new AbortController().signal

export function ownerOf (organizationId: string, batchId: string, concurrency: number | null = null): CallOwner {
  return { organizationId, batchId, concurrency }
}

/** Lets every promise that can settle now settle. */
export async function settle (): Promise<void> {
  await new Promise(resolve => { setImmediate(resolve) })
}
