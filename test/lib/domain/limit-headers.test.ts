import test from 'ava'
import { headerObject } from '../../../lib/domain/header-list.ts'
import { limitHeaders } from '../../../lib/domain/limit-headers.ts'
import { fairPart, keepOfRate } from '../../../lib/domain/limit-slices.ts'

test('a whole minute is written 1m0s in one family and 60 in the other, and no limits give no headers', t => {
  t.deepEqual(headerObject(limitHeaders({ limit: 600, remaining: 599 }, null, 60)), {
    'x-ratelimit-limit-requests': '600',
    'x-ratelimit-remaining-requests': '599',
    'x-ratelimit-reset-requests': '1m0s',
    'ratelimit-policy': '"requests";q=600;w=60',
    ratelimit: '"requests";r=599;t=60'
  })
  t.deepEqual(limitHeaders(null, null, 6), [])
})

test('a process keeps what a steady load needs and next to nothing without one', t => {
  t.is(keepOfRate({ limit: 600, left: 40, recent: 30 }), 40)
  t.is(keepOfRate({ limit: 600, left: 70, recent: 30 }), 30)
  t.is(keepOfRate({ limit: 600, left: 70, recent: 0 }), 1)
  t.is(keepOfRate({ limit: 5, left: 1, recent: 0 }), 0)
  t.is(fairPart(5, 2), 2)
})
