import test from 'ava'
import { decideLease, fairShares } from '../../../lib/domain/share.ts'
import { seeded } from '../_seeded.ts'

test('slots are divided so that small wants are met and the rest is even', t => {
  t.deepEqual(fairShares(256, [2000, 10], 0), [246, 10])
  t.deepEqual(fairShares(256, [2000, 2000], 0), [128, 128])
  t.deepEqual(fairShares(10, [100, 1, 4, 0], 0), [5, 1, 4, 0])
  t.deepEqual(fairShares(256, [3, 5], 0), [3, 5])
  t.deepEqual(fairShares(256, [], 0), [])
})

test('with more workers than slots each has one in turn', t => {
  const turns = [0, 1, 2].map(turn => fairShares(2, [9, 9, 9], turn))
  t.deepEqual(turns, [[1, 1, 0], [0, 1, 1], [1, 0, 1]])
})

test('any division gives out all that is wanted or all there is, fairly', t => {
  const random = seeded(3)
  for (let round = 0; round < 3000; round++) {
    const limit = Math.floor(random() * 300)
    const wants = Array.from({ length: 1 + Math.floor(random() * 6) }, () => Math.floor(random() * 200))
    const shares = fairShares(limit, wants, Math.floor(random() * 1000))
    const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0)
    t.is(sum(shares), Math.min(limit, sum(wants)))
    for (const [index, share] of shares.entries()) {
      if (share > wants[index]!) t.fail('more than wanted')
      // who is left wanting has no less than anyone else, but for what does not divide
      if (share < wants[index]! && Math.max(...shares) > share + 1) t.fail('less than another')
    }
  }
})

test('a worker grows only into what the others leave free', t => {
  const decision = decideLease({ limit: 10, mine: { slots: 0, wanted: 8 }, others: [{ slots: 7, wanted: 9 }], position: 1, turn: 0 })
  t.deepEqual(decision, { recorded: 3, usable: 3, target: 5 })
})

test('a worker with more than its share keeps its calls but starts none', t => {
  const decision = decideLease({ limit: 10, mine: { slots: 9, wanted: 9 }, others: [{ slots: 1, wanted: 8 }], position: 0, turn: 0 })
  t.deepEqual(decision, { recorded: 9, usable: 5, target: 5 })
})

test('a worker whose lease was lost records no more than is free', t => {
  const decision = decideLease({ limit: 10, mine: { slots: 9, wanted: 9 }, others: [{ slots: 6, wanted: 6 }], position: 0, turn: 0 })
  t.deepEqual(decision, { recorded: 4, usable: 4, target: 5 })
})
