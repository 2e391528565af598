import test from 'ava'
import OpenAI from 'openai'
import { createOpenAICompatible } from '../../../lib/providers/openai-compatible.ts'
import { encodeVectors } from '../../../lib/providers/openai/encode-vectors.ts'
import { providerAt, startUpstream } from './_upstream.ts'

const vectors = [[0.5, -0.25, 0.125, 1], [3, 1e-7, -2, 0]]
const usage = { prompt_tokens: 5, total_tokens: 5 }
const answer = (space?: number): string =>
  JSON.stringify({ object: 'list', data: vectors.map((embedding, index) => ({ object: 'embedding', embedding, index })), model: 'm', usage }, null, space)
const asked = { body: '{"model":"m","input":["a","b"],"encoding_format":"base64"}' }

test('the vectors of a server that does not know base64 reach OpenAI\'s SDK as they are', async t => {
  const upstream = await startUpstream((_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(answer(1)) })
  const provider = createOpenAICompatible(providerAt(upstream.url, { kind: 'ollama' }))
  // the provider between the SDK and that server, as the gateway puts it there
  const between = await startUpstream((_request, response, body) => {
    void provider.call({ endpoint: '/v1/embeddings', body, clientRequestId: 'r', timeout: 5_000, maxAnswerBytes: 1_000_000 }).then(called => {
      t.deepEqual(called.usage, { inputTokens: 5, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 })
      response.writeHead(200, { 'content-type': 'application/json' }).end(called.body)
    })
  })
  t.teardown(async () => { await Promise.all([between.close(), provider.close(), upstream.close()]) })
  const { data } = await new OpenAI({ apiKey: 'none', baseURL: `${between.url}/v1`, maxRetries: 0 }).embeddings.create({ model: 'm', input: ['a', 'b'] })
  t.deepEqual(data.map(({ embedding }) => embedding), vectors.map(vector => vector.map(Math.fround)))
})

test('an answer with vectors in base64 differs from the one with lists in nothing else', async t => {
  for (const space of [undefined, 2]) {
    const { data, ...rest } = JSON.parse(await encodeVectors(asked, answer(space))) as { data: { embedding: string }[] }
    t.deepEqual(rest as unknown, { object: 'list', model: 'm', usage })
    t.deepEqual(data.map(({ embedding }) => [...new Float32Array(Uint8Array.from(Buffer.from(embedding, 'base64')).buffer)]), vectors.map(vector => vector.map(Math.fround)))
  }
})

test('whether base64 was asked for is read of a large body that is only stood in for', async t => {
  t.regex(await encodeVectors({ body: '', parsed: { encoding_format: 'base64' } }, answer()), /"embedding":"/)
})

const untouched: ReadonlyArray<readonly [title: string, request: { body: string }, text: string]> = [
  ['lists that were asked for', { body: '{"model":"m","input":"a","encoding_format":"float"}' }, answer()],
  ['lists, when nothing was asked for', { body: '{"model":"m","input":"\\"encoding_format\\":\\"base64\\""}' }, answer()],
  ['base64 that the server gave', asked, '{"data":[{"embedding":"AAAA"}]}'],
  ['vectors of vectors', asked, '{"data":[{"embedding":[[1,2],[3,4]]}]}'],
  ['lists of no numbers', asked, '{"data":[{"embedding":[1,"2"]}]}'],
  ['what is no JSON', asked, '{"data":[{"embedding":[1,,2]}]}']
]
for (const [title, request, text] of untouched) {
  test(`an answer of embeddings stays as it is with ${title}`, async t => {
    t.is(await encodeVectors(request, text), text)
  })
}

test('a large answer is encoded piece by piece, so that other work goes on', async t => {
  const vector = Array.from({ length: 3072 }, (_, index) => Math.fround(Math.sin(index)))
  const text = JSON.stringify({ data: Array.from({ length: 200 }, () => ({ embedding: vector })) })
  let turns = 0
  const counting = setInterval(() => { turns += 1 }, 0)
  const encoded = await encodeVectors(asked, text)
  clearInterval(counting)
  t.true(text.length > 5_000_000)
  t.true(turns > 0)
  t.is(encoded.match(/"embedding":"/g)!.length, 200)
})
