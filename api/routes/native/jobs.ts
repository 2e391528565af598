import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { jobKinds, type Caller, type JobRecord } from '../../../lib/contracts/jobs.ts'
import { isTerminal, jobStates } from '../../../lib/domain/job-state.ts'
import { SiraError } from '../../../lib/errors.ts'
import { listJobs, readJob } from '../../../lib/store/jobs.ts'
import { cancelBatch } from '../../core/batches.ts'
import { anyJobScope, jobScopes, visibleKinds } from '../../core/job-scopes.ts'
import { cancelReplay } from '../../core/replays.ts'
import { requireScope } from '../../plugins/authentication.ts'
import { createJobStream } from '../../realtime/job-stream.ts'
import { createOpenStreams } from '../../realtime/open-streams.ts'
import { OneOf } from '../../schemas.ts'
import { Job, serializeJob } from '../../serialize-job.ts'

const tags = ['Jobs']
const JobId = Type.Object({ id: Type.String({ maxLength: 200 }) })
const Seq = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

const ListQuery = Type.Object({
  kind: Type.Optional(OneOf(jobKinds)),
  state: Type.Optional(OneOf(jobStates)),
  after: Type.Optional(Type.String({ maxLength: 200, description: 'the id of the last job seen' })),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  order: Type.Unsafe<'asc' | 'desc'>({ type: 'string', enum: ['asc', 'desc'], default: 'desc', description: 'by creation' })
})
const JobList = Type.Object({ data: Type.Array(Job), last_id: Type.Union([Type.String(), Type.Null()]), has_more: Type.Boolean() })

const cancels = { batch: cancelBatch, webhook_replay: cancelReplay } as const

/** Jobs of every kind: list, look at, follow, cancel. */
const jobs: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app
  const { pool, config, jobFeed } = dependencies
  const streams = createOpenStreams(app)

  app.addHook('onRequest', (request, _reply, done) => {
    requireScope(request, anyJobScope(request.caller))
    done()
  })

  async function find (caller: Caller, id: string): Promise<JobRecord> {
    const job = await readJob(pool, caller, id)
    if (job === null) throw new SiraError('not_found', { resource: 'job', id })
    requireScope({ caller }, jobScopes[job.kind])
    return job
  }

  app.get('/jobs', { schema: { tags, summary: 'List jobs', querystring: ListQuery, response: { 200: JobList } } }, async ({ query, caller }) => {
    if (query.after !== undefined && await readJob(pool, caller, query.after) === null) {
      throw new SiraError('invalid_parameter', { param: 'after', reason: 'there is no such job in this project.' })
    }
    if (query.kind !== undefined) requireScope({ caller }, jobScopes[query.kind])
    const page = await listJobs(pool, caller, { ...query, kinds: query.kind === undefined ? visibleKinds(caller) : [query.kind] })
    return { data: page.jobs.map(job => serializeJob(job, caller, config)), last_id: page.jobs.at(-1)?.id ?? null, has_more: page.hasMore }
  })

  app.get('/jobs/:id', { schema: { tags, summary: 'Get a job', params: JobId, response: { 200: Job } } },
    async ({ params, caller }) => serializeJob(await find(caller, params.id), caller, config))

  app.post('/jobs/:id/cancel', { schema: { tags, summary: 'Cancel a job of any kind', params: JobId, response: { 200: Job } } }, async ({ params, caller }) => {
    const job = await find(caller, params.id)
    return serializeJob(await cancels[job.kind](dependencies, caller, job.id), caller, config)
  })

  app.get('/jobs/:id/events', {
    exposeHeadRoute: false, // it would open a stream that nobody reads
    schema: {
      tags,
      summary: 'Follow a job by server-sent events',
      description: 'Sends the missed events, then progress, then both as they happen, and ends with the job. Resumes behind Last-Event-ID or `after`.',
      params: JobId,
      querystring: Type.Object({ after: Type.Optional(Seq) }),
      headers: Type.Object({ 'last-event-id': Type.Optional(Seq) }),
      response: {
        200: { description: 'events named by their type, and `progress`; ids are seqs', content: { 'text/event-stream': { schema: Type.String() } } },
        204: Type.Null({ description: 'the job has ended and everything has been told' })
      }
    }
  }, async (request, reply) => {
    const after = request.headers['last-event-id'] ?? request.query.after
    const job = await find(request.caller, request.params.id)
    // tells an EventSource to stop: it connects again after every end
    if (after !== undefined && after >= job.seq && isTerminal(job.state)) return await reply.code(204).send(null)
    return await streams.send(request, reply, jobScopes[job.kind], () => createJobStream(jobFeed, job, after ?? 0))
  })
}

export default jobs
