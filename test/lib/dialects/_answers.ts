import type { ChatChunk, ChatCompletion, FinishReason, ToolCall } from '../../../lib/contracts/chat.ts'
import type { Usage } from '../../../lib/contracts/prices.ts'
import { seeded } from '../_seeded.ts'

type Message = ChatCompletion['choices'][number]['message']

export interface Answer {
  readonly title: string
  readonly message: Partial<Message>
  readonly finish: FinishReason
  readonly logprobs?: { readonly content: ReadonlyArray<{ readonly token: string, readonly logprob: number, readonly top_logprobs: readonly unknown[] }> }
}

export const usage: Usage = { inputTokens: 100, cachedInputTokens: 30, outputTokens: 20, reasoningTokens: 5, cacheWriteTokens: 10, cacheWriteHourTokens: 7 }

const call = (id: string, name: string, args: string, extra?: ToolCall['extra_content']): ToolCall =>
  ({ id, type: 'function', function: { name, arguments: args }, ...(extra === undefined ? {} : { extra_content: extra }) })

/** Every kind of answer that a chat model gives. */
export const answers: readonly Answer[] = [
  { title: 'text', message: { content: 'Hello there, how are you?' }, finish: 'stop' },
  { title: 'text beyond ASCII', message: { content: 'Grüße 👩‍👩‍👧 «日本語»\n\u2028 "quoted" \\ ' }, finish: 'stop' },
  { title: 'nothing at all', message: { content: '' }, finish: 'stop' },
  { title: 'text cut at its length', message: { content: 'It goes on and' }, finish: 'length' },
  { title: 'text stopped by a filter', message: { content: 'Well, first' }, finish: 'content_filter' },
  { title: 'a refusal', message: { refusal: 'I will not do that.' }, finish: 'stop' },
  { title: 'one call', message: { tool_calls: [call('call_a', 'weather', '{"city":"Oslo","days":3}')] }, finish: 'tool_calls' },
  { title: 'a call without arguments', message: { tool_calls: [call('call_a', 'now', '')] }, finish: 'tool_calls' },
  { title: 'text and calls at once', message: { content: 'Let me look.', tool_calls: [call('call_a', 'weather', '{"city":"}{"}'), call('call_b', 'now', '{}'), call('call_c', 'sum', '{"of":[1,[2,{"three":3}]]}')] }, finish: 'tool_calls' },
  { title: 'calls of which one has no arguments', message: { tool_calls: [call('call_a', 'now', ''), call('call_b', 'weather', '{"city":"Rome"}'), call('call_c', 'now', '')] }, finish: 'tool_calls' },
  { title: 'calls that the provider ended with stop', message: { tool_calls: [call('call_a', 'weather', '{"city":"Oslo"}')] }, finish: 'stop' },
  { title: 'a call with a thought signature', message: { tool_calls: [call('call_a', 'weather', '{"city":"Oslo"}', { google: { thought_signature: 'c2ln' } })] }, finish: 'tool_calls' },
  { title: 'thoughts and text', message: { reasoning_content: 'First I think about it. ', content: 'Then I speak.' }, finish: 'stop' },
  {
    title: 'signed and hidden thoughts before a call',
    message: {
      reasoning_content: 'I should look at the weather.',
      thinking_blocks: [{ type: 'thinking', thinking: 'I should look at the weather.', signature: 'EqQB' }, { type: 'redacted_thinking', data: 'aGlkZGVu' }],
      content: 'One moment.',
      tool_calls: [call('call_a', 'weather', '{"city":"Oslo"}')]
    },
    finish: 'tool_calls'
  },
  { title: 'only hidden thoughts and text', message: { thinking_blocks: [{ type: 'redacted_thinking', data: 'aGlkZGVu' }], content: 'Done.' }, finish: 'stop' },
  { title: 'text with log probabilities', message: { content: 'abc' }, finish: 'stop', logprobs: { content: ['a', 'b', 'c'].map((token, place) => ({ token, logprob: -place - 0.5, top_logprobs: [] })) } }
]

export function completionOf ({ message, finish, logprobs = undefined }: Answer): ChatCompletion {
  return {
    id: 'chatcmpl-42',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'upstream-model',
    choices: [{ index: 0, message: { role: 'assistant', content: null, refusal: null, ...message }, finish_reason: finish, logprobs: logprobs ?? null }],
    usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, prompt_tokens_details: { cached_tokens: 30 }, completion_tokens_details: { reasoning_tokens: 5 } }
  }
}

/** The same answer as the data of a stream's chunks, cut at random places. `interleaved`: the pieces of parallel calls come mixed. */
export function chunksOf (answer: Answer, seed: number, { interleaved = false } = {}): string[] {
  const random = seeded(seed)
  const { message, finish, logprobs } = answer
  const deltas: Array<{ delta: ChatChunk['choices'][number]['delta'], logprobs?: unknown }> = [{ delta: { role: 'assistant', content: '' } }]
  const cut = (text: string): string[] => {
    const pieces: string[] = []
    for (let from = 0; from < text.length;) {
      const to = from + 1 + Math.floor(random() * 6)
      pieces.push(text.slice(from, to))
      from = to
    }
    return pieces
  }
  for (const piece of cut(message.reasoning_content ?? '')) deltas.push({ delta: { reasoning_content: piece } })
  for (const block of message.thinking_blocks ?? []) deltas.push({ delta: { thinking_blocks: [block] } })
  if (logprobs === undefined) for (const piece of cut(message.content ?? '')) deltas.push({ delta: { content: piece } })
  else for (const entry of logprobs.content) deltas.push({ delta: { content: entry.token }, logprobs: { content: [entry] } })
  for (const piece of cut(message.refusal ?? '')) deltas.push({ delta: { refusal: piece } })
  const perCall = (message.tool_calls ?? []).map((call, index) => [
    { index, id: call.id, type: 'function' as const, function: { name: call.function.name, arguments: '' }, ...(call.extra_content === undefined ? {} : { extra_content: call.extra_content }) },
    ...cut(call.function.arguments).map(piece => ({ index, function: { arguments: piece } }))
  ])
  const sizes = perCall.map(pieces => pieces.length)
  while (perCall.some(pieces => pieces.length > 0)) {
    // calls begin in their order, also where their pieces mix
    const left = perCall.filter((pieces, index) => pieces.length > 0 && (index === 0 || perCall[index - 1]!.length < sizes[index - 1]!))
    const from = interleaved ? left[Math.floor(random() * left.length)]! : left[0]!
    deltas.push({ delta: { tool_calls: [from.shift()!] } })
  }
  const head = { id: 'chatcmpl-42', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'upstream-model' }
  return [
    ...deltas.map(({ delta, logprobs: probabilities }) => JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason: null, logprobs: probabilities ?? null }] })),
    JSON.stringify({ ...head, choices: [{ index: 0, delta: {}, finish_reason: finish }] })
  ]
}
