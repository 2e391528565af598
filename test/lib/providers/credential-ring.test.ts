import test from 'ava'
import { createCredentialRing } from '../../../lib/providers/credential-ring.ts'
import type { CredentialRing } from '../../../lib/providers/credential-ring.ts'

const credentials = ['a', 'b', 'c'].map(id => ({ id, secret: `secret-of-${id}` }))

/** A ring whose clock the test moves. */
function ringOf (use: 'spread' | 'first', count = 3): { ring: CredentialRing, clock: { now: number }, take: (times: number) => string } {
  const clock = { now: 1_000 }
  const ring = createCredentialRing(credentials.slice(0, count), use, () => clock.now)
  return { ring, clock, take: times => Array.from({ length: times }, () => ring.take()!.credential.id).join('') }
}

/** Takes until it is that credential's turn, and has it refused a moment later. */
function refuse ({ ring, clock }: ReturnType<typeof ringOf>, id: string): boolean {
  for (let turn = 0; turn < 10; turn++) {
    const lent = ring.take()!
    if (lent.credential.id !== id) continue
    clock.now += 1
    return ring.refused(lent)
  }
  throw new Error(`${id} was never given`)
}

test('spread gives credentials in turn, first the first, and none none', t => {
  t.is(ringOf('spread').take(7), 'abcabca')
  t.is(ringOf('first').take(3), 'aaa')
  t.is(createCredentialRing([], 'spread').take(), null)
})

test('a refused credential rests for 30 s, doubled with each refusal up to 30 min', t => {
  const set = ringOf('first')
  for (const rest of [30_000, 60_000, 120_000, 240_000, 480_000, 960_000, 1_800_000, 1_800_000]) {
    t.true(refuse(set, 'a'))
    set.clock.now += rest - 1
    t.is(set.take(1), 'b', `${rest} ms are not over`)
    set.clock.now += 1
    t.is(set.take(1), 'a', `${rest} ms are over`)
  }
})

test('a success forgets what was held against a credential', t => {
  const set = ringOf('first')
  refuse(set, 'a')
  set.clock.now += 30_000
  const lent = set.ring.take()!
  t.is(lent.credential.id, 'a')
  set.ring.worked(lent)
  refuse(set, 'a')
  set.clock.now += 30_000
  t.is(set.take(1), 'a', 'it rested as if for the first time')
})

test('calls in flight together that are refused together count once', t => {
  const { ring, clock, take } = ringOf('first')
  const lent = Array.from({ length: 20 }, () => ring.take()!)
  clock.now += 1
  for (const each of lent) ring.refused(each)
  clock.now += 30_000
  t.is(take(1), 'a')
})

test('a call from before the refusal that succeeds ends no rest', t => {
  const { ring, clock, take } = ringOf('first')
  const [early, refused] = [ring.take()!, ring.take()!]
  clock.now += 1
  ring.refused(refused)
  ring.worked(early)
  t.is(take(1), 'b')
})

test('spread goes round those that rest', t => {
  const set = ringOf('spread')
  refuse(set, 'b')
  t.is(set.take(4), 'caca')
})

test('when all rest, the one whose rest ends first is given, and none is fit', t => {
  for (const use of ['spread', 'first'] as const) {
    const set = ringOf(use)
    t.true(refuse(set, use === 'first' ? 'a' : 'b'))
    set.clock.now += 1_000
    t.true(refuse(set, use === 'first' ? 'b' : 'a'))
    t.false(refuse(set, 'c'))
    t.is(set.take(2), use === 'first' ? 'aa' : 'bb')
  }
  const alone = ringOf('spread', 1)
  t.false(refuse(alone, 'a'))
  t.is(alone.take(2), 'aa')
})
