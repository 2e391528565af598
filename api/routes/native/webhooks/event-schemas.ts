import { Type } from '@fastify/type-provider-typebox'
import type { Caller } from '../../../../lib/contracts/jobs.ts'
import { isKnownPattern } from '../../../../lib/domain/event-types.ts'
import type { EventReach } from '../../../../lib/store/event-feed.ts'
import { requireScope } from '../../../plugins/authentication.ts'
import { OneOf } from '../../../schemas.ts'
import { invalid, Reference, Time } from '../admin/common.ts'

export const Event = Type.Object({
  id: Type.String({ description: 'the `webhook-id` of its deliveries' }),
  type: Type.String(),
  project_id: Type.String({ description: 'empty for events of the organization itself' }),
  resource_id: Type.String(),
  seq: Type.Integer({ description: 'of the resource: a lower one is older' }),
  feed_seq: Type.Integer({ description: "of the project's feed" }),
  data: Type.Record(Type.String(), Type.Unknown()),
  created_at: Time
})

/** Event types and wildcards, in a query or a body. */
export const EventPatterns = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 50, uniqueItems: true, description: 'event types, `*`, or wildcards such as `batch.*`' })

/** Throws `invalid_parameter` for a pattern that stands for no known event type. */
export function checkPatterns (param: string, patterns: readonly string[] | undefined): void {
  const unknown = patterns?.find(pattern => !isKnownPattern(pattern))
  if (unknown !== undefined) throw invalid(param, `${unknown.slice(0, 100)} is no event type, and no wildcard for any.`)
}

export const EventScope = Type.Optional(OneOf(['project', 'organization'] as const, '`organization` = of all its projects and of itself; needs the scope organization'))

export function eventReach (caller: Caller, scope: 'project' | 'organization' | undefined): EventReach {
  if (scope !== 'organization') return { organizationId: caller.organizationId, projectId: caller.projectId }
  requireScope({ caller }, 'organization')
  return { organizationId: caller.organizationId, projectId: null }
}

/** A time of a query; Postgres cannot be asked for years beyond its own. */
export const QueryTime = Type.String({ format: 'date-time', maxLength: 40 })
export const EventResource = Reference
