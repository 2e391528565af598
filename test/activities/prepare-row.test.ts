import test from 'ava'
import { prepareRow } from '../../activities/batch/prepare-row.ts'

const prices = {
  alias: { provider: 'p', upstream: 'real-name', input: '1', cachedInput: null, output: '2' },
  same: { provider: 'p', upstream: 'same', input: null, cachedInput: null, output: null }
}

test('the provider is sent its own name for the model and everything else as it was', t => {
  const row = prepareRow({ line: 3, customId: 'c', model: 'alias', body: { model: 'alias', messages: [{ content: 'é' }], extra: null } }, prices, '/v1/chat/completions')
  t.deepEqual(JSON.parse(row.body), { model: 'real-name', messages: [{ content: 'é' }], extra: null })
  t.like(row, { line: 3, customId: 'c', model: 'alias' })
  t.is(prepareRow({ line: 1, customId: 'c', model: 'same', body: { model: 'same' } }, prices, '/v1/chat/completions').body, '{"model":"same"}')
})

for (const [body, tokens] of [
  [{}, 1_024],
  [{ max_tokens: 10 }, 10],
  [{ max_tokens: 10, max_completion_tokens: 20 }, 20],
  [{ max_output_tokens: 30 }, 30],
  [{ max_tokens: 10, n: 4 }, 40],
  [{ n: 2 }, 2_048],
  [{ max_tokens: 10, n: 2, best_of: 3, prompt: ['a', 'b'] }, 60],
  [{ max_tokens: -5, n: 'x' }, 1_024]
] as const) {
  test(`a request with ${JSON.stringify(body)} may answer with ${tokens} tokens`, t => {
    t.is(prepareRow({ line: 1, customId: 'c', model: 'same', body: { model: 'same', ...body } }, prices, '/v1/chat/completions').outputTokens, tokens)
  })
}

test('a request for embeddings answers with no tokens that are paid for', t => {
  t.is(prepareRow({ line: 1, customId: 'c', model: 'same', body: { model: 'same', input: 'é' } }, prices, '/v1/embeddings').outputTokens, 0)
})
