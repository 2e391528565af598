import test from 'ava'
import { post, simulatorFor } from './helpers.ts'
import type { Simulator } from '../../../local/simulator/simulator.ts'

type Json = Record<string, unknown>

interface Block { readonly type: string, readonly text: string, readonly id: string, readonly name: string, readonly input: unknown }

/** Everything that a message, an event or an error may have; each has its part of it. */
interface Reply {
  readonly type: string
  readonly id: string
  readonly request_id: string
  readonly content: readonly Block[]
  readonly stop_reason: string
  readonly usage: {
    readonly input_tokens: number
    readonly output_tokens: number
    readonly cache_creation_input_tokens: number
    readonly cache_read_input_tokens: number
    readonly cache_creation: { readonly ephemeral_5m_input_tokens: number, readonly ephemeral_1h_input_tokens: number }
    readonly output_tokens_details: { readonly thinking_tokens: number }
  }
  readonly error: { readonly type: string, readonly message: string }
  readonly index: number
  readonly message: Reply
  readonly delta?: { readonly type?: string, readonly text?: string, readonly partial_json: string, readonly stop_reason: string }
}

const version = { 'anthropic-version': '2023-06-01' }
const body = { model: 'sim-claude', max_tokens: 500, messages: [{ role: 'user', content: 'Name a river.' }] }
const tools = [
  { name: 'weather', input_schema: { type: 'object', properties: { city: { type: 'string', enum: ['Oslo'] }, days: { type: 'integer', minimum: 2 } } } },
  { name: 'now', input_schema: { type: 'object' } }
]

async function ask (simulator: Simulator, further: Json = {}, headers: Record<string, string> = version): Promise<{ readonly status: number, readonly json: Reply }> {
  const answer = await post(simulator, '/anthropic/v1/messages', { ...body, ...further }, headers)
  return { status: answer.statusCode, json: await answer.body.json() as Reply }
}

function saying (content: string): Json {
  return { messages: [{ role: 'user', content }] }
}

/** The data of the frames, whose names have to be their types. */
async function framesOf (simulator: Simulator, further: Json): Promise<Reply[]> {
  const answer = await post(simulator, '/anthropic/v1/messages', { ...body, stream: true, ...further }, version)
  return (await answer.body.text()).trimEnd().split('\n\n').map(frame => {
    const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(frame)!
    const json = JSON.parse(data!) as Reply
    if (json.type !== name) throw new Error(`event ${name} with ${data}`)
    return json
  })
}

test('simulator anthropic: an answer says it is simulated, the same for the same body, and is logged with its usage', async t => {
  const simulator = await simulatorFor(t)
  const { json } = await ask(simulator, {}, { ...version, 'x-api-key': 'secret', 'x-client-request-id': 'c1' })
  t.like(json, { type: 'message', role: 'assistant', model: 'sim-claude', stop_reason: 'end_turn', stop_sequence: null })
  t.regex(json.content[0]!.text, /^Simulated answer /)
  t.regex(json.id, /^msg_sim_/)
  t.deepEqual((await ask(simulator)).json.content, json.content)
  const [logged] = simulator.calls()
  t.like(logged, { path: '/anthropic/v1/messages', model: 'sim-claude', status: 200, outcome: 'answered', client_request_id: 'c1', usage: { prompt_tokens: json.usage.input_tokens, completion_tokens: json.usage.output_tokens, cached_tokens: 0 } })
  t.is(logged!.authorization!.length, 12)
})

test('simulator anthropic: both versions of the API are taken, no version and unknown ones are not, the newer one refuses temperature', async t => {
  const simulator = await simulatorFor(t)
  const statusOf = async (headers: Record<string, string>, further: Json = {}): Promise<number> => (await ask(simulator, further, headers)).status
  t.is(await statusOf({ 'anthropic-version': '2023-06-01' }, { temperature: 0.5 }), 200)
  t.is(await statusOf({ 'anthropic-version': '2026-10-21' }), 200)
  t.is(await statusOf({ 'anthropic-version': '2026-10-21' }, { temperature: 1 }), 400)
  t.is(await statusOf({ 'anthropic-version': '2020-01-01' }), 400)
  t.is(await statusOf({}), 400)
})

test('simulator anthropic: a stream is the message in pieces, with a ping and the usage in two parts', async t => {
  const simulator = await simulatorFor(t)
  const frames = await framesOf(simulator, { thinking: { type: 'adaptive' } })
  t.deepEqual([...new Set(frames.map(frame => frame.type))], ['message_start', 'content_block_start', 'ping', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop'])
  t.deepEqual([...new Set(frames.flatMap(frame => frame.delta?.type ?? []))], ['thinking_delta', 'signature_delta', 'text_delta'])
  const text = frames.map(frame => frame.delta?.text ?? '').join('')
  t.regex(text, /^Simulated answer .*\.$/)
  const end = frames.at(-2)!
  t.is(end.delta!.stop_reason, 'end_turn')
  t.true(end.usage.output_tokens_details.thinking_tokens > 0)
  t.like(simulator.calls()[0]!.usage, { prompt_tokens: frames[0]!.message.usage.input_tokens, completion_tokens: end.usage.output_tokens, reasoning_tokens: end.usage.output_tokens_details.thinking_tokens })
})

test('simulator anthropic: cache figures are a part of the prompt, by a mark and its time', async t => {
  const simulator = await simulatorFor(t)
  const marked = (mark: Json): Json => ({ messages: [{ role: 'user', content: [{ type: 'text', text: 'Name a river, a lake and a sea.', cache_control: mark }] }] })
  const { usage } = (await ask(simulator, marked({ type: 'ephemeral' }))).json
  const logged = simulator.calls()[0]!.usage!
  t.is(usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens, logged.prompt_tokens)
  t.is(usage.cache_read_input_tokens, logged.cached_tokens)
  t.true(usage.cache_creation.ephemeral_5m_input_tokens > 0)
  t.is(usage.cache_creation.ephemeral_1h_input_tokens, 0)
  t.true((await ask(simulator, marked({ type: 'ephemeral', ttl: '1h' }))).json.usage.cache_creation.ephemeral_1h_input_tokens > 0)
})

test('simulator anthropic: tools are called when a marker or the choice says so, with arguments that fit', async t => {
  const simulator = await simulatorFor(t)
  const two = (await ask(simulator, { tools, ...saying('[[sim:tools=2]]') })).json
  t.is(two.stop_reason, 'tool_use')
  t.deepEqual(two.content.map(block => [block.type, block.name, block.input]), [['tool_use', 'weather', { city: 'Oslo', days: 2 }], ['tool_use', 'now', {}]])
  const calls = async (further: Json): Promise<number> => (await ask(simulator, { tools, ...further })).json.content.filter(block => block.type === 'tool_use').length
  t.is(await calls({}), 0)
  t.is(await calls(saying('[[sim:tool]]')), 1)
  t.is(await calls({ tool_choice: { type: 'any' } }), 1)
  t.is(await calls({ tool_choice: { type: 'auto', disable_parallel_tool_use: true }, ...saying('[[sim:tools=3]]') }), 1)
  t.is(await calls({ tool_choice: { type: 'none' }, ...saying('[[sim:tool]]') }), 0)
  const after = [{ role: 'user', content: '[[sim:tools=2]]' }, { role: 'assistant', content: two.content }, { role: 'user', content: two.content.map(block => ({ type: 'tool_result', tool_use_id: block.id })) }]
  t.is(await calls({ messages: after }), 0)
})

test('simulator anthropic: streamed arguments begin empty, and there are no others for a call without any', async t => {
  const frames = await framesOf(await simulatorFor(t), { tools, ...saying('[[sim:tools=2]]') })
  const partsOf = (index: number): string[] => frames.filter(frame => frame.index === index && frame.delta).map(frame => frame.delta!.partial_json)
  t.is(partsOf(0)[0], '')
  t.is(partsOf(0).join(''), '{"city":"Oslo","days":2}')
  t.deepEqual(partsOf(1), [''])
})

test('simulator anthropic: output follows a schema, stops at a sequence and at the limit', async t => {
  const simulator = await simulatorFor(t)
  const schema = { type: 'object', properties: { name: { type: 'string' }, ok: { type: 'boolean' }, sizes: { type: 'array', items: { $ref: '#/$defs/size' } } }, $defs: { size: { anyOf: [{ type: 'number' }, { type: 'null' }] } } }
  const { json } = await ask(simulator, { output_config: { format: { type: 'json_schema', schema } } })
  t.like(JSON.parse(json.content[0]!.text), { ok: true, sizes: [1] })
  t.like((await ask(simulator, { stop_sequences: [' answer'] })).json, { stop_reason: 'stop_sequence', stop_sequence: ' answer', content: [{ text: 'Simulated' }] })
  t.like((await ask(simulator, { max_tokens: 3 })).json, { stop_reason: 'max_tokens', content: [{ text: 'Simulated an' }] })
})

const wrong: ReadonlyArray<readonly [title: string, further: Json, message: RegExp]> = [
  ['a missing limit', { max_tokens: undefined }, /max_tokens/],
  ['a field it does not know', { stream_options: {} }, /stream_options: Extra inputs/],
  ['a temperature above 1', { temperature: 1.5 }, /temperature/],
  ['a system role', { messages: [{ role: 'system', content: 'x' }] }, /Unexpected role/],
  ['an empty text', { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] }, /non-whitespace/],
  ['a result of no call', { tools, messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x' }] }] }, /unexpected `tool_use_id`/],
  ['a call without its result', { tools, messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'x', name: 'now', input: {} }] }, { role: 'user', content: 'y' }] }, /without `tool_result`/],
  ['a result after text', { tools, messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'x', name: 'now', input: {} }] }, { role: 'user', content: [{ type: 'text', text: 'y' }, { type: 'tool_result', tool_use_id: 'x' }] }] }, /without `tool_result`/],
  ['results without tools', { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'x', name: 'now', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x' }] }] }, /must define tools/],
  ['thinking that is not signed', { messages: [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'x', signature: '' }] }, { role: 'user', content: 'y' }] }, /signature/],
  ['a budget beyond the limit', { thinking: { type: 'enabled', budget_tokens: 1024 } }, /max_tokens/],
  ['thinking with a forced tool', { tools, tool_choice: { type: 'any' }, thinking: { type: 'adaptive' } }, /Thinking may not/],
  ['a budget for calls without their thinking', { tools, max_tokens: 5000, thinking: { type: 'enabled', budget_tokens: 1024 }, messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'x', name: 'now', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x' }] }] }, /must start with a thinking block/],
  ['an answer to continue that ends with a space', { messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'y ' }] }, /trailing whitespace/]
]
for (const [title, further, message] of wrong) {
  test(`simulator anthropic: refuses ${title} as Anthropic does`, async t => {
    const { status, json } = await ask(await simulatorFor(t), further)
    t.is(status, 400)
    t.like(json, { type: 'error', error: { type: 'invalid_request_error' } })
    t.regex(json.error.message, message)
    t.regex(json.request_id, /^req_sim_/)
  })
}

test('simulator anthropic: faults and refusals come in the envelope of the dialect', async t => {
  const simulator = await simulatorFor(t)
  const types: Record<string, string> = { 400: 'invalid_request_error', 401: 'authentication_error', 403: 'permission_error', 404: 'not_found_error', 429: 'rate_limit_error', '429-quota': 'billing_error', 500: 'api_error', 529: 'overloaded_error' }
  for (const [marker, type] of Object.entries(types)) {
    const { status, json } = await ask(simulator, saying(`[[sim:${marker}]]`))
    t.is(status, parseInt(marker))
    t.is(json.error.type, type)
  }
  t.is((await ask(simulator, { model: 'sim-fast' })).json.error.type, 'not_found_error')
  t.regex((await ask(simulator, saying('[[sim:tools=0]]'))).json.error.message, /calls of tools/)
})

test('simulator anthropic: a stream error is an event of overload, an unfinished stream has no end', async t => {
  const simulator = await simulatorFor(t)
  const failed = await framesOf(simulator, saying('[[sim:stream-error]]'))
  t.like(failed.at(-1), { type: 'error', error: { type: 'overloaded_error' } })
  t.false((await framesOf(simulator, saying('[[sim:unfinished]]'))).some(frame => frame.type === 'message_stop'))
})
