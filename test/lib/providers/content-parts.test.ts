import test from 'ava'
import type { ExecutionContext } from 'ava'
import { createMessagesStream } from '../../../lib/dialects/messages/index.ts'
import { createOpenAICompatible } from '../../../lib/providers/openai-compatible.ts'
import { withoutContentParts } from '../../../lib/providers/openai/content-parts.ts'
import type { Provider, StreamEvent } from '../../../lib/providers/types.ts'
import { fold } from '../dialects/messages/_fold.ts'
import { replaying } from '../dialects/_replay.ts'
import { providerAt, startUpstream } from './_upstream.ts'

// as Mistral's models that think answer
const head = { id: 'cmpl-1', created: 1_700_000_000, model: 'magistral-medium-latest' }
const usage = { prompt_tokens: 9, completion_tokens: 20, total_tokens: 29 }
const thinking = (text: string): object => ({ type: 'thinking', thinking: [{ type: 'text', text }], closed: true })
const chunk = (delta: object, finish: string | null = null, more: object = {}): string =>
  JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }], ...more })
const chunks = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: [thinking('Let me ')] }),
  chunk({ content: [thinking('think')] }),
  chunk({ content: [{ type: 'text', text: 'It is' }] }),
  chunk({ content: ' 4.' }),
  chunk({ content: '' }, 'model_length', { usage })
]

async function mistral (t: ExecutionContext, contentType: string, body: string): Promise<Provider> {
  const upstream = await startUpstream((_request, response) => { response.writeHead(200, { 'content-type': contentType }).end(body) })
  const provider = createOpenAICompatible(providerAt(upstream.url, { kind: 'mistral' }))
  t.teardown(async () => { await Promise.all([provider.close(), upstream.close()]) })
  return provider
}

const call = { endpoint: '/v1/chat/completions', body: '{"model":"m"}', clientRequestId: 'r', timeout: 5_000, maxAnswerBytes: 1_000_000 } as const

async function streamed (t: ExecutionContext): Promise<StreamEvent[]> {
  const provider = await mistral(t, 'text/event-stream', [...chunks, '[DONE]'].map(data => `data: ${data}\n\n`).join(''))
  const events: StreamEvent[] = []
  const outcome = await provider.stream({
    ...call,
    body: '{"model":"m","stream":true}',
    idleTimeout: 2_000,
    sink: {
      events (arrived) {
        events.push(...arrived)
        return true
      }
    }
  })
  t.like(outcome.usage, { inputTokens: 9, outputTokens: 20 })
  return events
}

test('content in parts, as Mistral answers while it thinks, is a text with its thoughts beside it', async t => {
  const content = [thinking('Let me think'), { type: 'text', text: 'It is 4.' }, { type: 'reference', reference_ids: [1] }]
  const provider = await mistral(t, 'application/json', JSON.stringify({ ...head, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'model_length' }], usage }))
  const { body } = await provider.call(call)
  t.deepEqual(JSON.parse(body), {
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'It is 4.', reasoning_content: 'Let me think' }, finish_reason: 'length' }],
    usage
  })
})

test('a stream of content in parts reaches OpenAI\'s SDK as text', async t => {
  const client = await replaying(t, await streamed(t), 'data: [DONE]\n\n')
  let text = ''
  let finish: string | null = null
  for await (const { choices } of await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: '2 + 2?' }], stream: true })) {
    text += choices[0]!.delta.content ?? ''
    finish = choices[0]!.finish_reason
  }
  t.is(text, 'It is 4.')
  t.is(finish, 'length')
})

test('a stream of content in parts becomes blocks of thinking and text in a message', async t => {
  const stream = createMessagesStream('public')
  const message = fold([...(await streamed(t)).flatMap(({ data }) => stream.push(data)), ...stream.end(null)])
  t.like(message, { content: [{ type: 'thinking', thinking: 'Let me think' }, { type: 'text', text: 'It is 4.' }], stop_reason: 'max_tokens' })
})

test('calls without a word keep null as their content, and thoughts that are a plain text are read', t => {
  const calls = [{ id: 'abcDEF123', type: 'function', function: { name: 'f', arguments: '{}' } }]
  const answer = { choices: [{ index: 0, message: { content: [{ type: 'thinking', thinking: 'hm' }], tool_calls: calls }, finish_reason: 'tool_calls' }] }
  t.deepEqual(JSON.parse(withoutContentParts(JSON.stringify(answer))), {
    choices: [{ index: 0, message: { content: null, tool_calls: calls, reasoning_content: 'hm' }, finish_reason: 'tool_calls' }]
  })
})

test('an answer whose text speaks of such content stays as it is', t => {
  const text = chunk({ content: 'He wrote "content":[1] and "finish_reason":"model_length".' })
  t.is(withoutContentParts(text), text)
})
