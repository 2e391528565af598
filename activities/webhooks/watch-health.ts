import { FAILING_AFTER, isHopeless } from '../../lib/domain/delivery-schedule.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { disableFailingEndpoint, tellFailing } from '../../lib/store/webhook-dispatch.ts'
import type { DeliveryOutcome, EndpointHealth } from '../../lib/store/webhook-outcomes.ts'
import type { WebhookDependencies } from './dependencies.ts'

/**
 * What follows from attempts for their endpoints: they are told to fail, or disabled. Every step is guarded by the state it changes, so it may be
 * repeated; one that a crash prevented comes with the next failure.
 */
export function createHealthWatch ({ pool, config, log }: Pick<WebhookDependencies, 'pool' | 'config' | 'log'>) {
  return async (healths: readonly EndpointHealth[], outcomes: readonly DeliveryOutcome[]): Promise<void> => {
    const gone = new Set(outcomes.filter(outcome => outcome.next.gone).map(outcome => outcome.endpointId))
    for (const { endpointId, failures, failingSince, failingTold } of healths) {
      if (failures >= FAILING_AFTER && !failingTold) {
        if (await throughOutage(async () => await tellFailing(pool, endpointId))) log.info({ endpoint: endpointId, failures }, 'webhook endpoint fails')
      }
      const failingFor = failingSince === null ? 0 : Date.now() - failingSince.getTime()
      const reason = gone.has(endpointId) ? 'gone' : isHopeless({ failures, failingFor, disableAfter: config.webhooks.disableAfter }) ? 'failing' : null
      if (reason === null) continue
      if (await throughOutage(async () => await disableFailingEndpoint(pool, endpointId, reason))) log.info({ endpoint: endpointId, reason, failures }, 'webhook endpoint disabled')
    }
  }
}
