import test from 'ava'
import { chooseTarget } from '../../../lib/domain/choose-target.ts'

const targets = [{ url: 'a', weight: 1 }, { url: 'b', weight: 3 }]
const deliveries = Array.from({ length: 4_000 }, (_, index) => `whd_${index.toString(16).padStart(32, '0')}`)

test('targets get their share of the deliveries', t => {
  const toB = deliveries.filter(id => chooseTarget(targets, [], id, 0) === 'b').length
  t.true(toB > 0.72 * deliveries.length && toB < 0.78 * deliveries.length, `${toB}`)
})

test('the choice is the same each time, and another one in another round', t => {
  for (const id of deliveries.slice(0, 100)) t.is(chooseTarget(targets, [], id, 2), chooseTarget(targets, [], id, 2))
  t.true(deliveries.some(id => chooseTarget(targets, [], id, 0) !== chooseTarget(targets, [], id, 1)))
})

test('a target that failed in this round is not chosen while another is left', t => {
  for (const id of deliveries.slice(0, 100)) t.is(chooseTarget(targets, ['b'], id, 0), 'a')
  t.true(['a', 'b'].includes(chooseTarget(targets, ['a', 'b'], deliveries[0]!, 0)))
})
