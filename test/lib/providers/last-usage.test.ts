import test from 'ava'
import { lastUsage } from '../../../lib/providers/openai/last-usage.ts'

const usage = { prompt_tokens: 8, total_tokens: 8, prompt_tokens_details: { cached_tokens: 2 } }
const data = Array.from({ length: 120_000 }, (_, index) => index / 7)
const answer = { object: 'list', data: [{ object: 'embedding', index: 0, embedding: data }], model: 'm', usage }

for (const [how, text] of [['on one line', JSON.stringify(answer)], ['over many', `\n${JSON.stringify(answer, null, 2)}\n`]] as const) {
  test(`usage at the end of a large answer ${how} is read without the rest`, t => {
    t.true(text.length > 1_000_000)
    t.deepEqual(lastUsage(text), { usage, tier: undefined })
  })
}

test('usage is read where the tier and the fingerprint follow it, as OpenAI writes them, and the tier with it', t => {
  for (const tier of ['default', 'flex']) {
    for (const indent of [0, 2]) t.deepEqual(lastUsage(JSON.stringify({ ...answer, service_tier: tier, system_fingerprint: 'fp_1' }, null, indent)), { usage, tier })
  }
  t.deepEqual(lastUsage(JSON.stringify({ ...answer, system_fingerprint: null })), { usage, tier: undefined })
})

const others: ReadonlyArray<readonly [string, string]> = [
  ['is small', JSON.stringify({ ...answer, data: [] })],
  ['goes on after the usage', JSON.stringify({ ...answer, more: 1 })],
  ['goes on after the usage with an object', JSON.stringify({ ...answer, more: { a: 1 } })],
  ['has its usage at the beginning', JSON.stringify({ usage, data, model: 'm' })],
  ['goes on after the tier', JSON.stringify({ ...answer, service_tier: 'flex', more: 1 })],
  ['has usage in something else', JSON.stringify({ ...answer, usage: undefined, last: { usage } })],
  ['has usage in something else, and a tier', JSON.stringify({ ...answer, usage: undefined, last: { usage }, service_tier: 'flex' })],
  ['has no usage', JSON.stringify({ ...answer, usage: undefined })],
  ['says null of it', JSON.stringify({ ...answer, usage: null })],
  ['speaks of it in a text', JSON.stringify({ ...answer, usage: undefined, text: 'say "usage":{"prompt_tokens":1}}' })],
  ['names a tier before, which has a price', JSON.stringify({ service_tier: 'flex', ...answer })],
  ['is an error', JSON.stringify({ error: { message: 'x' }, ...answer })],
  ['is a list', JSON.stringify([answer])],
  ['is an error at its end', JSON.stringify({ data, error: { message: 'x' }, usage })],
  ['is cut off', JSON.stringify(answer).slice(0, -1)]
]
for (const [what, text] of others) test(`an answer that ${what} has to be parsed`, t => { t.is(lastUsage(text), null) })
