import test from 'ava'
import OpenAI from 'openai'
import { clientOf, errorOf, post, simulatorFor } from './helpers.ts'

const messages = [{ role: 'user' as const, content: 'Name a river, please.' }]

test('simulator: chat answers the OpenAI SDK with a text that says it is simulated and with usage', async t => {
  const simulator = await simulatorFor(t)
  const { data, response } = await clientOf(simulator).chat.completions.create({ model: 'sim-fast', messages }).withResponse()
  t.is(data.object, 'chat.completion')
  t.is(data.model, 'sim-fast')
  t.is(response.headers.get('x-simulated'), 'true')
  t.is(response.headers.get('x-request-id'), simulator.calls()[0]!.request_id)
  const choice = data.choices[0]!
  t.true(choice.message.content!.startsWith('Simulated answer '))
  t.is(choice.finish_reason, 'stop')
  t.is(data.usage!.prompt_tokens, 3 + Math.ceil(messages[0]!.content.length / 4))
  t.is(data.usage!.completion_tokens, Math.ceil(choice.message.content!.length / 4))
  t.is(data.usage!.total_tokens, data.usage!.prompt_tokens + data.usage!.completion_tokens)
  t.is(data.usage!.prompt_tokens_details!.cached_tokens, 0)
})

test('simulator: chat honours n, max_completion_tokens and response_format', async t => {
  const client = clientOf(await simulatorFor(t))
  const several = await client.chat.completions.create({ model: 'sim-fast', messages, n: 3, max_completion_tokens: 5 })
  t.deepEqual(several.choices.map(choice => choice.index), [0, 1, 2])
  t.true(several.choices.every(choice => choice.message.content!.length === 20 && choice.finish_reason === 'length'))
  t.is(several.usage!.completion_tokens, 15)
  const json = await client.chat.completions.create({ model: 'sim-fast', messages, response_format: { type: 'json_object' } })
  t.like(JSON.parse(json.choices[0]!.message.content!), { simulated: true })
})

test('simulator: sim-reasoning bills reasoning as output and half of the prompt as cached', async t => {
  const client = clientOf(await simulatorFor(t))
  const { choices, usage } = await client.chat.completions.create({ model: 'sim-reasoning', messages })
  const reasoning = usage!.completion_tokens_details!.reasoning_tokens!
  t.true(reasoning >= 32 && reasoning <= 256)
  t.is(usage!.completion_tokens, reasoning + Math.ceil(choices[0]!.message.content!.length / 4))
  t.is(usage!.prompt_tokens_details!.cached_tokens, Math.floor(usage!.prompt_tokens / 2))
})

test('simulator: a chat stream has the text and, when asked, the usage of the unstreamed answer in its last chunk', async t => {
  const simulator = await simulatorFor(t, { streamInterval: 1 })
  const client = clientOf(simulator)
  const stream = await client.chat.completions.create({ model: 'sim-fast', messages, n: 2, stream: true, stream_options: { include_usage: true } })
  const texts = ['', '']
  const finishes: (string | null)[] = []
  const usages: unknown[] = []
  for await (const chunk of stream) {
    t.is(chunk.object, 'chat.completion.chunk')
    usages.push(chunk.usage)
    for (const choice of chunk.choices) {
      texts[choice.index] += choice.delta.content ?? ''
      if (choice.finish_reason !== null) finishes.push(choice.finish_reason)
    }
  }
  t.deepEqual(finishes, ['stop', 'stop'])
  t.true(usages.slice(0, -1).every(usage => usage === null))
  t.like(usages.at(-1), { completion_tokens: texts.reduce((sum, text) => sum + Math.ceil(text.length / 4), 0) })
  t.true(texts.every(text => text.startsWith('Simulated answer ')))
  t.not(texts[0], texts[1])
  const last = usages.at(-1) as OpenAI.CompletionUsage
  t.like(simulator.calls()[0], { stream: true, delivered: true, usage: { completion_tokens: last.completion_tokens } })
})

test('simulator: a streamed JSON answer is the same JSON when its pieces are put together', async t => {
  const client = clientOf(await simulatorFor(t))
  const stream = await client.chat.completions.create({ model: 'sim-fast', messages, stream: true, response_format: { type: 'json_object' } })
  let text = ''
  for await (const chunk of stream) text += chunk.choices[0]!.delta.content ?? ''
  t.like(JSON.parse(text), { simulated: true })
})

test('simulator: a stream without include_usage ends with [DONE] and has no usage', async t => {
  const simulator = await simulatorFor(t)
  const answer = await post(simulator, '/v1/chat/completions', { model: 'sim-fast', messages, stream: true })
  t.true(String(answer.headers['content-type']).startsWith('text/event-stream'))
  const text = await answer.body.text()
  t.true(text.endsWith('data: [DONE]\n\n'))
  t.false(text.includes('usage'))
})

test('simulator: completions answer every prompt and stream', async t => {
  const client = clientOf(await simulatorFor(t))
  const whole = await client.completions.create({ model: 'sim-fast', prompt: ['One', 'Two'], n: 2, max_tokens: 10 })
  t.is(whole.object, 'text_completion')
  t.deepEqual(whole.choices.map(choice => choice.index), [0, 1, 2, 3])
  t.like(whole.usage, { prompt_tokens: 2, completion_tokens: 40, total_tokens: 42 })
  t.is((await client.completions.create({ model: 'sim-fast', prompt: [1, 2, 3] })).usage!.prompt_tokens, 3)
  let text = ''
  let usage: OpenAI.CompletionUsage | null | undefined
  for await (const chunk of await client.completions.create({
    model: 'sim-fast', prompt: 'One', max_tokens: 10, stream: true, stream_options: { include_usage: true }
  })) {
    text += chunk.choices[0]?.text ?? ''
    usage = chunk.usage
  }
  t.is(text.length, 40)
  t.is(usage!.completion_tokens, 10)
})

test('simulator: responses give output text, usage in their own spelling and the limit that cut them', async t => {
  const client = clientOf(await simulatorFor(t))
  const response = await client.responses.create({ model: 'sim-reasoning', input: 'Grüße', instructions: 'Kürzer, bitte' })
  t.is(response.status, 'completed')
  t.true(response.output_text.startsWith('Simulated answer '))
  t.is(response.instructions, 'Kürzer, bitte')
  t.deepEqual(response.output.map(item => item.type), ['reasoning', 'message'])
  t.is(response.usage!.input_tokens, 2 + 4)
  t.is(response.usage!.input_tokens_details.cached_tokens, 3)
  t.is(response.usage!.output_tokens, response.usage!.output_tokens_details.reasoning_tokens + Math.ceil(response.output_text.length / 4))
  const items = await client.responses.create({
    model: 'sim-fast', max_output_tokens: 16, input: [{ role: 'user', content: [{ type: 'input_text', text: 'abcdefgh' }] }]
  })
  t.like(items, { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
  t.is(items.usage!.input_tokens, 5)
})

test('simulator: the SDK puts a response stream together to the final response', async t => {
  const client = clientOf(await simulatorFor(t))
  const stream = await client.responses.create({ model: 'sim-reasoning', input: 'Hello', stream: true })
  const types: string[] = []
  const numbers: number[] = []
  let text = ''
  let last: OpenAI.Responses.Response | undefined
  for await (const event of stream) {
    types.push(event.type)
    numbers.push(event.sequence_number)
    if (event.type === 'response.output_text.delta') text += event.delta
    if (event.type === 'response.completed') last = event.response
  }
  t.deepEqual(types.slice(0, 2), ['response.created', 'response.in_progress'])
  t.is(types.at(-1), 'response.completed')
  t.deepEqual(numbers, numbers.map((_, index) => index))
  const message = last!.output.find(item => item.type === 'message')!
  t.is(text, (message.content[0] as OpenAI.Responses.ResponseOutputText).text)
})

test('simulator: embeddings are unit vectors, the same as base64 and as floats', async t => {
  const client = clientOf(await simulatorFor(t))
  const input = ['one text', 'another']
  // The SDK asks for base64 unless told otherwise, and decodes it.
  const decoded = await client.embeddings.create({ model: 'sim-embed', input })
  const floats = await client.embeddings.create({ model: 'sim-embed', input, encoding_format: 'float' })
  t.deepEqual(decoded.data.map(entry => entry.index), [0, 1])
  t.is(decoded.usage.prompt_tokens, 4)
  t.deepEqual(floats.data.map(({ embedding }) => embedding.length), [256, 256])
  for (const [index, { embedding }] of decoded.data.entries()) {
    t.deepEqual(Array.from(embedding), floats.data[index]!.embedding.map(Math.fround))
    t.true(Math.abs(Math.hypot(...embedding) - 1) < 1e-5)
  }
  t.notDeepEqual(decoded.data[0]!.embedding, decoded.data[1]!.embedding)
  const alone = await client.embeddings.create({ model: 'sim-embed', input: 'another' })
  t.deepEqual(alone.data[0]!.embedding, decoded.data[1]!.embedding)
  t.is((await client.embeddings.create({ model: 'sim-embed-large', input: [1, 2], dimensions: 8 })).data[0]!.embedding.length, 8)
})

test('simulator: moderations flag a category that the text names', async t => {
  const client = clientOf(await simulatorFor(t))
  const { results } = await client.moderations.create({ model: 'sim-moderation', input: ['a quiet evening', 'some violence'] })
  t.deepEqual(results.map(result => result.flagged), [false, true])
  t.true(results[1]!.categories.violence)
  t.is(Object.keys(results[0]!.category_scores).length, 13)
  t.true(results[1]!.category_scores.violence > 0.5 && results[0]!.category_scores.violence < 0.5)
})

test('simulator: models are listed and found, and are all called sim-*', async t => {
  const client = clientOf(await simulatorFor(t))
  const { data } = await client.models.list()
  t.true(data.length >= 7 && data.every(model => model.id.startsWith('sim-')))
  t.is((await client.models.retrieve('sim-fast')).id, 'sim-fast')
  await t.throwsAsync(async () => { await client.models.retrieve('gpt-x') }, { instanceOf: OpenAI.NotFoundError })
})

test('simulator: an unknown model is a 404 in OpenAI\'s error shape, as is one of another endpoint', async t => {
  const client = clientOf(await simulatorFor(t))
  const chatWith = async (model: string): Promise<void> => { await client.chat.completions.create({ model, messages }) }
  const error = await t.throwsAsync(chatWith('gpt-x'), { instanceOf: OpenAI.NotFoundError })
  t.like(error, { status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error' })
  await t.throwsAsync(chatWith('sim-embed'), { instanceOf: OpenAI.NotFoundError })
})

const refused: readonly [string, string, unknown, number, string | null][] = [
  ['a body that is not JSON', '/v1/chat/completions', '{"model":', 400, null],
  ['a body that is a list', '/v1/chat/completions', '[]', 400, null],
  ['no model', '/v1/chat/completions', { messages }, 400, 'missing_required_parameter'],
  ['no messages', '/v1/chat/completions', { model: 'sim-fast' }, 400, 'missing_required_parameter'],
  ['empty messages', '/v1/chat/completions', { model: 'sim-fast', messages: [] }, 400, 'invalid_value'],
  ['a message without role', '/v1/chat/completions', { model: 'sim-fast', messages: [{ content: 'x' }] }, 400, 'invalid_value'],
  ['n of 0', '/v1/chat/completions', { model: 'sim-fast', messages, n: 0 }, 400, 'invalid_value'],
  ['an empty embedding input', '/v1/embeddings', { model: 'sim-embed', input: '' }, 400, 'invalid_value'],
  ['too many dimensions', '/v1/embeddings', { model: 'sim-embed', input: 'x', dimensions: 3073 }, 400, 'invalid_value'],
  ['an unknown path', '/v1/nothing', {}, 404, 'unknown_url']
]
for (const [what, path, body, status, code] of refused) {
  test(`simulator: ${what} is refused with ${status}`, async t => {
    const simulator = await simulatorFor(t)
    const answer = await post(simulator, path, body)
    t.is(answer.statusCode, status)
    const error = await errorOf(answer)
    t.is(error.code, code)
    t.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type'])
    t.like(simulator.calls()[0], { outcome: 'refused', status, delivered: false, usage: null })
  })
}
