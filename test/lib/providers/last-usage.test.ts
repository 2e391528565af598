import test from 'ava'
import { lastUsage } from '../../../lib/providers/openai/last-usage.ts'

const usage = { prompt_tokens: 8, total_tokens: 8, prompt_tokens_details: { cached_tokens: 2 } }
const data = Array.from({ length: 120_000 }, (_, index) => index / 7)
const answer = { object: 'list', data: [{ object: 'embedding', index: 0, embedding: data }], model: 'm', usage }

for (const [how, text] of [['on one line', JSON.stringify(answer)], ['over many', `\n${JSON.stringify(answer, null, 2)}\n`]] as const) {
  test(`usage at the end of a large answer ${how} is read without the rest`, t => {
    t.true(text.length > 1_000_000)
    t.deepEqual(lastUsage(text), usage)
  })
}

const others: ReadonlyArray<readonly [string, string]> = [
  ['is small', JSON.stringify({ ...answer, data: [] })],
  ['goes on after the usage', JSON.stringify({ ...answer, more: 1 })],
  ['goes on after the usage with an object', JSON.stringify({ ...answer, more: { a: 1 } })],
  ['has its usage at the beginning', JSON.stringify({ usage, data, model: 'm' })],
  ['has usage in something else', JSON.stringify({ ...answer, usage: undefined, last: { usage } })],
  ['has no usage', JSON.stringify({ ...answer, usage: undefined })],
  ['says null of it', JSON.stringify({ ...answer, usage: null })],
  ['speaks of it in a text', JSON.stringify({ ...answer, usage: undefined, text: 'say "usage":{"prompt_tokens":1}}' })],
  ['names a tier, which has a price', JSON.stringify({ service_tier: 'flex', ...answer })],
  ['is an error', JSON.stringify({ error: { message: 'x' }, ...answer })],
  ['is a list', JSON.stringify([answer])],
  ['is cut off', JSON.stringify(answer).slice(0, -1)]
]
for (const [what, text] of others) test(`an answer that ${what} has to be parsed`, t => { t.is(lastUsage(text), null) })
