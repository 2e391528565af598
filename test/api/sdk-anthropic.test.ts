import test from 'ava'
import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk'
import { waitFor } from '../support/api-batch.ts'
import { pixel, startSdkApi } from './_gateway-api.ts'

let served: Awaited<ReturnType<typeof startSdkApi>>
test.before(async () => { served = await startSdkApi() })
test.after.always(async () => { await served.close() })

function client (options: ClientOptions = {}): Anthropic {
  return new Anthropic({ baseURL: served.api.url, apiKey: served.api.key, authToken: null, maxRetries: 0, ...options })
}

const ask = (content: string): Anthropic.MessageParam[] => [{ role: 'user', content }]
const hello = ask('Say hello')
const cityOf = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] }
const tools: Anthropic.Tool[] = [
  { name: 'weather', description: 'Tells the weather', input_schema: cityOf },
  { name: 'time', input_schema: cityOf }
]

function textOf ({ content }: Anthropic.Message): string {
  return content.map(block => block.type === 'text' ? block.text : '').join('')
}

const usesOf = ({ content }: Anthropic.Message): Anthropic.ToolUseBlock[] => content.filter(block => block.type === 'tool_use')

for (const model of ['sim-claude', 'sim-instant', 'sim-gemini']) {
  test(`Anthropic's client reads a message of ${model}, with a system prompt, usage and cost`, async t => {
    const { data, response } = await client().messages.create({
      model, max_tokens: 100, system: [{ type: 'text', text: 'Be brief' }], messages: [...hello, { role: 'assistant', content: 'Hello' }, { role: 'user', content: 'Again' }]
    }).withResponse()
    t.like(data, { type: 'message', role: 'assistant', model, stop_reason: 'end_turn' })
    t.regex(data.id, /^msg_/)
    t.regex(textOf(data), /Simulated/)
    t.true(data.usage.input_tokens > 5 && data.usage.output_tokens > 5)
    const [input, output] = { 'sim-claude': [3, 15], 'sim-instant': [0.1, 0.4], 'sim-gemini': [1.25, 10] }[model]!
    t.is(Number(response.headers.get('x-sira-cost')), Number(((data.usage.input_tokens * input! + data.usage.output_tokens * output!) / 1e6).toFixed(12)))
    t.is(response.headers.get('x-sira-model'), model)
  })

  test(`Anthropic's stream helper puts a message of ${model} together`, async t => {
    const stream = client().messages.stream({ model, max_tokens: 100, messages: hello })
    let said = ''
    const events = new Set<string>()
    stream.on('text', delta => { said += delta })
    stream.on('streamEvent', ({ type }) => { events.add(type) })
    const final = await stream.finalMessage()
    t.regex(said, /Simulated/)
    t.is(textOf(final), said)
    t.like(final, { type: 'message', role: 'assistant', model, stop_reason: 'end_turn' })
    t.true(final.usage.input_tokens > 0 && final.usage.output_tokens > 5)
    t.deepEqual([...events].sort(), ['content_block_delta', 'content_block_start', 'content_block_stop', 'message_delta', 'message_start', 'message_stop'])
  })

  test(`Anthropic's client gets parallel tool calls of ${model}, whole and streamed, and returns their results`, async t => {
    const anthropic = client()
    const messages = ask('Use them [[sim:tools=2]]')
    const fields = { model, max_tokens: 200, tools }
    const whole = await anthropic.messages.create({ ...fields, messages })
    const streamed = await anthropic.messages.stream({ ...fields, messages }).finalMessage()
    for (const called of [whole, streamed]) {
      t.is(called.stop_reason, 'tool_use')
      const uses = usesOf(called)
      t.deepEqual(uses.map(({ name, input }) => ({ name, input })), [{ name: 'weather', input: { city: 'simulated' } }, { name: 'time', input: { city: 'simulated' } }])
      t.not(uses[0]!.id, uses[1]!.id)
      const results: Anthropic.ToolResultBlockParam[] = uses.map(({ id }, place) => ({ type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: 'fine' }], is_error: place === 1 }))
      const final = await anthropic.messages.create({ ...fields, messages: [...messages, { role: 'assistant', content: called.content }, { role: 'user', content: results }] })
      t.is(final.stop_reason, 'end_turn')
      t.regex(textOf(final), /Simulated/)
    }
  })

  test(`Anthropic's client forces a tool of ${model}`, async t => {
    const message = await client().messages.create({ model, max_tokens: 100, tools, tool_choice: { type: 'tool', name: 'time' }, messages: hello })
    t.deepEqual(usesOf(message).map(({ name }) => name), ['time'])
  })

  test(`Anthropic's client sends an image to ${model}`, async t => {
    const message = await client().messages.create({
      model, max_tokens: 100, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/gif', data: pixel } }, { type: 'text', text: 'What is it?' }] }]
    })
    t.regex(textOf(message), /Simulated/)
  })

  test(`an answer of ${model} that is cut at its length says so to Anthropic's client`, async t => {
    const message = await client().messages.create({ model, max_tokens: 5, messages: hello })
    t.is(message.stop_reason, 'max_tokens')
  })
}

test('thinking of Claude comes to Anthropic\'s client signed, and is taken back', async t => {
  const anthropic = client()
  const fields = { model: 'sim-claude', max_tokens: 3_000, thinking: { type: 'enabled' as const, budget_tokens: 1_024 }, tools }
  const messages = ask('Use it [[sim:tool]]')
  const called = await anthropic.messages.stream({ ...fields, messages }).finalMessage()
  const thought = called.content[0]!
  t.is(thought.type, 'thinking')
  t.true(thought.type === 'thinking' && thought.signature.length > 0 && thought.thinking.length > 0)
  const final = await anthropic.messages.create({
    ...fields, messages: [...messages, { role: 'assistant', content: called.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: usesOf(called)[0]!.id, content: 'fine' }] }]
  })
  t.regex(textOf(final), /Simulated/)
})

test('the prompt cache of Claude is told to Anthropic\'s client as Claude tells it, and billed by its own prices', async t => {
  const { data: { usage }, response } = await client().messages.create({
    model: 'sim-claude', max_tokens: 100, system: [{ type: 'text', text: 'A long system prompt. '.repeat(20), cache_control: { type: 'ephemeral' } }], messages: hello
  }).withResponse()
  t.true(usage.cache_read_input_tokens! > 0 && usage.cache_creation_input_tokens! > 0)
  const cost = usage.input_tokens * 3 + usage.cache_read_input_tokens! * 0.3 + usage.cache_creation_input_tokens! * 3.75 + usage.output_tokens * 15
  t.is(Number(response.headers.get('x-sira-cost')), Number((cost / 1e6).toFixed(12)))
  await served.api.gateway.journal.flush()
  const { rows } = await served.api.pool.query('SELECT * FROM usage WHERE id = $1', [response.headers.get('x-request-id')])
  t.like(rows[0], {
    endpoint: '/v1/messages',
    input_tokens: usage.input_tokens + usage.cache_read_input_tokens! + usage.cache_creation_input_tokens!,
    cached_input_tokens: usage.cache_read_input_tokens,
    cache_write_tokens: usage.cache_creation_input_tokens,
    output_tokens: usage.output_tokens
  })
})

test('Anthropic\'s client may send the key as a token', async t => {
  const message = await client({ apiKey: null, authToken: served.api.key }).messages.create({ model: 'sim-claude', max_tokens: 50, messages: hello })
  t.is(message.type, 'message')
})

test('Anthropic\'s client throws its own errors, in Anthropic\'s envelope, for what is refused here', async t => {
  const body = { model: 'sim-claude', max_tokens: 50, messages: hello }
  const denied = await t.throwsAsync(client({ apiKey: 'sk-ant-nothing' }).messages.create(body), { instanceOf: Anthropic.AuthenticationError })
  t.like(denied, { type: 'authentication_error', error: { type: 'error', error: { type: 'authentication_error', code: 'invalid_api_key' } } })
  const unknown = await t.throwsAsync(client().messages.create({ ...body, model: 'claude-0' }), { instanceOf: Anthropic.NotFoundError })
  t.like(unknown, { type: 'not_found_error', error: { error: { code: 'model_not_found' } } })
  t.is((unknown!.error as { request_id: string }).request_id, unknown!.headers!.get('x-request-id')!)
  t.is(unknown!.requestID, unknown!.headers!.get('x-request-id'))
  const bad = await t.throwsAsync(client().messages.create({ ...body, max_tokens: -1 }), { instanceOf: Anthropic.BadRequestError })
  t.is(bad!.type, 'invalid_request_error')
})

for (const dialect of ['anthropic', 'openai', 'gemini']) {
  test(`Anthropic's client throws its own errors for what fails at a provider of ${dialect}`, async t => {
    const create = async (fault: string, content: string, stream = false) =>
      await client().messages.create({ model: `${dialect}-${fault}`, max_tokens: 50, messages: ask(content), stream }) as unknown
    const failed = await t.throwsAsync(create('failing', '[[sim:500]]'), { instanceOf: Anthropic.InternalServerError })
    t.like(failed, { type: 'api_error', error: { type: 'error', error: { code: 'upstream_error' } } })
    const failedStream = await t.throwsAsync(create('failing', '[[sim:500]]', true), { instanceOf: Anthropic.InternalServerError })
    t.is(failedStream!.type, 'api_error')
    const overloaded = await t.throwsAsync(create('failing', '[[sim:503]]'), { instanceOf: Anthropic.InternalServerError })
    t.is(overloaded!.type, 'overloaded_error')
    const refused = await t.throwsAsync(create('failing', '[[sim:400]]'), { instanceOf: Anthropic.BadRequestError })
    t.is(refused!.type, 'invalid_request_error')
    const limited = await t.throwsAsync(create('limited', '[[sim:429 retry-after=7]]'), { instanceOf: Anthropic.RateLimitError })
    t.is(limited!.type, 'rate_limit_error')
    t.is(limited!.headers!.get('retry-after'), '7')
  })

  test(`a stream that fails on its way from ${dialect} throws Anthropic's APIError after what came`, async t => {
    for (const fault of ['stream-error', 'cut', 'unfinished']) {
      let said = ''
      const stream = client().messages.stream({ model: `${dialect}-broken`, max_tokens: 50, messages: ask(`[[sim:${fault}]] hello`) })
      stream.on('text', delta => { said += delta })
      const error = await t.throwsAsync(stream.finalMessage(), { instanceOf: Anthropic.APIError }, fault)
      t.true(said.length > 0, fault)
      t.regex((error!.error as { error: { code: string } }).error.code, /^upstream_/, fault)
    }
  })

  test(`a client of Anthropic's that stops reading a stream has ${dialect} let go at once`, async t => {
    const content = `left by ${dialect}`
    const left = () => served.simulator.calls().filter(call => call.aborted && call.stream && call.model === { anthropic: 'sim-claude', openai: 'sim-instant', gemini: 'sim-gemini' }[dialect])
    const before = left().length
    for await (const event of await client().messages.create({ model: `${dialect}-broken`, max_tokens: 100, messages: ask(content), stream: true })) {
      if (event.type === 'content_block_delta') break
    }
    await waitFor(async () => left().length > before)
    t.is(left().length, before + 1)
  })
}
