import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import type { OutboxEntry } from '../../../../lib/store/outbox.ts'
import { deliver } from '../../../core/batches.ts'
import { acceptReplay } from '../../../core/replays.ts'
import { createOnce } from '../../../plugins/idempotency.ts'
import { Job, serializeJob } from '../../../serialize-job.ts'
import { Id, invalid } from '../admin/common.ts'
import { checkPatterns, EventPatterns, QueryTime } from './event-schemas.ts'

const NewReplay = Type.Object({
  since: QueryTime,
  until: Type.Optional({ ...QueryTime, description: 'not included; now, if left out' }),
  only_failed: Type.Boolean({ default: false, description: 'only what was given up, or missed while the endpoint was disabled' }),
  event_types: Type.Optional(EventPatterns)
}, { additionalProperties: false })

/** Delivers a range of events to one endpoint again, as a job. */
const replay: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app

  app.post('/webhooks/:id/replay', {
    schema: { tags: ['Webhooks'], summary: 'Deliver events of the last 30 days again, as a job', params: Id, body: NewReplay, response: { 202: Job } }
  }, async (request, reply) => {
    const { caller, params: { id }, body } = request
    checkPatterns('event_types', body.event_types)
    const range = {
      endpointId: id,
      since: timeOf('since', body.since),
      until: body.until === undefined ? new Date() : timeOf('until', body.until),
      onlyFailed: body.only_failed,
      eventTypes: body.event_types ?? null
    }
    let start: OutboxEntry | undefined
    const answer = await createOnce(dependencies.pool, request, reply, async client => {
      const accepted = await acceptReplay(client, caller, range)
      start = accepted.start
      const job = serializeJob(accepted.job, caller, dependencies.config)
      return { status: 202, headers: { location: job.status_url, 'retry-after': '1' }, body: JSON.stringify(job) }
    })
    if (start !== undefined) await deliver(dependencies, start, request.log)
    return JSON.parse(answer.body) as Static<typeof Job>
  })
}

function timeOf (param: string, text: string): Date {
  const time = new Date(text)
  if (Number.isNaN(time.getTime())) throw invalid(param, 'there is no such time.') // a leap second fits the format
  return time
}

export default replay
