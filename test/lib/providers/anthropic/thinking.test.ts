import test from 'ava'
import type { ChatRequest } from '../../../../lib/contracts/chat.ts'
import { toMessagesRequest } from '../../../../lib/providers/anthropic/request.ts'

const tools = [{ type: 'function', function: { name: 'weather' } }] as const
const looped: ChatRequest['messages'] = [
  { role: 'user', content: 'Hello' },
  { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'weather', arguments: '' } }] },
  { role: 'tool', tool_call_id: 'a', content: 'x' }
]
const kept: ChatRequest['messages'] = looped.map(message => message.role === 'assistant' ? { ...message, thinking_blocks: [{ type: 'thinking', thinking: 'Hm', signature: 's' }] } : message)

const budget = 'claude-sonnet-4-5-20250929'
const adaptive = 'claude-opus-4-7'
const off = { thinking: undefined, output_config: undefined }

const cases: ReadonlyArray<readonly [title: string, request: Partial<ChatRequest>, expected: Record<string, unknown>]> = [
  ['nothing asked, nothing said', { model: budget }, { ...off, max_tokens: 4096 }],
  ['a model with a budget gets one and room for the answer beside it', { model: budget, reasoning_effort: 'medium' }, { thinking: { type: 'enabled', budget_tokens: 8192 }, max_tokens: 8192 + 4096, output_config: undefined }],
  ['the budget is at most half of the limit the client set', { model: budget, reasoning_effort: 'high', max_completion_tokens: 6000 }, { thinking: { type: 'enabled', budget_tokens: 3000 }, max_tokens: 6000 }],
  ['a limit without room for the least budget means no thinking', { model: budget, reasoning_effort: 'high', max_completion_tokens: 2047 }, { ...off, max_tokens: 2047 }],
  ['a newer model thinks adaptively, by effort', { model: adaptive, reasoning_effort: 'high' }, { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'high' }, max_tokens: 4096 }],
  ['the least effort is low', { model: adaptive, reasoning_effort: 'minimal' }, { output_config: { effort: 'low' } }],
  ['effort none switches thinking off', { model: adaptive, reasoning_effort: 'none' }, { thinking: { type: 'disabled' }, output_config: undefined }],
  ['thinking drops the temperature', { model: adaptive, reasoning_effort: 'low', temperature: 0.2, top_p: 0.5, top_k: 40 }, { temperature: undefined, top_p: undefined, top_k: undefined }],
  ['a temperature stays where thinking is switched off', { model: budget, reasoning_effort: 'none', temperature: 0.2 }, { temperature: 0.2 }],
  ['a forced tool excludes a thinking budget (litellm #8901)', { model: budget, reasoning_effort: 'high', tools, tool_choice: 'required' }, { ...off, tool_choice: { type: 'any' } }],
  ['a forced tool leaves a newer model its effort only', { model: adaptive, reasoning_effort: 'high', tools, tool_choice: { type: 'function', function: { name: 'weather' } } }, { thinking: undefined, output_config: { effort: 'high' } }],
  ['calls whose thinking the client lost are answered without a budget', { model: budget, reasoning_effort: 'high', tools, messages: looped }, off],
  ['calls whose thinking came back go on thinking', { model: budget, reasoning_effort: 'high', tools, messages: kept }, { thinking: { type: 'enabled', budget_tokens: 16384 } }],
  ['a newer model goes on without its thinking', { model: adaptive, reasoning_effort: 'high', tools, messages: looped }, { thinking: { type: 'adaptive', display: 'summarized' } }]
]

for (const [title, request, expected] of cases) {
  test(`anthropic thinking: ${title}`, t => {
    const translated = toMessagesRequest({ model: adaptive, messages: [{ role: 'user', content: 'Hello' }], ...request }) as unknown as Record<string, unknown>
    t.deepEqual(Object.fromEntries(Object.keys(expected).map(name => [name, translated[name]])), expected)
  })
}

const generations = {
  enabled: ['claude-3-7-sonnet-20250219', 'claude-sonnet-4-20250514', 'claude-opus-4-0', 'claude-opus-4-1-20250805', 'claude-opus-4-5', 'anthropic.claude-haiku-4-5-20251001-v1:0'],
  adaptive: ['claude-opus-4-6', 'claude-sonnet-4-6', 'claude-opus-4-8', 'claude-sonnet-5', 'claude-haiku-5-5', 'claude-opus-5-5', 'claude-fable-5-1', 'sim-claude']
} as const

for (const [type, names] of Object.entries(generations)) {
  test(`anthropic thinking: the models that think ${type === 'enabled' ? 'within a budget' : 'adaptively'} are known by their names`, t => {
    for (const model of names) t.is(toMessagesRequest({ model, messages: [{ role: 'user', content: 'x' }], reasoning_effort: 'low' }).thinking?.type, type as 'enabled', model)
  })
}
