import type { Static } from '@fastify/type-provider-typebox'
import type { Caller } from '../../../../lib/contracts/jobs.ts'
import type { WebhookTarget } from '../../../../lib/contracts/webhooks.ts'
import type { EndpointFields } from '../../../../lib/store/webhook-settings.ts'
import { checkUrl } from '../../../core/webhook-endpoints.ts'
import type { Dependencies } from '../../../dependencies.ts'
import { requireScope } from '../../../plugins/authentication.ts'
import { invalid } from '../admin/common.ts'
import type { EndpointChanges } from './endpoint-schemas.ts'
import { checkPatterns } from './event-schemas.ts'

/** The columns that a body sets, checked; what it leaves out is left out. Throws what it can be refused for. Resolves names, so call it before a transaction begins. */
export async function readFields (dependencies: Pick<Dependencies, 'outbound'>, caller: Caller, body: Static<typeof EndpointChanges>): Promise<Partial<EndpointFields>> {
  const { url, targets: given, headers: _headers, enabled: _enabled, ...fields } = body
  checkPatterns('event_types', fields.event_types)
  if (fields.scope === 'organization') requireScope({ caller }, 'organization')
  if (url === undefined && given === undefined) return fields
  if (url !== undefined && given !== undefined) throw invalid('targets', 'give either url or targets.')
  const targets: WebhookTarget[] = given ?? [{ url: url!, weight: 1 }]
  if (new Set(targets.map(target => target.url)).size < targets.length) throw invalid('targets', 'a URL is there twice.')
  await Promise.all(targets.map(async (target, place) => { await checkUrl(dependencies, target.url, given === undefined ? 'url' : `targets.${place}.url`) }))
  return { ...fields, targets }
}
