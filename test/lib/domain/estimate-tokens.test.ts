import test from 'ava'
import { boundOutput, estimateInputTokens, estimateReceived, receive } from '../../../lib/domain/estimate-tokens.ts'

test('the estimate of a prompt is a quarter of its characters, and an image in it counts as an image', t => {
  t.is(estimateInputTokens('x'.repeat(400)), 100)
  const image = JSON.stringify({ url: `data:image/png;base64,${'A'.repeat(1_000_000)}` })
  t.true(estimateInputTokens(image) < 1_700)
  t.true(estimateInputTokens(image + image) > 3_200)
  t.is(estimateInputTokens('";base64,never closed'), 6)
})

test('the output of a request is bounded by what it asks, then by the model, for every answer it wants', t => {
  t.deepEqual(boundOutput('/v1/chat/completions', { max_tokens: 10, n: 3 }, 500), { expected: 30, most: 30 })
  t.deepEqual(boundOutput('/v1/chat/completions', { max_completion_tokens: 5_000 }, null), { expected: 1_024, most: 5_000 })
  t.deepEqual(boundOutput('/v1/chat/completions', {}, 300), { expected: 300, most: 300 })
  t.deepEqual(boundOutput('/v1/chat/completions', { max_tokens: -1, n: Infinity }, null), { expected: 1_024, most: 8_192 })
  for (const endpoint of ['/v1/embeddings', '/v1/moderations']) t.deepEqual(boundOutput(endpoint, {}, 300), { expected: 0, most: 0 })
})

test('a cut stream is estimated by its events, and by its text where events carry more than a token', t => {
  const received = { events: 0, characters: 0, least: Infinity }
  t.is(estimateReceived(received), 0)
  for (const text of ['ab', 'abcd', 'ab']) receive(received, `{"frame":"${text}"}`)
  t.is(estimateReceived(received), 3)
  receive(received, `{"frame":"${'x'.repeat(402)}"}`)
  t.is(estimateReceived(received), 101)
})
