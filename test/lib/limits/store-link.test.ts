import test from 'ava'
import { createStoreLink } from '../../../lib/limits/store-link.ts'
import { silentLog as log } from '../../support/pool.ts'

const refused = async (): Promise<never> => { throw new Error('refused') }

test('nothing is asked while a question that was given up may still reach the store', async t => {
  let now = 0
  const link = createStoreLink(log, () => now)
  t.is(await link.ask(refused), null, 'so that the next one has a short deadline')
  let answer: (value: string) => void = () => {}
  t.is(await link.ask(async () => await new Promise<string>(resolve => { answer = resolve })), null)
  now = 5_000 // long after the pause
  t.true(link.isCut())
  let asked = false
  t.is(await link.ask(async () => { asked = true }), null)
  t.false(asked)
  answer('late')
  await new Promise(setImmediate)
  t.false(link.isCut())
  t.is(await link.ask(async () => 'in time'), 'in time')
})

test('a question that never ends holds the link up for ten seconds', async t => {
  let now = 0
  const link = createStoreLink(log, () => now)
  await link.ask(refused)
  t.is(await link.ask(async () => await new Promise<string>(() => {})), null)
  now = 9_999
  t.true(link.isCut())
  now = 10_001
  t.false(link.isCut())
  t.is(await link.ask(async () => 'again'), 'again')
})

test('a store that takes two seconds on a busy machine is not away', async t => {
  const link = createStoreLink(log)
  t.is(await link.ask(async () => await new Promise<string>(resolve => { setTimeout(resolve, 2_000, 'slow') })), 'slow')
  t.false(link.isCut())
})

test('a store that refuses is left alone for half a second', async t => {
  let now = 0
  const link = createStoreLink(log, () => now)
  t.is(await link.ask(refused), null)
  now = 499
  t.true(link.isCut())
  now = 501
  t.false(link.isCut())
})
