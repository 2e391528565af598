import type { FastifyInstance } from 'fastify'
import { requireKey, requireScope } from '../plugins/authentication.ts'

/** Prometheus' text format. It tells models and spending, so it needs a key of scope `admin`. */
export default async function metrics (app: FastifyInstance): Promise<void> {
  requireKey(app, app.authenticate)
  app.get('/metrics', { schema: { tags: ['Health'], summary: 'Metrics in the Prometheus format' } }, async (request, reply) => {
    requireScope(request, 'admin')
    const { metrics, readMetrics } = app.dependencies
    return await reply.type(metrics.contentType).send(await readMetrics())
  })
}
