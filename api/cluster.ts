import cluster, { type Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { AggregatorRegistry } from 'prom-client'
import type { Logger } from '../lib/log.ts'

/** What a process asks the primary, and what it answers: the metrics of all processes. */
interface MetricsMessage { readonly type: 'sira:metrics', readonly id: number, readonly text?: string }

/** ms; a process that ended sooner after its start is started again only after as long. */
const shortLife = 2_000

/**
 * Runs the api as `count` processes that share one port. The primary serves nothing itself: it starts a process for each
 * that dies, passes signals on, and adds the processes' metrics up. Resolves when all have ended after a signal.
 */
export async function runPrimary (count: number, log: Logger): Promise<void> {
  const metrics = new AggregatorRegistry()
  let stopping = false
  let running = count
  await new Promise<void>(resolve => {
    const start = (): void => {
      const startedAt = performance.now()
      const worker = cluster.fork()
      worker.on('message', (message: MetricsMessage) => { if (message.type === 'sira:metrics') void answerMetrics(metrics, worker, message, log) })
      worker.once('exit', (code, signal) => {
        if (stopping) {
          running -= 1
          if (running === 0) resolve()
          return
        }
        log.error({ code, signal, pid: worker.process.pid }, 'api process ended; another is started')
        void sleep(Math.max(0, shortLife - (performance.now() - startedAt))).then(() => {
          if (!stopping) start()
          else if (--running === 0) resolve()
        })
      })
    }
    for (let number = 0; number < count; number++) start()
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        stopping = true
        for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
      })
    }
  })
}

async function answerMetrics (metrics: { clusterMetrics: () => Promise<string> }, worker: Worker, { id }: MetricsMessage, log: Logger): Promise<void> {
  try {
    worker.send({ type: 'sira:metrics', id, text: await metrics.clusterMetrics() } satisfies MetricsMessage)
  } catch (error) {
    log.warn({ err: error }, 'metrics of the processes not added up')
    worker.send({ type: 'sira:metrics', id, text: '' } satisfies MetricsMessage)
  }
}

let lastId = 0

/** In one of several processes: the metrics of all, from the primary. Rejects when it does not answer in time. */
export async function readClusterMetrics (): Promise<string> {
  const id = ++lastId
  return await new Promise<string>((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer)
      process.off('message', listen)
    }
    const listen = (message: MetricsMessage): void => {
      if (message.type !== 'sira:metrics' || message.id !== id) return
      done()
      resolve(message.text ?? '')
    }
    const timer = setTimeout(() => {
      done()
      reject(new Error('the primary process gave no metrics in time'))
    }, 5_000)
    process.on('message', listen)
    process.send!({ type: 'sira:metrics', id } satisfies MetricsMessage)
  })
}
