import test from 'ava'
import { readEventRanges, readEventsAfter } from '../../../lib/store/events.ts'
import { transitionJob } from '../../../lib/store/jobs.ts'
import { addCaller, addJob, openDatabase } from './_job-fixture.ts'

test('events are read behind a seq, oldest first, up to a limit', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  for (const to of ['running', 'paused', 'running', 'finalizing'] as const) await transitionJob(pool, { id, to })
  t.deepEqual((await readEventsAfter(pool, id, 2, 2)).map(event => event.seq), [3, 4])
  const [created] = await readEventsAfter(pool, id, 0, 1)
  t.like(created, { job: id, seq: 1, type: 'batch.created', data: {} })
  t.regex(created!.id, /^evt_[0-9a-f]{32}$/)
  t.true(created!.createdAt instanceof Date)
})

test('stretches of several resources are read at once, each with its own bounds and limit', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const [first, second, unread] = await Promise.all([addJob(pool, caller), addJob(pool, caller), addJob(pool, caller)]) as [string, string, string]
  for (const id of [first, second, unread]) for (const to of ['running', 'paused', 'running'] as const) await transitionJob(pool, { id, to })
  const found = await readEventRanges(pool, [{ id: first, after: 1, upTo: 3 }, { id: second, after: 0, upTo: 4 }, { id: 'batch_none', after: 0, upTo: 9 }], 3)
  t.deepEqual([...found].map(([id, events]) => [id, events.map(event => event.seq)]), [[first, [2, 3]], [second, [1, 2, 3]], ['batch_none', []]])
})
