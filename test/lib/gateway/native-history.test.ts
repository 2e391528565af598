import test from 'ava'
import type { ChatCompletion } from '../../../lib/contracts/chat.ts'
import type { GatewayRequest } from '../../../lib/contracts/gateway.ts'
import { chatToMessage } from '../../../lib/dialects/messages/index.ts'
import { chatToResponse } from '../../../lib/dialects/responses/index.ts'
import type { Target } from '../../../lib/gateway/deliver.ts'
import { render } from '../../../lib/gateway/large-body/thread.ts'
import { toBytes } from '../../../lib/gateway/large-body/json-bytes.ts'
import { untold } from '../../../lib/gateway/large-body/told.ts'
import { fitTo } from '../../../lib/gateway/prepare.ts'
import { toChatCompletion as fromMessage } from '../../../lib/providers/anthropic/response.ts'
import { toChatCompletion as fromGemini } from '../../../lib/providers/gemini/response.ts'
import type { Endpoint, Provider } from '../../../lib/providers/types.ts'

type Body = Record<string, unknown>

/** What a provider of the surface's own dialect gets, by way of the event loop and of a thread alike. */
async function sent (t: { deepEqual: (one: unknown, other: unknown) => unknown }, endpoint: Endpoint, body: Body): Promise<Body> {
  const kind = endpoint === '/v1/messages' ? 'anthropic' : 'openai'
  const target = { model: { id: 'm', policy: { unsupported: 'refuse' } }, deployment: { upstream: 'u' }, provider: { kind } } as unknown as Target
  const fit = fitTo(target, { endpoints: new Set([endpoint]) } as unknown as Provider, { endpoint, text: JSON.stringify(body), body, unsupported: null } as unknown as GatewayRequest)
  const { wire } = untold(await render({ bytes: toBytes(JSON.stringify(body)), bulk: [], small: body, endpoint, native: true, kind, upstream: 'u', unsupported: 'refuse' }))
  const small = JSON.parse(String(fit.body)) as Body
  t.deepEqual(JSON.parse(Buffer.from(wire).toString()), small)
  return small
}

const gemini = fromGemini({
  candidates: [{ content: { parts: [{ text: 'hm', thought: true }, { functionCall: { name: 'f', args: {} }, thoughtSignature: Buffer.from('s'.repeat(300)).toString('base64') }] }, finishReason: 'STOP' }]
}, 'gemini-3-pro', 0).completion
const claude = fromMessage({
  id: 'msg_1', model: 'claude', stop_reason: 'end_turn', content: [{ type: 'thinking', thinking: 'hm', signature: 'c2ln' }, { type: 'text', text: 'Hi' }]
}, 0)
const reasoner: ChatCompletion = {
  id: 'chatcmpl-1', object: 'chat.completion', created: 0, model: 'deepseek',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi', refusal: null, reasoning_content: 'hm' }, finish_reason: 'stop', logprobs: null }]
}

const user = { role: 'user', content: 'Go' }

test('a message that another provider\'s model answered goes to Anthropic without what it refuses: thoughts without a signature, Gemini\'s signatures', async t => {
  const called = chatToMessage(gemini, 'm').content
  const use = called.find(block => block.type === 'tool_use')!
  const body = {
    model: 'm',
    max_tokens: 10,
    messages: [user, { role: 'assistant', content: called }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'fine' }] }, { role: 'assistant', content: chatToMessage(reasoner, 'm').content }, user]
  }
  const [, calls, results, said] = (await sent(t, '/v1/messages', body)).messages as { content: Body[] }[]
  t.deepEqual(calls!.content.map(block => Object.keys(block).sort()), [['id', 'input', 'name', 'type']])
  t.regex(String(calls!.content[0]!.id), /^call_[0-9a-f]{32}$/)
  t.is(results!.content[0]!.tool_use_id, calls!.content[0]!.id)
  t.deepEqual(said!.content.map(({ type }) => type), ['text'])
})

test('a turn in which another provider\'s model only thought is left out for Anthropic', async t => {
  const { messages } = await sent(t, '/v1/messages', { model: 'm', max_tokens: 10, messages: [user, { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: '' }] }, user] })
  t.deepEqual(messages as unknown, [user, user])
})

const response = (completion: ChatCompletion): readonly Body[] =>
  chatToResponse({ id: 'resp_1', createdAt: 0, request: { model: 'm' }, newId: prefix => `${prefix}1`, now: () => 0, completion, usage: null }).output as unknown as readonly Body[]

test('the output of another provider\'s model goes to OpenAI as input that it can read', async t => {
  const [, call] = response(gemini)
  const output = { type: 'function_call_output', call_id: call!.call_id, output: 'fine' }
  const input = (await sent(t, '/v1/responses', { model: 'm', input: [user, ...response(gemini), output, ...response(claude), ...response(reasoner), user] })).input as Body[]
  t.deepEqual(input.map(({ type, role }) => type ?? role), ['user', 'function_call', 'function_call_output', 'message', 'message', 'user'])
  t.regex(String(input[1]!.call_id), /^call_[0-9a-f]{32}$/)
  t.is(input[2]!.call_id, input[1]!.call_id)
  t.is(input[1]!.extra_content, undefined)
})

test('OpenAI\'s own reasoning goes back to it where it can read it, and not as an id of what it was asked not to store', async t => {
  const readable = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAAABo' }
  const { input } = await sent(t, '/v1/responses', { model: 'm', input: [user, readable, { type: 'reasoning', id: 'rs_2', summary: [] }, { type: 'web_search_call', id: 'ws_1' }] })
  t.deepEqual(input as unknown, [user, readable, { type: 'web_search_call', id: 'ws_1' }])
})

test('what a provider of the dialect said itself goes back as it came', async t => {
  const content = [{ type: 'thinking', thinking: '', signature: 'c2ln' }, { type: 'thinking', thinking: 'of a server that does not sign' }, { type: 'redacted_thinking', data: 'x' }, { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }]
  const body = { model: 'u', max_tokens: 10, messages: [user, { role: 'assistant', content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1' }] }] }
  t.deepEqual(await sent(t, '/v1/messages', body), body)
  t.deepEqual(await sent(t, '/v1/responses', { model: 'u', input: 'Go' }), { model: 'u', input: 'Go' })
})
