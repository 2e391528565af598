import type { Pool } from 'pg'
import { createBudgets } from '../budgets/budgets.ts'
import type { Config } from '../config.ts'
import type { ControlPlane } from '../control/control-plane.ts'
import { createLimiting } from '../limits/limiting.ts'
import type { Logger } from '../log.ts'
import { createProviderPool } from '../providers/provider-pool.ts'
import { saveUsage } from '../store/usage-rows.ts'
import { createOpenTelemetry } from '../telemetry/open-telemetry.ts'
import { observeLater } from '../telemetry/observe-later.ts'
import { createPrometheusMetrics, type PrometheusMetrics } from '../telemetry/prometheus.ts'
import { openJournal } from '../usage/journal.ts'
import { createDeploymentHealth } from './deployment-health.ts'
import { createResponseCache } from './response-cache.ts'
import type { Gateway } from './gateway.ts'

export interface GatewayProcess {
  readonly gateway: Gateway
  readonly metrics: PrometheusMetrics
  /** Once no request is under way: all usage is in Postgres, leases are given back. */
  close: () => Promise<void>
}

/** The gateway of one process over its pool and its control plane. `processId` is the id the process is registered by. */
export async function createGateway ({ config, pool, control, processId, log }: {
  config: Config
  pool: Pool
  control: ControlPlane
  processId: string
  log: Logger
}): Promise<GatewayProcess> {
  const health = createDeploymentHealth()
  const metrics = createPrometheusMetrics(health, () => { observing.flush() })
  const telemetry = config.otlpEndpoint === null ? null : createOpenTelemetry(config.otlpEndpoint)
  const observing = observeLater((record, traceparent) => {
    metrics.observe(record)
    telemetry?.observe(record, traceparent)
  })
  const providers = createProviderPool(control.catalog)
  const limiting = createLimiting({ pool, processId, log })
  const budgets = createBudgets({ pool, processId, log })
  const journal = await openJournal({ directory: config.usage.directory, processId, write: async (records, owner) => { await saveUsage(pool, owner, records, config.usage.retentionDays) }, log })
  const cache = createResponseCache(pool, log)
  const gateway: Gateway = {
    catalog: control.catalog,
    providers,
    health,
    state: control.state,
    limiting,
    budgets,
    journal,
    cache,
    maxAnswerBytes: config.batch.maxAnswerBytes,
    observe: observing.observe
  }
  return {
    gateway,
    metrics,
    async close () {
      observing.flush()
      await journal.close() // settles with the budgets, so before their leases are given back
      await Promise.all([limiting.close(), budgets.close(), cache.close(), providers.close(), telemetry?.close()])
    }
  }
}
