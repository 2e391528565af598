import type { Tenant } from '../../lib/contracts/jobs.ts'
import type { FeedEvent, WebhookAttempt } from '../../lib/contracts/webhooks.ts'
import { SiraError } from '../../lib/errors.ts'
import { readStoredEndpoints } from '../../lib/store/webhook-endpoints.ts'
import { insertPing, saveTest } from '../../lib/store/webhook-tests.ts'
import { attemptDelivery } from '../../lib/webhooks/attempt.ts'
import { openEndpoint } from '../../lib/webhooks/open-endpoint.ts'
import type { Dependencies } from '../dependencies.ts'
import { requireKeyring } from './webhook-endpoints.ts'

/** Tests of one project under way in this process: each may hold a connection until its deadline. */
const MOST_TESTS = 5
const underWay = new Map<string, number>()

/**
 * Sends a `ping` to the first URL of an endpoint, now and once, whether it is enabled or not. The caller has checked that the endpoint is its
 * owner's. null = it is gone. A client that leaves does not stop it: the log has what came of it.
 */
export async function testEndpoint (dependencies: Dependencies, { projectId }: Tenant, endpointId: string): Promise<{ event: FeedEvent, attempt: WebhookAttempt } | null> {
  const { pool, outbound, config } = dependencies
  const keyring = requireKeyring(dependencies)
  const others = underWay.get(projectId) ?? 0
  if (others >= MOST_TESTS) throw new SiraError('concurrency_limit_exceeded', { kind: 'project', limit: MOST_TESTS }, { retryAfter: 5 })
  underWay.set(projectId, others + 1)
  try {
    const stored = (await readStoredEndpoints(pool, [endpointId])).get(endpointId)
    if (stored === undefined) return null
    const { endpoint, headers, secretsAt } = openEndpoint(keyring, stored)
    const ping = await insertPing(pool, endpointId)
    if (ping === null) return null
    const { attempt } = await attemptDelivery({ agent: outbound.agent, deadline: config.webhooks.timeout }, {
      endpoint,
      secrets: secretsAt(Date.now()),
      headers,
      event: ping.event,
      deliveryId: ping.deliveryId,
      trigger: 'test',
      number: 1,
      url: endpoint.targets[0]!.url,
      signal: new AbortController().signal
    })
    await saveTest(pool, attempt)
    return { event: ping.event, attempt }
  } finally {
    const left = underWay.get(projectId)! - 1
    if (left === 0) underWay.delete(projectId)
    else underWay.set(projectId, left)
  }
}
