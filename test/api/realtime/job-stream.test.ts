import { mock } from 'node:test'
import test from 'ava'
import type { JobFeed, JobListener } from '../../../api/realtime/job-feed.ts'
import { createJobStream } from '../../../api/realtime/job-stream.ts'
import type { JobRecord } from '../../../lib/contracts/jobs.ts'

const at = new Date('2026-01-01T00:00:00Z')
const job: JobRecord = {
  id: 'batch_1', kind: 'batch', organizationId: 'org', projectId: 'proj', apiKeyId: 'key', state: 'running', seq: 7,
  counts: { total: 10, succeeded: 0, failed: 0 }, usage: { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 },
  cost: 0n, unpriced: 0, rate: 0, error: null, metadata: null,
  createdAt: at, startedAt: at, cancelRequestedAt: null, finalizingAt: null, finishedAt: null, expiresAt: at
}

test.before(() => { mock.timers.enable({ apis: ['setInterval'] }) })
test.after.always(() => { mock.timers.reset() })

function fakeFeed (): { feed: JobFeed, tell: JobListener, readonly after: number, readonly subscribed: boolean } {
  let listener: JobListener = () => { throw new Error('nobody listens') }
  const state = {
    after: -1,
    subscribed: false,
    tell: (update: Parameters<JobListener>[0]) => listener(update),
    feed: {
      subscribe (_id: string, after: number, given: JobListener) {
        listener = given
        state.after = after
        state.subscribed = true
        return () => { state.subscribed = false }
      },
      close: async () => {}
    }
  }
  return state
}

const closed = async (stream: ReturnType<typeof createJobStream>): Promise<void> => new Promise(resolve => { stream.on('close', resolve) })

test.serial('a quiet stream carries a comment every 15 seconds', t => {
  const stream = createJobStream(fakeFeed().feed, job, 7)
  let text = ''
  stream.setEncoding('utf8').on('data', (part: string) => { text += part })
  stream.read()
  mock.timers.tick(14_999)
  t.false(text.includes(': still here'))
  mock.timers.tick(1)
  mock.timers.tick(15_000)
  t.is(text.split(': still here\n\n').length, 3)
  stream.destroy()
})

test.serial('a reader that takes nothing for a minute is given up, and its subscription with it', async t => {
  const world = fakeFeed()
  const stream = createJobStream(world.feed, job, 7)
  for (let minute = 0; minute < 3; minute++) {
    mock.timers.tick(15_000)
    t.false(stream.destroyed)
  }
  mock.timers.tick(15_000)
  t.true(stream.destroyed)
  await closed(stream)
  t.false(world.subscribed)
})

test.serial('while the reader does not take what was sent, the feed is asked to wait', async t => {
  const world = fakeFeed()
  const stream = createJobStream(world.feed, job, 0)
  t.is(world.after, 0)
  const event = { id: 'evt_1', job: job.id, seq: 7, type: 'batch.paused', data: { filler: 'x'.repeat(100_000) }, createdAt: at }
  let free = false
  const waiting = world.tell({ record: job, events: [event] })
  t.truthy(waiting)
  void waiting?.then(() => { free = true })
  await new Promise(resolve => { setImmediate(resolve) })
  t.false(free)
  stream.resume()
  await waiting
  t.true(free)
  t.is(world.tell({ record: { ...job, seq: 8 }, events: [] }), undefined)
  stream.destroy()
})

test.serial('a stream ends with its job, also when the job is deleted', async t => {
  for (const update of [{ record: { ...job, seq: 8, state: 'succeeded' as const }, events: [] }, null]) {
    const world = fakeFeed()
    const stream = createJobStream(world.feed, job, 7).resume()
    void world.tell(update)
    await closed(stream)
    t.false(world.subscribed)
    t.is(stream.errored, null)
  }
})
