import cluster, { type Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../lib/log.ts'
import { createMetricsPrimary } from './cluster-metrics.ts'

/** ms; a process that ended sooner after its start is started again only after as long. */
const shortLife = 2_000

/**
 * Runs the api as `count` processes that share one port. The primary serves nothing itself: it starts a process for each
 * that dies, passes signals on, and adds the processes' metrics up. Resolves when all have ended after a signal.
 */
export async function runPrimary (count: number, log: Logger): Promise<void> {
  const serving = new Set<Worker>()
  const metrics = createMetricsPrimary(() => [...serving], log)
  let stopping = false
  let running = count
  await new Promise<void>(resolve => {
    const start = (): void => {
      const startedAt = performance.now()
      const worker = cluster.fork()
      metrics.watch(worker)
      worker.once('listening', () => { serving.add(worker) })
      worker.once('exit', (code, signal) => {
        serving.delete(worker)
        if (stopping) {
          running -= 1
          if (running === 0) resolve()
          return
        }
        log.error({ code, signal, process: worker.process.pid }, 'api process ended; another is started')
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
