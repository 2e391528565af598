import test from 'ava'
import { call, startTestApi, type TestApi } from '../support/api.ts'

let api: TestApi
test.before(async () => {
  api = await startTestApi()
  // the threads are started with the first large body
  await call(api, 'POST', '/v1/chat/completions', { body: chat('sim-instant', 2) })
})
test.after.always(async () => { await api.close() })

/** A chat request of `megabytes`, most of it plain text. */
function chat (model: string, megabytes: number, fields: object = {}): object {
  const text = 'All work and no play makes a dull day. '.repeat(Math.ceil(megabytes * 1024 * 1024 / 39))
  return { model, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: text }], ...fields }
}

for (const model of ['sim-instant', 'sim-claude', 'sim-gemini']) {
  test.serial(`a prompt of 3 MB reaches ${model} whole, and is answered whole and streamed`, async t => {
    const whole = await call(api, 'POST', '/v1/chat/completions', { body: chat(model, 3) })
    t.is(whole.status, 200, whole.text.slice(0, 300))
    // the simulator counts what it got: four characters a token
    t.true(whole.body.usage.prompt_tokens > 3 * 1024 * 1024 / 4)
    const streamed = await call(api, 'POST', '/v1/chat/completions', { body: chat(model, 3, { stream: true, stream_options: { include_usage: true } }) })
    t.regex(streamed.text, /"choices":\[\],"usage":\{"prompt_tokens":7\d{5}/)
    t.regex(streamed.text, /data: \[DONE\]\n\n$/)
  })
}

test.serial('what is wrong with a large body is told as of a small one', async t => {
  const refusal = async (body: unknown): Promise<{ status: number, code: string, param: string | null }> => {
    const { status, body: { error } } = await call(api, 'POST', '/v1/chat/completions', { body })
    return { status, code: error.code, param: error.param }
  }
  const text = JSON.stringify(chat('sim-instant', 2))
  t.like(await refusal(text.slice(0, -1)), { status: 400, code: 'invalid_json' })
  t.like(await refusal({ ...chat('sim-instant', 2), messages: [{ role: 'nobody', content: 'x'.repeat(2 ** 21) }] }), { status: 400, code: 'invalid_parameter' })
  t.like(await refusal({ ...chat('sim-instant', 2), temperature: 9 }), { status: 400, code: 'invalid_parameter', param: 'temperature' })
  t.like(await refusal(chat('none', 2)), { status: 404, code: 'model_not_found' })
  const tools = Array.from({ length: 10_000 }, (_, index) => ({ type: 'function', function: { name: `tool_${index}`, description: 'x'.repeat(200) } }))
  t.like(await refusal({ ...chat('sim-instant', 0), tools }), { status: 400, code: 'invalid_parameter', param: 'tools' })
  t.is(api.simulator.calls({}).filter(entry => entry.outcome === 'refused').length, 0)
})

test.serial('a stored response of 3 MB is kept whole, read, listed, and continued by a small one that is as large with it', async t => {
  const text = 'All work and no play makes a dull day. '.repeat(80_000)
  const first = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: [{ role: 'user', content: text }, { role: 'user', content: 'And now?' }], metadata: { a: 'b' } } })
  t.is(first.status, 200, first.text.slice(0, 300))
  t.like(first.body, { status: 'completed', store: true, metadata: { a: 'b' } })
  t.true(first.body.usage.input_tokens > text.length / 4)
  const { id } = first.body as { id: string }

  const read = await call(api, 'GET', `/v1/responses/${id}`)
  t.deepEqual(read.body, first.body)
  const listed = await call(api, 'GET', `/v1/responses/${id}/input_items?order=asc`)
  t.deepEqual(listed.body.data.map((item: { content: Array<{ text: string }> }) => item.content[0]!.text), [text, 'And now?'])
  const after = await call(api, 'GET', `/v1/responses/${id}/input_items?order=asc&limit=1&after=${listed.body.data[0].id}`)
  t.like(after.body, { first_id: listed.body.data[1].id, has_more: false })

  for (const model of ['sim-instant', 'sim-claude']) {
    for (const stream of [false, true]) {
      const next = await call(api, 'POST', '/v1/responses', { body: { model, input: 'Go on', previous_response_id: id, stream } })
      t.is(next.status, 200, next.text.slice(0, 300))
      const response = stream ? JSON.parse(/event: response.completed\ndata: (.*)/.exec(next.text)![1]!).response : next.body
      t.true(response.usage.input_tokens > text.length / 4, 'the provider got what went before')
      t.is(response.previous_response_id, id)
      const items = await call(api, 'GET', `/v1/responses/${response.id as string}/input_items`)
      t.is(items.body.data.length, 1, 'of its own it has one')
      await call(api, 'DELETE', `/v1/responses/${response.id as string}`)
    }
  }
  const named = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: [{ type: 'item_reference', id: listed.body.data[0].id }, { role: 'user', content: 'Again' }] } })
  t.true(named.body.usage.input_tokens > text.length / 4, 'an item named by its id is sent')
  t.is((await call(api, 'DELETE', `/v1/responses/${id}`)).status, 200)
  t.like((await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: [{ role: 'user', content: text }], previous_response_id: id } })), { status: 404, body: { error: { code: 'not_found', param: 'previous_response_id' } } })
})

test.serial('large messages, completions, embeddings and moderations reach their provider whole', async t => {
  const text = 'All work and no play makes a dull day. '.repeat(40_000)
  const least = text.length / 4 // tokens
  const message = await call(api, 'POST', '/v1/messages', { body: { model: 'sim-claude', max_tokens: 50, messages: [{ role: 'user', content: text }] } })
  t.true(message.body.usage.input_tokens >= least, message.text.slice(0, 300))
  const translated = await call(api, 'POST', '/v1/messages', { body: { model: 'sim-gemini', max_tokens: 50, messages: [{ role: 'user', content: text }] } })
  t.true(translated.body.usage.input_tokens >= least, translated.text.slice(0, 300))
  const completion = await call(api, 'POST', '/v1/completions', { body: { model: 'sim-instant', prompt: text, max_tokens: 50 } })
  t.true(completion.body.usage.prompt_tokens >= least, completion.text.slice(0, 300))
  const texts = Array.from({ length: 40 }, (_, place) => `${place} ${text.slice(0, 39_000)}`)
  const embedding = await call(api, 'POST', '/v1/embeddings', { body: { model: 'sim-embed', input: texts } })
  t.is(embedding.body.data.length, texts.length)
  t.true(embedding.body.usage.prompt_tokens > least * 0.9, 'the provider counted all of them')
  const alone = await call(api, 'POST', '/v1/embeddings', { body: { model: 'sim-embed', input: texts[7] } })
  t.deepEqual(embedding.body.data[7].embedding, alone.body.data[0].embedding)
  const verdicts = await call(api, 'POST', '/v1/moderations', { body: { model: 'sim-moderation', input: texts } })
  t.is(verdicts.body.results.length, texts.length)
})
