import { setTimeout as sleep } from 'node:timers/promises'
import { MockActivityEnvironment } from '@temporalio/testing'
import type { ExecutionContext } from 'ava'
import type { Pool } from 'pg'
import { createWebhookDelivery } from '../../../activities/webhooks/index.ts'
import type { Tenant } from '../../../lib/contracts/jobs.ts'
import type { DeliverOutcome } from '../../../lib/contracts/workflows.ts'
import { newId } from '../../../lib/ids.ts'
import { createGuardedAgent } from '../../../lib/outbound/guarded-agent.ts'
import { fanOut } from '../../../lib/store/fan-out.ts'
import { registerProcess } from '../../../lib/store/registration.ts'
import { testConfig } from '../../support/config.ts'
import { openTestPool, silentLog } from '../../support/pool.ts'
import { openReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts'
import { testKeyring } from '../../support/webhooks.ts'

export interface Delivery {
  readonly pool: Pool
  readonly url: string
  readonly tenant: Tenant
  readonly receiver: WebhookReceiver
  /** Gives committed events their deliveries. */
  fanOut: () => Promise<void>
  /** Runs the activity once, as Temporal would; `cancel` is told the way to ask it to stop. */
  deliverDue: (endpointId: string, onStart?: (environment: MockActivityEnvironment) => void) => Promise<DeliverOutcome>
  /** Does what the workflow does, until nothing is left. */
  deliverAll: (endpointId: string) => Promise<void>
}

export interface DeliveryRow { readonly event_id: string, readonly state: string, readonly round: number, readonly attempts: number, readonly due_at: Date }

/** A worker's webhook activities on a database of their own, and a receiver. Variables as in production: `{ SIRA_WEBHOOK_SCHEDULE: '0s,10ms' }`. */
export async function openDelivery (t: ExecutionContext, variables: Readonly<Record<string, string>> = {}): Promise<Delivery> {
  const [{ pool, url }, receiver] = await Promise.all([openTestPool(t), openReceiver(t)])
  const worker = createTestWorker(t, pool, variables)
  const registration = await registerProcess(url, silentLog, worker.workerId)
  t.teardown(registration.close)
  const tenant = { organizationId: 'org_1', projectId: 'proj_1' }
  return {
    pool,
    url,
    tenant,
    receiver,
    async fanOut () { worker.hint((await fanOut(pool)).endpointIds) },
    deliverDue: worker.deliverDue,
    async deliverAll (endpointId) {
      for (;;) {
        const outcome = await worker.deliverDue(endpointId)
        if (outcome.kind === 'idle') return
        if (outcome.kind === 'waiting') await sleep(Date.parse(outcome.dueAt) - Date.now())
      }
    }
  }
}

/** The activities of one process. */
export function createTestWorker (t: ExecutionContext, pool: Pool, variables: Readonly<Record<string, string>> = {}) {
  const agent = createGuardedAgent({ allowHttp: true, ports: 'any', allowedNetworks: ['127.0.0.0/8'], denyOwnAddresses: false }, { connectTimeout: 2_000 })
  t.teardown(async () => { await agent.destroy() })
  const workerId = newId('worker')
  const { deliverDue, hint } = createWebhookDelivery({ config: testConfig(variables), pool, agent, keyring: testKeyring, log: silentLog, workerId })
  return {
    workerId,
    hint,
    async deliverDue (endpointId: string, onStart?: (environment: MockActivityEnvironment) => void): Promise<DeliverOutcome> {
      const environment = new MockActivityEnvironment({ workflowExecution: { workflowId: `webhook:${endpointId}`, runId: 'run' } })
      const outcome = environment.run(deliverDue, { endpointId })
      onStart?.(environment)
      return await outcome as DeliverOutcome
    }
  }
}

export async function readDeliveries (pool: Pool, endpointId: string): Promise<DeliveryRow[]> {
  const { rows } = await pool.query<DeliveryRow>('SELECT event_id, state, round, attempts, due_at FROM webhook_delivery WHERE endpoint_id = $1 ORDER BY event_id', [endpointId])
  return rows
}
