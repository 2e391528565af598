import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker'
import type { Logger } from '../lib/log.ts'

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const

/** Temporal's own messages go into our log. Signals are handled in main: two workers and our loops stop together. */
export function installRuntime (log: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('WARN', (entry: LogEntry) => {
      const { error, ...meta } = (entry.meta ?? {}) as { error?: unknown }
      log[levels[entry.level]]({ ...meta, ...(error === undefined ? {} : { err: error }), source: 'temporal' }, entry.message)
    }),
    shutdownSignals: []
  })
}
