import test from 'ava'
import type { ChatCompletion, ChatMessage } from '../../../../lib/contracts/chat.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { ProviderFailure } from '../../../../lib/providers/types.ts'
import { callsOf } from './_fixtures.ts'
import { chunksOf, requestOf, startProvider, streamOf } from './_provider.ts'

const messages = [{ role: 'user', content: 'Name a river.' }] as const
const tools = [
  { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } } } },
  { type: 'function', function: { name: 'now' } }
] as const
const asking = (marker: string): readonly ChatMessage[] => [{ role: 'user', content: `Name a river. ${marker}` }]

test('anthropic chat: an answer comes as a chat completion, its usage is what the provider logged', async t => {
  const { provider, simulator } = await startProvider(t)
  const answer = await provider.call(requestOf({ messages: [{ role: 'system', content: 'Be kind.' }, ...messages], temperature: 0.5, stop: ['qqq'], user: 'u1' }))
  const completion = JSON.parse(answer.body) as ChatCompletion
  const [logged] = simulator.calls()
  t.regex(completion.choices[0]!.message.content!, /^Simulated answer /)
  t.regex(completion.id, /^chatcmpl-msg_sim_/)
  t.is(completion.choices[0]!.finish_reason, 'stop')
  t.is(answer.requestId, logged!.request_id)
  t.like(logged, { status: 200, delivered: true, path: '/anthropic/v1/messages', model: 'sim-claude' })
  t.truthy(logged!.authorization)
  t.is(answer.usage!.inputTokens, logged!.usage!.prompt_tokens)
  t.is(answer.usage!.outputTokens, logged!.usage!.completion_tokens)
  t.is(completion.usage!.total_tokens, logged!.usage!.prompt_tokens + logged!.usage!.completion_tokens)
})

test('anthropic chat: cached tokens count once, as a part of all input (Portkey #1754)', async t => {
  const { provider, simulator } = await startProvider(t)
  const answer = await provider.call(requestOf({ messages: [{ role: 'user', content: [{ type: 'text', text: 'Name a river, a lake and a sea.', cache_control: { type: 'ephemeral', ttl: '1h' } }] }] }))
  const { usage } = simulator.calls()[0]!
  t.true(answer.usage!.cachedInputTokens > 0 && answer.usage!.cacheWriteHourTokens! > 0)
  t.is(answer.usage!.inputTokens, usage!.prompt_tokens)
  t.is(answer.usage!.cachedInputTokens, usage!.cached_tokens)
})

test('anthropic chat: a stream has the words and the usage of the unstreamed answer', async t => {
  const { provider } = await startProvider(t)
  const { events, outcome } = await streamOf(provider, { messages })
  const chunks = chunksOf(events)
  t.true(events.every(event => event.name === null))
  t.regex(chunks.map(chunk => chunk.choices[0]!.delta.content ?? '').join(''), /^Simulated answer .*\.$/)
  t.deepEqual(chunks.flatMap(chunk => chunk.choices[0]!.finish_reason ?? []), ['stop'])
  const last = JSON.parse(outcome!.usageEvent!) as ReturnType<typeof chunksOf>[number]
  t.deepEqual(last.choices, [])
  t.is(last.usage!.prompt_tokens, outcome!.usage!.inputTokens)
  t.is(last.usage!.completion_tokens, outcome!.usage!.outputTokens)
  t.true(outcome!.usage!.outputTokens > 1)
  t.regex(outcome!.requestId!, /^req_sim_/)
})

for (const stream of [false, true]) {
  test(`anthropic chat: calls of tools go out and their results come back, ${stream ? 'streamed' : 'whole'}`, async t => {
    const { provider } = await startProvider(t)
    const body = { messages: asking('[[sim:tools=2]]'), tools }
    const answer = stream ? null : JSON.parse((await provider.call(requestOf(body))).body) as ChatCompletion
    const chunks = stream ? chunksOf((await streamOf(provider, body)).events) : []
    const calls = answer?.choices[0]!.message.tool_calls ??
      callsOf(chunks).map(call => ({ id: call.id, type: 'function' as const, function: { name: call.name, arguments: call.arguments } }))
    t.is((answer?.choices ?? chunks.at(-1)!.choices)[0]!.finish_reason, 'tool_calls')
    t.deepEqual(calls.map(call => [call.function.name, JSON.parse(call.function.arguments)]), [['weather', { city: 'simulated', days: 1 }], ['now', {}]])
    const results = calls.map(call => ({ role: 'tool', tool_call_id: call.id, content: 'Fine.' }))
    const final = JSON.parse((await provider.call(requestOf({ tools, messages: [...body.messages, { role: 'assistant', content: null, tool_calls: calls }, ...results] }))).body) as ChatCompletion
    t.is(final.choices[0]!.finish_reason, 'stop')
    t.regex(final.choices[0]!.message.content!, /^Simulated answer /)
  })
}

test('anthropic chat: a forced tool is called although thinking is asked for', async t => {
  const { provider } = await startProvider(t)
  const answer = await provider.call(requestOf({ messages, tools, tool_choice: { type: 'function', function: { name: 'now' } }, reasoning_effort: 'high' }))
  t.is((JSON.parse(answer.body) as ChatCompletion).choices[0]!.message.tool_calls![0]!.function.name, 'now')
})

test('anthropic chat: thinking is told and billed, and its blocks can be sent back', async t => {
  const { provider } = await startProvider(t)
  const body = { messages: asking('[[sim:tool]]'), tools, reasoning_effort: 'medium', temperature: 0.2 }
  const answer = await provider.call(requestOf(body))
  const { message } = (JSON.parse(answer.body) as ChatCompletion).choices[0]!
  t.regex(message.reasoning_content!, /^Simulated thinking /)
  t.true(answer.usage!.reasoningTokens > 0)
  const result = { role: 'tool', tool_call_id: message.tool_calls![0]!.id, content: 'Fine.' }
  const next = await provider.call(requestOf({ ...body, messages: [...body.messages, message, result] }))
  t.is((JSON.parse(next.body) as ChatCompletion).choices[0]!.finish_reason, 'stop')
  const streamed = chunksOf((await streamOf(provider, body)).events)
  const blocks = streamed.flatMap(chunk => chunk.choices[0]!.delta.thinking_blocks ?? [])
  t.deepEqual(blocks.map(block => block.type), ['thinking'])
  t.is(streamed.map(chunk => chunk.choices[0]!.delta.reasoning_content ?? '').join(''), (blocks[0] as { thinking: string }).thinking)
})

test('anthropic chat: a JSON schema is followed', async t => {
  const { provider } = await startProvider(t)
  const schema = { type: 'object', properties: { river: { type: 'string' }, length: { type: 'number' }, countries: { type: 'array', items: { type: 'string' } } } }
  const answer = await provider.call(requestOf({ messages, response_format: { type: 'json_schema', json_schema: { name: 'river', schema } } }))
  const { choices: [choice] } = JSON.parse(answer.body) as ChatCompletion
  const value = JSON.parse(choice!.message.content!) as { river: string, length: number, countries: string[] }
  t.regex(value.river, /^Simulated/)
  t.is(typeof value.length, 'number')
  t.is(value.countries.length, 1)
  t.is(choice!.finish_reason, 'stop')
})

const statuses: ReadonlyArray<readonly [marker: string, code: string, retryable: boolean]> = [
  ['400', 'invalid_request', false], ['401', 'authentication', false], ['403', 'permission', false], ['404', 'not_found', false],
  ['429 retry-after=2', 'rate_limited', true], ['429-quota', 'quota_exceeded', false], ['500', 'server_error', true], ['502', 'server_error', true],
  ['529', 'overloaded', true]
]
for (const [marker, code, retryable] of statuses) {
  test(`anthropic chat: status ${marker} is ${code}, streamed or not`, async t => {
    const { provider, simulator } = await startProvider(t)
    const failures = [
      await t.throwsAsync(provider.call(requestOf({ messages: asking(`[[sim:${marker}]]`) })), { instanceOf: ProviderFailure }),
      (await streamOf(provider, { messages: asking(`[[sim:${marker}]]`) })).failure
    ]
    for (const failure of failures as ProviderFailure[]) {
      t.is(failure.class.code, code as 'not_found')
      t.is(failure.class.retryable, retryable)
      if (marker !== '502') t.regex(failure.message, /\(simulated\)/)
      if (marker.includes('retry-after')) t.is(failure.class.retryAfter, 2000)
    }
    t.is((failures[0] as ProviderFailure).requestId, simulator.calls()[0]!.request_id)
  })
}

test('anthropic chat: overload in the middle of a stream is an overload, after what came, with what was told of usage (Portkey #741, litellm #32475)', async t => {
  const { provider } = await startProvider(t)
  const { events, failure } = await streamOf(provider, { messages: asking('[[sim:stream-error]]') })
  t.is(failure!.class.code, 'overloaded')
  t.regex(failure!.message, /^Overloaded/)
  t.true(failure!.partialUsage!.inputTokens > 0)
  const chunks = chunksOf(events)
  t.true(chunks.length > 2)
  t.true(chunks.every(chunk => chunk.choices[0]!.finish_reason === null))
})

for (const marker of ['cut', 'unfinished']) {
  test(`anthropic chat: a stream that is ${marker} is a failure, never a clean end`, async t => {
    const { provider } = await startProvider(t)
    const { events, failure } = await streamOf(provider, { messages: asking(`[[sim:${marker}]]`) })
    t.is(failure!.class.code, 'answer_cut')
    t.true(failure!.partialUsage!.inputTokens > 0)
    t.true(chunksOf(events).every(chunk => chunk.choices[0]!.finish_reason === null))
  })
}

test('anthropic chat: an answer that is no message is invalid, streamed or not', async t => {
  const { provider } = await startProvider(t)
  const failed = await t.throwsAsync(provider.call(requestOf({ messages: asking('[[sim:malformed]]') })), { instanceOf: ProviderFailure })
  t.is((failed as ProviderFailure).class.code, 'answer_invalid')
  t.is((await streamOf(provider, { messages: asking('[[sim:malformed]]') })).failure!.class.code, 'answer_invalid')
})

test('anthropic chat: an aborted stream is aborted upstream, with what was told of usage', async t => {
  const { provider, simulator } = await startProvider(t)
  simulator.setOptions({ streamInterval: 20 })
  const abort = new AbortController()
  const { failure } = await streamOf(provider, { messages }, '/v1/chat/completions', {
    signal: abort.signal, sink: { events: () => { abort.abort(); return true } }
  })
  t.is(failure!.class.code, 'aborted')
  t.true(failure!.partialUsage!.inputTokens > 0)
  while (simulator.calls()[0]!.outcome === 'running') await new Promise(resolve => setImmediate(resolve))
  t.true(simulator.calls()[0]!.aborted)
})

test('anthropic chat: a slow reader pauses the stream and resumes it without a loss', async t => {
  const { provider, simulator } = await startProvider(t)
  const whole = chunksOf((await streamOf(provider, { messages })).events).length
  simulator.setOptions({ streamInterval: 1 })
  let count = 0
  const { outcome } = await streamOf(provider, { messages }, '/v1/chat/completions', {
    sink: { events (events, resume) { count += events.length; setImmediate(resume); return false } }
  })
  t.truthy(outcome)
  t.is(count, whole)
})

test('anthropic chat: what cannot be translated is refused before any call', async t => {
  const { provider, simulator } = await startProvider(t)
  await t.throwsAsync(provider.call(requestOf({ messages: [] })), { instanceOf: SiraError })
  await t.throwsAsync(provider.stream({ ...requestOf({ messages, n: 2, stream: true }), idleTimeout: 1000, sink: { events: () => true } }), { instanceOf: SiraError })
  t.is(simulator.calls().length, 0)
})
