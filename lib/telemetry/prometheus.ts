import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { UsageRecord } from '../contracts/usage.ts'
import type { DeploymentHealth } from '../gateway/deployment-health.ts'
import { durationBounds, names, operationOf, tokenBounds } from './gen-ai-names.ts'

export interface PrometheusMetrics {
  readonly registry: Registry
  observe: (record: UsageRecord) => void
}

/**
 * Labels are bounded by the configuration (models, providers); keys and end users are in the usage reports. `beforeRead` is called
 * before the first value is read, to observe what still waits.
 */
export function createPrometheusMetrics (health: DeploymentHealth, beforeRead: () => void = () => {}): PrometheusMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const plain = (name: string): string => name.replaceAll('.', '_')
  const labels = ['operation', 'model', 'provider', 'status'] as const
  const requests = new Counter({ name: 'sira_requests_total', help: 'Requests for a model that were delivered or answered from the cache', labelNames: labels, registers: [registry], collect: beforeRead })
  const attempts = new Counter({ name: 'sira_attempts_total', help: 'Calls to providers', labelNames: ['model', 'provider'], registers: [registry] })
  const cost = new Counter({ name: 'sira_cost_usd_total', help: 'Cost of settled requests whose price is known, USD', labelNames: ['model', 'provider'], registers: [registry] })
  const unpriced = new Counter({ name: 'sira_unpriced_requests_total', help: 'Settled requests whose price is unknown', labelNames: ['model', 'provider'], registers: [registry] })
  const cached = new Counter({ name: 'sira_cache_hits_total', help: 'Requests answered from the response cache', labelNames: ['model'], registers: [registry] })
  const duration = new Histogram({ name: `${plain(names.durationMetric)}_seconds`, help: 'Whole requests, seconds', labelNames: ['operation', 'model', 'provider'], buckets: durationBounds, registers: [registry] })
  const firstToken = new Histogram({ name: `${plain(names.firstTokenMetric)}_seconds`, help: 'To the first event of a stream, seconds', labelNames: ['model', 'provider'], buckets: durationBounds, registers: [registry] })
  const tokens = new Histogram({ name: plain(names.tokenMetric), help: 'Tokens of a request', labelNames: ['type', 'model', 'provider'], buckets: tokenBounds, registers: [registry] })
  const open = new Gauge({
    name: 'sira_deployment_open',
    help: '1 = the circuit of this deployment is open: it is left alone after failures',
    labelNames: ['deployment'],
    aggregator: 'max', // over the processes that share a port; two of them make no 2
    registers: [registry],
    collect () { for (const [deployment, { breaker }] of health.all()) open.set({ deployment }, breaker.until > performance.now() ? 1 : 0) }
  })
  const inFlight = new Gauge({
    name: 'sira_deployment_calls_in_flight',
    help: 'Calls under way at this deployment',
    labelNames: ['deployment'],
    registers: [registry],
    collect () { for (const [deployment, now] of health.all()) inFlight.set({ deployment }, now.inFlight) }
  })

  return {
    registry,
    observe (record) {
      const { model } = record
      const provider = record.provider ?? 'none'
      const operation = operationOf(record.endpoint)
      requests.inc({ operation, model, provider, status: String(record.status) })
      if (record.cached) {
        cached.inc({ model })
        return
      }
      attempts.inc({ model, provider }, record.attempts)
      duration.observe({ operation, model, provider }, record.latencyMs / 1000)
      if (record.firstTokenMs !== null) firstToken.observe({ model, provider }, record.firstTokenMs / 1000)
      tokens.observe({ type: 'input', model, provider }, record.usage.inputTokens)
      tokens.observe({ type: 'output', model, provider }, record.usage.outputTokens)
      if (record.cost === null) unpriced.inc({ model, provider })
      else cost.inc({ model, provider }, Number(record.cost) / 1e12)
    }
  }
}
