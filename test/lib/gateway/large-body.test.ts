import test from 'ava'
import { inspectLarge, renderLarge } from '../../../lib/gateway/large-body/index.ts'
import { toBytes } from '../../../lib/gateway/large-body/json-bytes.ts'

const messages = Array.from({ length: 60_000 }, (_, index) => ({ role: 'user', content: `This is message ${index}, which says as little as all the others do. `.repeat(3) }))
const bytes = toBytes(JSON.stringify({ model: 'm', messages, user: 'ann' }))
const text = { bytes }
const { length } = bytes

/** ms for which the event loop was held up longest while `work` ran; the least of five runs, as other programs hold it up too. */
async function longestHold (work: () => Promise<unknown>): Promise<number> {
  let least = Infinity
  for (let run = 0; run < 5; run++) {
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 1)
    await work()
    longest = Math.max(longest, performance.now() - last)
    clearInterval(timer)
    least = Math.min(least, longest)
  }
  return least
}

test.serial('a body of 14 MB is checked, measured and written for a provider without holding up the event loop for 50 ms', async t => {
  t.true(length > 12_000_000)
  await inspectLarge(text, '/v1/chat/completions') // the thread starts
  const inspecting = await longestHold(async () => await inspectLarge(text, '/v1/chat/completions'))
  const { small, ...known } = await inspectLarge(text, '/v1/chat/completions')
  const rendering = await longestHold(async () => await renderLarge({ text, ...known }, {
    small, endpoint: '/v1/chat/completions', native: true, kind: 'anthropic', upstream: 'u', unsupported: 'refuse'
  }))
  t.log(`inspect ${inspecting.toFixed(1)} ms, render ${rendering.toFixed(1)} ms`)
  t.true(inspecting < 50, `${inspecting}`)
  t.true(rendering < 50, `${rendering}`)
})

test.serial('the small fields of a large body may change on the way, its bulk stays as it came', async t => {
  const { small, ...known } = await inspectLarge(text, '/v1/chat/completions')
  t.deepEqual(small, { model: 'm', messages: [{ role: 'user', content: '.' }], user: 'ann' })
  t.true(Math.abs(known.input.most - length / 4) < 2)
  const { wire } = await renderLarge({ text, ...known }, { small: { ...small, seed: 7 }, endpoint: '/v1/chat/completions', native: true, kind: 'openai', upstream: 'u', unsupported: 'refuse' })
  const body = JSON.parse(Buffer.from(wire).toString()) as { model: string, seed: number, messages: unknown[] }
  t.is(body.model, 'u')
  t.is(body.seed, 7)
  t.is(JSON.stringify(body.messages), JSON.stringify(messages))
})
