import test from 'ava'
import { decideGrant, fits, mayOverdraw } from '../../../lib/domain/budget-lease.ts'

test('a slice is what is needed and a part of the rest, and never more than is left', t => {
  t.is(decideGrant({ free: 800n, needed: 0n, settledBeyond: 0n }), 100n)
  t.is(decideGrant({ free: 900n, needed: 100n, settledBeyond: 0n }), 200n)
  t.is(decideGrant({ free: 90n, needed: 100n, settledBeyond: 0n }), 90n)
  t.is(decideGrant({ free: 0n, needed: 100n, settledBeyond: 0n }), 0n)
  t.is(decideGrant({ free: -50n, needed: 100n, settledBeyond: 0n }), 0n)
})

test('what was settled beyond the lease is granted even when nothing is left', t => {
  t.is(decideGrant({ free: -5n, needed: 10n, settledBeyond: 7n }), 7n)
  t.is(decideGrant({ free: 5n, needed: 10n, settledBeyond: 7n }), 7n)
  t.is(decideGrant({ free: 100n, needed: 10n, settledBeyond: 60n }), 60n + 10n + 3n)
})

test('one request at a time may go over, and only while something is left', t => {
  const money = { held: 10n, reserved: 4n, overdrawn: false }
  t.true(fits(money, 6n))
  t.false(fits(money, 7n))
  t.true(mayOverdraw(money))
  t.false(mayOverdraw({ ...money, overdrawn: true }))
  t.false(mayOverdraw({ ...money, reserved: 10n }))
})
