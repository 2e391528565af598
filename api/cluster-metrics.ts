import type { Worker } from 'node:cluster'
import { AggregatorRegistry, type Registry } from 'prom-client'
import { SiraError } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'

// prom-client's own exchange waits for processes that are starting, and for one that died meanwhile, until it times out; its
// adding up is used without it.

type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** From a process to the primary: `ask` for the metrics of all, `part` = its own, for the primary's question `id`. */
type FromProcess = { readonly type: 'sira:metrics:ask', readonly id: number } | { readonly type: 'sira:metrics:part', readonly id: number, readonly metrics: Metrics }
/** From the primary: `read` asks for the process's own, `all` answers its `ask`; null = some process did not tell in time. */
type FromPrimary = { readonly type: 'sira:metrics:read', readonly id: number } | { readonly type: 'sira:metrics:all', readonly id: number, readonly text: string | null }

/** ms for all processes to tell theirs, and then some for the text to reach who asked. */
const collecting = 3_000
const answering = 5_000

interface Collection { readonly waiting: Map<Worker, (metrics: Metrics) => void> }

/** In the primary: answers processes that ask, with the sum over those that serve. `workers` gives these. */
export function createMetricsPrimary (workers: () => readonly Worker[], log: Pick<Logger, 'error'>): { watch: (worker: Worker) => void } {
  const open = new Map<number, Collection>()
  let lastId = 0

  /** null when a living process did not tell in time: a sum without it would look like counters that fell. */
  async function collect (): Promise<string | null> {
    const id = ++lastId
    const asked = workers()
    const waiting: Collection['waiting'] = new Map()
    open.set(id, { waiting })
    const dead: Array<() => void> = []
    let timer: NodeJS.Timeout | undefined
    try {
      const parts = asked.map(async worker => await new Promise<Metrics>(resolve => {
        const gone = (): void => { resolve([]) }
        worker.once('exit', gone)
        dead.push(() => { worker.off('exit', gone) })
        waiting.set(worker, resolve)
        worker.send({ type: 'sira:metrics:read', id } satisfies FromPrimary, error => { if (error !== null) gone() })
      }))
      const late = new Promise<null>(resolve => { timer = setTimeout(resolve, collecting, null) })
      const told = await Promise.race([Promise.all(parts), late])
      return told === null ? null : await AggregatorRegistry.aggregate(told).metrics()
    } finally {
      clearTimeout(timer)
      for (const forget of dead) forget()
      open.delete(id)
    }
  }

  return {
    watch (worker) {
      worker.on('message', (message: FromProcess) => {
        if (message.type === 'sira:metrics:part') open.get(message.id)?.waiting.get(worker)?.(message.metrics)
        if (message.type !== 'sira:metrics:ask') return
        const { id } = message
        void collect().catch((error: unknown) => {
          log.error({ err: error }, 'metrics of the processes not added up')
          return null
        }).then(text => {
          if (worker.isConnected()) worker.send({ type: 'sira:metrics:all', id, text } satisfies FromPrimary)
        })
      })
    }
  }
}

/**
 * In one of several processes: tells the primary this one's metrics when it asks, and gives what reads those of all as text, which throws
 * SiraError unavailable when they are not had in time.
 */
export function joinMetrics (registry: Registry, log: Pick<Logger, 'error'>): () => Promise<string> {
  const asked = new Map<number, (text: string | null) => void>()
  let lastId = 0
  process.on('message', (message: FromPrimary) => {
    if (message.type === 'sira:metrics:all') asked.get(message.id)?.(message.text)
    if (message.type !== 'sira:metrics:read') return
    const { id } = message
    registry.getMetricsAsJSON().then(metrics => { process.send!({ type: 'sira:metrics:part', id, metrics } satisfies FromProcess) }, (error: unknown) => {
      log.error({ err: error }, 'metrics not read') // who asked is told when the time is over
    })
  })
  return async () => {
    const id = ++lastId
    try {
      const text = await new Promise<string | null>(resolve => {
        asked.set(id, resolve)
        setTimeout(resolve, answering, null).unref()
        process.send!({ type: 'sira:metrics:ask', id } satisfies FromProcess)
      })
      if (text === null) throw new SiraError('unavailable', { dependency: 'A process of this api' }, { retryAfter: 1 })
      return text
    } finally {
      asked.delete(id)
    }
  }
}
