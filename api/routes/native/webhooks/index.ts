import type { FastifyInstance } from 'fastify'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import deliveries from './deliveries.ts'
import control from './endpoint-control.ts'
import endpoints from './endpoints.ts'
import events from './events.ts'
import replay from './replay.ts'
import tests from './test-endpoint.ts'

/** Events and the endpoints they are sent to, under /api/v1. */
export default async function webhooks (app: FastifyInstance): Promise<void> {
  requireScopeOf(app, 'webhooks')
  for (const routes of [endpoints, control, deliveries, tests, events, replay]) await app.register(routes)
}
