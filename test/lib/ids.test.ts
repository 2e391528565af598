import test from 'ava'
import { batchRequestId, newId } from '../../lib/ids.ts'

test('ids carry their prefix and a version 7 UUID, and sort by the millisecond they were made in', async t => {
  const first = newId('batch')
  t.regex(first, /^batch_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
  await new Promise(resolve => setTimeout(resolve, 2))
  t.true(newId('batch') > first)
  t.regex(newId('file'), /^file-[0-9a-f]{32}$/)
})

test('a thousand ids made at once are all different', t => {
  t.is(new Set(Array.from({ length: 1_000 }, () => newId('event'))).size, 1_000)
})

test('the id of a batch request is a function of its place', t => {
  t.is(batchRequestId('batch_ab', 7), 'batch_req_ab_7')
})
